"""The vLLM engine: offline, in this process or beside it, in a sliding window. Only file that imports vllm."""

import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from math import exp
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.engines.vllm.gpu_clock import GpuClock
from models.engines.vllm.label_probabilities import label_probabilities
from models.engines.vllm.options import VllmOptions
from models.engines.vllm.tokenizer import ChatTokenizer
from models.engines.vllm.watchdog import wake_when_dead
from models.engines.window import Window
from models.errors import EngineDied, EngineStartError, PromptTooLong
from models.gpu_time import GpuTime
from models.requests import (
    AnswerIndex,
    Choice,
    Completion,
    FreeText,
    JsonObject,
    JsonValue,
    Message,
    OutputFormat,
    Request,
    Usage,
)

if TYPE_CHECKING:
    from vllm import LLM, RequestOutput, SamplingParams

log = logging.getLogger(__name__)


class VllmEngine:
    """A loaded model. The load is the constructor's work; a closed engine cannot stream."""

    name = "vllm"

    def __init__(self, options: VllmOptions) -> None:
        self.options = options
        self.model = options.name
        self._clock = GpuClock()
        with self._clock.loading():
            self._llm: LLM | None = _load(options)
            self._tokenizer = self._llm.get_tokenizer()
        self._chat = ChatTokenizer(self._tokenizer)
        wake_when_dead(self._llm.llm_engine.engine_core)
        self.max_model_len: int = self._llm.model_config.max_model_len
        self._lora = _lora_request(options.lora_adapter)

    def stream(
        self,
        requests: Iterable[Request | None],
        *,
        answers: AnswerIndex | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Completion]:
        """Answer `requests` as `models.engines.base.Engine.stream` says. Raises `EngineDied`."""
        llm = self._alive()
        window = Window(requests, self.options.window, self.options.lookahead, answers)
        started: dict[str, tuple[Request, int]] = {}
        try:
            while not (window.exhausted or stop()):
                yield from self._submit(llm, window, started)
                yield from window.reused()
                if not window.in_flight:
                    continue
                for output in self._step(llm):
                    if output.finished:
                        request, since = started.pop(output.request_id)
                        completion = _completion(request, output, time.monotonic_ns() - since)
                        yield from window.finish(completion)
        finally:
            if started and self._llm is not None:
                self._abort(llm, list(started))

    def lap(self) -> GpuTime:
        """Return the load, busy and idle time since the last lap (or since the load began)."""
        return self._clock.lap()

    def close(self) -> None:
        """Free the engine's memory."""
        if self._llm is None:
            return
        self._llm.llm_engine.engine_core.shutdown()
        self._llm = None

    def prompt_token_ids(self, request: Request) -> list[int]:
        """Apply the model's chat template to a request, once, and return the token ids."""
        return self._chat.prompt_token_ids(request.messages)

    def _alive(self) -> "LLM":
        if self._llm is None:
            msg = "the engine is closed"
            raise EngineDied(msg)
        return self._llm

    def _submit(
        self, llm: "LLM", window: Window[Request], started: dict[str, tuple[Request, int]]
    ) -> Iterator[Completion]:
        """Hand the engine what the window lets in; yield what it refuses."""
        from vllm.exceptions import VLLMValidationError  # noqa: PLC0415  vllm is slow to import
        from vllm.v1.engine.exceptions import EngineDeadError  # noqa: PLC0415

        for request in window.take():
            ids = self.prompt_token_ids(request)
            if (rejected := self._check(request, len(ids))) is not None:
                yield from window.finish(rejected)
                continue
            request_id = str(request.id)
            try:
                llm.llm_engine.add_request(
                    request_id,
                    {"prompt_token_ids": ids},
                    sampling_params(request.output, request.max_tokens, self.options.seed),
                    lora_request=self._lora,
                )
            except VLLMValidationError as error:
                yield from window.finish(Completion(request, rejection="refused", detail=one_line(error)))
            except EngineDeadError as error:
                raise self._died(error) from error
            else:
                started[request_id] = (request, time.monotonic_ns())

    def _check(self, request: Request, input_tokens: int) -> Completion | None:
        if not any(m.content.strip() for m in request.messages if m.role == "user"):
            return Completion(request, rejection="empty", detail="the prompt has no user text")
        if input_tokens + request.max_tokens > self.max_model_len:
            self._check_prompt(request)
            detail = (
                f"{input_tokens} prompt tokens and {request.max_tokens} for the answer "
                f"exceed the model's {self.max_model_len}"
            )
            return Completion(request, rejection="too_long", detail=detail)
        return None

    def _check_prompt(self, request: Request) -> None:
        """See that the prompt without its record leaves room for one. Raises `PromptTooLong`."""
        *constant, last = request.messages
        tokens = len(self._chat.prompt_token_ids((*constant, Message(last.role, "")))) if constant else 0
        if tokens + request.max_tokens >= self.max_model_len:
            msg = (
                f"the prompt alone has {tokens:,} tokens, with {request.max_tokens:,} for the answer, and {self.model} takes "
                f"{self.max_model_len:,}: shorten prompt, labels or examples, lower max_tokens, or raise max_model_len"
            )
            raise PromptTooLong(msg)

    def _step(self, llm: "LLM") -> "list[RequestOutput]":
        try:
            with self._clock.busy():
                outputs: list[RequestOutput] = llm.llm_engine.step()
        except Exception as error:
            # Whatever escapes from a step leaves the engine in an unknown state: all of it means "died".
            raise self._died(error) from error
        return outputs

    def _died(self, error: Exception) -> EngineDied:
        self._llm = None
        return EngineDied(f"the vLLM engine died: {one_line(error)}")

    def _abort(self, llm: "LLM", request_ids: list[str]) -> None:
        llm.llm_engine.abort_request(request_ids)
        while llm.llm_engine.has_unfinished_requests():
            self._step(llm)


