"""Whether the answers of a batch show that the endpoint passes over `response_format`, as those of requests at once do."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from models.engines.api.chat_format import Parsed
from models.engines.api.permit import ApiRequest
from models.engines.api.probation import REFUSALS
from models.engines.api.schema import instruction
from models.engines.batch.results import BatchResult
from models.requests import FreeText, JsonValue
from tasks.api.learnt import RESPONSE_FORMAT, LearntCapabilities

log = logging.getLogger(__name__)


@dataclass(slots=True)
class BatchFormat:
    """Judges the answers of one batch whose requests ask for a schema and do not tell it in words.

    Where the first `REFUSALS` of them have no value, the schema goes into the prompt of the next batch; until then
    each is held. `accept` takes an answer for what it says, `ask_again` closes it as billed and of no use. Not judged
    is what says itself why it has no value: a refusal, and an answer that was cut off.
    """

    learnt: LearntCapabilities
    body: Mapping[str, JsonValue]
    accept: Callable[[BatchResult], None]
    ask_again: Callable[[BatchResult], None]
    _held: list[BatchResult] = field(default_factory=list, init=False)
    _ignored: bool | None = field(default=None, init=False)
    """None: nobody knows yet."""

    def take(self, result: BatchResult, request: ApiRequest, parsed: Parsed) -> bool:
        """Do with an answer without a value what the others show; False where the answer stands."""
        if parsed.value is not None:
            self.release()
            return False
        said_why = parsed.rejection or parsed.malformed or parsed.finish_reason == "length"
        if self._ignored is False or said_why or not self._may_ignore(request):
            return False
        self._held.append(result)
        if self._ignored is None and len(self._held) == REFUSALS:
            self._ignored = True
            self._learn()
        if self._ignored:
            for one in self._held:
                self.ask_again(one)
            self._held.clear()
        return True

    def release(self) -> None:
        """Accept what is held: the endpoint keeps to the format, or too few answers came to tell."""
        if self._ignored is None:
            self._ignored = False
            for one in self._held:
                self.accept(one)
            self._held.clear()

    def _may_ignore(self, request: ApiRequest) -> bool:
        form = self.body.get(RESPONSE_FORMAT)
        messages = self.body.get("messages")
        if (
            isinstance(request.output, FreeText)
            or not isinstance(form, dict)
            or not isinstance(messages, list)
        ):
            return False
        told = instruction(request.output)
        return form.get("type") == "json_schema" and not any(
            told in str(one.get("content")) for one in messages if isinstance(one, dict)
        )

    def _learn(self) -> None:
        able = self.learnt.read()
        if not able.tells_schema:
            self.learnt.keep(replace(able, tells_schema=True))
            log.warning(
                "the API at %s passes over %s in batches: the next batch has the schema in its prompt",
                self.learnt.options.host,
                RESPONSE_FORMAT,
            )
