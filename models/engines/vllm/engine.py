"""The vLLM engine: offline, in this process or beside it, in a sliding window."""

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from math import exp, isfinite
from typing import TYPE_CHECKING, Any

import orjson

from models.engines.vllm.label_probabilities import label_probabilities
from models.engines.vllm.loaded import LoadedModel, one_line
from models.engines.vllm.options import VllmOptions
from models.engines.vllm.prompts_ahead import Prompt, PromptsAhead
from models.engines.vllm.tokenizer import ChatTokenizer
from models.engines.window import Window
from models.errors import PromptTooLong, UsageError
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
from models.settings import Settings

if TYPE_CHECKING:
    from vllm import RequestOutput, SamplingParams


class VllmEngine:
    """A loaded model, asked with one adapter (or none) and one chat template. A closed engine cannot stream."""

    name = "vllm"

    def __init__(self, options: VllmOptions, loaded: LoadedModel | None = None) -> None:
        """Load the model, unless it is in memory already: `loaded`, which has the adapter of `options`."""
        self.options = options
        self.model = options.name
        self._loaded = LoadedModel(options) if loaded is None else loaded
        self._chat = ChatTokenizer(self._loaded.tokenizer, options.chat_template, options.template_arguments)
        for note in self._chat.notes:
            self._loaded.say_once(f"{options.name}: {note}")
        self._lora = self._loaded.lora_request(options.lora_adapter)

    @property
    def max_model_len(self) -> int:
        """Tokens of a prompt with its answer."""
        return self._loaded.max_model_len

    def reuse_for(self, settings: Settings) -> "VllmEngine | None":
        """Return the loaded model as these settings use it: with their adapter and template; None for another load."""
        options = VllmOptions.from_settings(settings, on_cpu=self.options.on_cpu)
        loaded = self._loaded.options
        if not self._loaded.alive or options.load_key() != loaded.load_key():
            return None
        if options.lora_adapter is not None and options.lora_adapter not in loaded.lora_adapters:
            return None
        return VllmEngine(options, self._loaded)

    def stream(
        self,
        requests: Iterable[Request | None],
        *,
        answers: AnswerIndex | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Completion]:
        """Answer `requests` as `models.engines.base.Engine.stream` says. Raises `EngineDied`."""
        self._loaded.llm()  # of a closed engine this is an error before anything is read
        ahead_of_window = self.options.window + self.options.max_num_seqs
        window = Window(requests, ahead_of_window, self.options.lookahead, answers)
        started: dict[str, tuple[Request, int]] = {}
        with PromptsAhead(self._make_prompts) as ahead:
            try:
                while not (window.exhausted or stop()):
                    yield from self._submit(window, ahead, started)
                    yield from window.reused()
                    if not started:
                        continue
                    for output in self._loaded.step():
                        if output.finished:
                            request, since = started.pop(output.request_id)
                            completion = _completion(request, output, time.monotonic_ns() - since)
                            yield from window.finish(completion)
            finally:
                if started:
                    self._loaded.abort(list(started))

    def lap(self) -> GpuTime:
        """Return the load, busy and idle time since the last lap (or since the load began)."""
        return self._loaded.clock.lap()

    def close(self) -> None:
        """Free the model's memory, for whoever uses it."""
        self._loaded.close()

    def prompt_token_ids(self, request: Request) -> list[int]:
        """Apply the model's chat template to a request, once, and return the token ids."""
        return self._chat.prompt_token_ids(request.messages)

    def _make_prompts(self, requests: Sequence[Request]) -> list[Prompt]:
        """Make the prompts of some requests, and see whether the model takes them. Raises `PromptTooLong`."""
        found = self._chat.prompts([one.messages for one in requests])
        refused = [self._check(one, len(ids)) for one, ids in zip(requests, found, strict=True)]
        return [
            Prompt(one, ids if why is None else [], why)
            for one, ids, why in zip(requests, found, refused, strict=True)
        ]

    def _submit(
        self, window: Window[Request], ahead: PromptsAhead, started: dict[str, tuple[Request, int]]
    ) -> Iterator[Completion]:
        """Hand the engine what the window lets in, in order and as if no prompt was made ahead; yield what is refused."""
        ahead.add(window.take())
        while len(started) < self.options.window and (prompt := ahead.next()) is not None:
            refused = prompt.refused or self._start(prompt)
            if refused is None:
                started[str(prompt.request.id)] = (prompt.request, time.monotonic_ns())
            else:
                yield from window.finish(refused)
                ahead.add(window.take())

    def _start(self, prompt: Prompt) -> Completion | None:
        """Hand the engine a prompt; return how it ended where the engine refuses it. Raises `EngineDied`."""
        from vllm.exceptions import VLLMValidationError  # noqa: PLC0415  vllm is slow to import
        from vllm.v1.engine.exceptions import EngineDeadError  # noqa: PLC0415

        request = prompt.request
        try:
            self._loaded.llm().llm_engine.add_request(
                str(request.id),
                {"prompt_token_ids": prompt.ids},
                sampling_params(request.output, request.max_tokens, self.options.seed),
                lora_request=self._lora,
            )
        except VLLMValidationError as error:
            return Completion(request, rejection="refused", detail=one_line(error))
        except EngineDeadError as error:
            raise self._loaded.died(error) from error
        return None

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
            check_grammar(schema)
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


def check_grammar(schema: str) -> None:
    """See that the grammar can hold a schema; vLLM would refuse each record otherwise. Raises `UsageError`."""
    from xgrammar import Grammar  # noqa: PLC0415  vllm brings it

    try:
        Grammar.from_json_schema(schema)
    except RuntimeError as error:
        said = _WHERE_IN_XGRAMMAR.sub("", one_line(error).removeprefix("RuntimeError: "))
        msg = f"the engine's grammar cannot hold the schema: {said}; change the schema"
        raise UsageError(msg) from error


_WHERE_IN_XGRAMMAR = re.compile(r"^\[[\d:]+\] \S+:\d+: ")
MAX_LOGPROBS = 128


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
    try:  # not strict: the grammar lets a record's control characters into a string as they are
        value: JsonValue = answer.text if isinstance(output, FreeText) else _load(answer.text)
        # as parts keep it: half a surrogate pair, which the grammar lets in, would end the run
        orjson.dumps(value)
    except (ValueError, RecursionError, orjson.JSONEncodeError):
        return None, None, None
    return value, exp(answer.cumulative_logprob / max(len(answer.token_ids), 1)), None


def _load(text: str) -> JsonValue:
    value: JsonValue = json.loads(text, strict=False, parse_float=_finite, parse_constant=_finite)
    return value


def _finite(text: str) -> float:
    """Read a number. Raises `ValueError` for one that JSON has no word for, as `1e400` is."""
    if not isfinite(number := float(text)):
        raise ValueError(text)
    return number