@lru_cache(maxsize=64)
def sampling_params(output: OutputFormat, max_tokens: int, seed: int) -> "SamplingParams":
    """Greedy decoding of one output format, with what its confidence needs."""
    from vllm import SamplingParams  # noqa: PLC0415  vllm is slow to import
    from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams  # noqa: PLC0415

    match output:
        case Choice(labels):
            structured = StructuredOutputsParams(choice=list(labels))
            logprobs = min(max(len(labels), 2), MAX_LOGPROBS)
        case JsonObject(schema):
            structured = StructuredOutputsParams(json=schema)
            logprobs = 0  # only the chosen token's own
        case FreeText():
            structured, logprobs = None, 0
    return SamplingParams(
        temperature=0.0,
        seed=seed,
        max_tokens=max_tokens,
        logprobs=logprobs,
        structured_outputs=structured,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )


MAX_LOGPROBS = 128


def one_line(error: BaseException) -> str:
    """Return the error's type and first line, without anything that could hold a prompt."""
    first = str(error).strip().split("\n", 1)[0]
    return f"{type(error).__name__}: {first[:200]}" if first else type(error).__name__


def _completion(request: Request, output: "RequestOutput", engine_ns: int) -> Completion:
    answer = output.outputs[0]
    usage = Usage(
        input_tokens=len(output.prompt_token_ids or []),
        cached_tokens=output.num_cached_tokens or 0,
        output_tokens=len(answer.token_ids),
    )
    value, confidence, probabilities = _value(request.output, answer)
    return Completion(
        request,
        text=answer.text,
        value=value,
        usage=usage,
        finish_reason=answer.finish_reason,
        confidence=confidence,
        label_probabilities=probabilities,
        engine_ns=engine_ns,
    )


def _value(output: OutputFormat, answer: Any) -> tuple[JsonValue, float | None, dict[str, float] | None]:  # noqa: ANN401  vllm's own type is untyped here
    """Parse the answer; return value, confidence and the labels' probabilities."""
    if isinstance(output, Choice):
        if answer.text not in output.labels:
            return None, None, None
        steps = [{lp.decoded_token: lp.logprob for lp in step.values()} for step in answer.logprobs]
        decoded = [
            step[token].decoded_token for step, token in zip(answer.logprobs, answer.token_ids, strict=True)
        ]
        probabilities = label_probabilities(output.labels, steps, decoded, answer.text)
        return answer.text, probabilities[answer.text], probabilities
    try:
        value: JsonValue = answer.text if isinstance(output, FreeText) else json.loads(answer.text)
    except ValueError:
        return None, None, None
    return value, exp(answer.cumulative_logprob / max(len(answer.token_ids), 1)), None


def _lora_request(adapter: Path | None) -> Any:  # noqa: ANN401  vllm's own type, imported late
    if adapter is None:
        return None
    from vllm.lora.request import LoRARequest  # noqa: PLC0415

    return LoRARequest(adapter.name, 1, str(adapter))


def _load(options: VllmOptions) -> "LLM":
    """Load the model. Raises `EngineStartError` with one line that says what failed."""
    os.environ.update(options.environment())
    # Else vLLM configures logging anew, which flushes every handler under logging's own lock: Prefect's then waits
    # for a thread that waits for that lock, and a flow run hangs for good while it loads the model.
    os.environ.setdefault("VLLM_CONFIGURE_LOGGING", "0")
    log.info("loading %s", options.name)
    try:
        from vllm import LLM  # noqa: PLC0415  reads the environment that was just set

        return LLM(**options.arguments())
    except Exception as error:
        # vLLM raises anything from OSError to bare RuntimeError here; for the user they are one thing.
        msg = f"vLLM cannot load {options.name}: {one_line(error)}; `breakeven doctor` checks the machine"
        raise EngineStartError(msg) from error
