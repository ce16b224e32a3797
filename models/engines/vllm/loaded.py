"""A model in vLLM's memory: loaded once, stepped, closed. Who asks it, and how, is the engine's matter."""

import gc
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.engines.vllm.arguments import check_arguments
from models.engines.vllm.gpu_clock import GpuClock
from models.engines.vllm.options import VllmOptions
from models.engines.vllm.remote_code import ask_nobody, refuse_code
from models.engines.vllm.watchdog import wake_when_dead
from models.errors import EngineDied, EngineStartError

if TYPE_CHECKING:
    from vllm import LLM, RequestOutput

log = logging.getLogger(__name__)


class LoadedModel:
    """A loaded model with its adapters. The load is the constructor's work. Raises `EngineStartError`."""

    def __init__(self, options: VllmOptions) -> None:
        self.options = options
        self.clock = GpuClock()
        with self.clock.loading():
            self._llm: LLM | None = _load(options)
            self.tokenizer = self._llm.get_tokenizer()
        wake_when_dead(self._llm.llm_engine.engine_core)
        self._said: set[str] = set()
        self.max_model_len: int = self._llm.model_config.max_model_len

    @property
    def alive(self) -> bool:
        """Whether the model can still be asked."""
        return self._llm is not None

    def say_once(self, line: str) -> None:
        """Log a line the first time that it comes, however many workloads share the load."""
        if line not in self._said:
            self._said.add(line)
            log.warning(line)

    def llm(self) -> "LLM":
        """Return vLLM's own engine. Raises `EngineDied` for one that was closed, or died."""
        if self._llm is None:
            msg = "the engine is closed"
            raise EngineDied(msg)
        return self._llm

    def step(self) -> "list[RequestOutput]":
        """Let the engine make one step; return what it gave. Raises `EngineDied`."""
        llm = self.llm()
        try:
            with self.clock.busy():
                outputs: list[RequestOutput] = llm.llm_engine.step()
        except Exception as error:
            # Whatever escapes from a step leaves the engine in an unknown state: all of it means "died".
            raise self.died(error) from error
        return outputs

    def abort(self, request_ids: list[str]) -> None:
        """Give up requests in flight; nothing to do where the engine died with them."""
        if self._llm is None:
            return
        self._llm.llm_engine.abort_request(request_ids)
        while self._llm.llm_engine.has_unfinished_requests():
            self.step()

    def died(self, error: Exception) -> EngineDied:
        """Take the engine for dead; return what to raise."""
        self._llm = None
        return EngineDied(f"the vLLM engine died: {one_line(error)}")

    def close(self) -> None:
        """Free the model's memory."""
        if self._llm is not None:
            self._llm.llm_engine.engine_core.shutdown()
            self._llm = None
        _collect_frozen()  # an engine in this process holds its weights in cycles

    def lora_request(self, adapter: Path | None) -> Any:  # noqa: ANN401  vllm's own type, imported late
        """Return what a request needs to be answered with an adapter of this load, None without one."""
        if adapter is None:
            return None
        from vllm.lora.request import LoRARequest  # noqa: PLC0415

        number = 1 + self.options.lora_adapters.index(adapter)
        return LoRARequest(str(adapter), number, str(adapter))


def _collect_frozen() -> None:
    """Collect garbage also among what a run leaves out of its collections (`tasks.runtime.gc_freeze`), as what was loaded before it is."""
    frozen = gc.get_freeze_count() > 0
    gc.unfreeze()
    gc.collect()
    if frozen:
        gc.freeze()


def one_line(error: BaseException) -> str:
    """Return the error's type and first line, without anything that could hold a prompt."""
    first = str(error).strip().split("\n", 1)[0]
    return f"{type(error).__name__}: {first[:200]}" if first else type(error).__name__


def hide_llvmlite() -> None:
    """Let llvmlite's library answer for its attributes, so that vLLM can load another model after one with speculation.

    n-gram speculation imports numba, and with it llvmlite, whose library object takes any name for a function's, also
    `__dict__`; vLLM's scan of all modules for its kernels, at the next load on a CPU, takes that for a dictionary.
    """
    found = sys.modules.get("llvmlite.binding.ffi")
    functions = getattr(getattr(found, "lib", None), "_fntab", None)
    if isinstance(functions, dict):
        functions.setdefault("__dict__", {})


def _load(options: VllmOptions) -> "LLM":
    """Load the model. Raises `EngineStartError` with one line that says what failed, `UsageError` for an unknown argument and for code."""
    os.environ.update(options.environment())
    # Else vLLM configures logging anew, which flushes every handler under logging's own lock: Prefect's then waits
    # for a thread that waits for that lock, and a flow run hangs for good while it loads the model.
    os.environ.setdefault("VLLM_CONFIGURE_LOGGING", "0")
    hide_llvmlite()
    log.info("loading %s", options.base_name)
    check_arguments(options.further_arguments)
    ask_nobody()
    try:
        from vllm import LLM  # noqa: PLC0415  reads the environment that was just set

        return LLM(**options.arguments())
    except Exception as error:
        if not options.trust_remote_code:
            refuse_code(options.base_name, options.path, error)
        # vLLM raises anything from OSError to bare RuntimeError here; for the user they are one thing.
        msg = (
            f"vLLM cannot load {options.base_name}: {one_line(error)}; `breakeven doctor` checks the machine"
        )
        raise EngineStartError(msg) from error
