"""What the tests of the real engine share: the engine on loan, and vLLM's own API server as another machine's."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from socket import socket
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from models.economics.gpu_time import GpuTime
from models.engines.base import AnswerIndex, Completion, LocalEngine, Request, Usage

HOST = "127.0.0.1"
API_MODEL = "api-smollm2"
CONTEXT = 2048  # tokens of the API server's model; the local engine of the tests has half of that
START_SECONDS = 300
ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
}


class Counting:
    """Hands everything to the real engine and adds up the usage that it reports; stays open."""

    def __init__(self, engine: LocalEngine) -> None:
        self._engine = engine
        self.name, self.model = engine.name, engine.model
        self.usages: list[Usage] = []

    def stream(
        self,
        requests: Iterable[Request | None],
        *,
        answers: AnswerIndex | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Completion]:
        """Pass the real completions on."""
        for completion in self._engine.stream(requests, answers=answers, stop=stop):
            if completion.usage is not None:
                self.usages.append(completion.usage)
            yield completion

    def lap(self) -> GpuTime:
        """Return the real engine's lap."""
        return self._engine.lap()

    def close(self) -> None:
        """Leave the engine to the other tests."""


class ApiServer:
    """vLLM's OpenAI-compatible server, in a process of its own. Its log is a file."""

    def __init__(self, model: Path, log: Path) -> None:
        """Start it; it is not ready yet."""
        with socket() as listener:
            listener.bind((HOST, 0))
            self.port = int(listener.getsockname()[1])
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *self._options(model)],
                env=os.environ | ENVIRONMENT,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait_until_ready(self) -> None:
        """Return once it answers; fail with its log if it ends before, or takes too long."""
        deadline = time.monotonic() + START_SECONDS
        while not self._is_healthy():
            if self._process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"the API server did not start:\n{self.log()}")
            time.sleep(0.5)

    def log(self, lines: int = 60) -> str:
        """Return the end of its log."""
        return "\n".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _is_healthy(self) -> bool:
        try:
            with urlopen(f"http://{HOST}:{self.port}/health", timeout=5):
                return True
        except (URLError, OSError):
            return False

    def _options(self, model: Path) -> list[str]:
        options = {
            "--model": model,
            "--served-model-name": API_MODEL,
            "--dtype": "float32",
            "--distributed-executor-backend": "uni",
            "--host": HOST,
            "--port": self.port,
            "--max-model-len": CONTEXT,
            "--max-num-seqs": 8,
            "--block-size": 32,  # the least that the CPU takes: shared prefixes are reused, and reported
            # Free white space costs a small model its whole answer (max_tokens is 16).
            "--structured-outputs-config": '{"backend": "xgrammar", "disable_any_whitespace": true}',
        }
        words = [str(word) for option in options.items() for word in option]
        return [*words, "--enforce-eager", "--enable-prompt-tokens-details"]
