"""vLLM's own OpenAI-compatible server over a local model, in a process of its own: an API that is a real model."""

import os
import subprocess
import sys
import time
from pathlib import Path
from socket import socket
from typing import Self
from urllib.error import URLError
from urllib.request import urlopen

HOST = "127.0.0.1"
START_SECONDS = 300.0
ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
}


class ModelServer:
    """The server. Its log is a file. A context manager that waits until it answers, and ends it."""

    def __init__(self, model: Path, log: Path, *, name: str, context: int = 2048) -> None:
        """Start it, with the model served under `name` and so many tokens of context; it is not ready yet."""
        with socket() as listener:
            listener.bind((HOST, 0))
            self.port = int(listener.getsockname()[1])
        self.url = f"http://{HOST}:{self.port}/v1"
        self._log = log
        options = {
            "--model": model,
            "--served-model-name": name,
            "--dtype": "float32",
            "--distributed-executor-backend": "uni",
            "--host": HOST,
            "--port": self.port,
            "--max-model-len": context,
            "--max-num-seqs": 8,
            "--block-size": 32,  # the least that the CPU takes: shared prefixes are reused, and reported
            # Free white space costs a small model its whole answer (max_tokens is 16).
            "--structured-outputs-config": '{"backend": "xgrammar", "disable_any_whitespace": true}',
        }
        words = [str(word) for option in options.items() for word in option]
        command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *words]
        command += ["--enforce-eager", "--enable-prompt-tokens-details"]
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command, env=os.environ | ENVIRONMENT, stdout=output, stderr=subprocess.STDOUT
            )

    def __enter__(self) -> Self:
        """Wait until it answers."""
        try:
            self.wait_until_ready()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.close()

    def wait_until_ready(self) -> None:
        """Return once it answers. Raises `RuntimeError` with its log if it ends before, or takes too long."""
        deadline = time.monotonic() + START_SECONDS
        while not self._is_healthy():
            if self._process.poll() is not None or time.monotonic() > deadline:
                msg = f"the model server did not start:\n{self.log()}"
                raise RuntimeError(msg)
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
