"""What lines of a batch mean that do not say it alone: all of them have to be read."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from uuid import UUID

from models.engines.api.probation import REFUSALS
from models.engines.api.replies import NO_ACCESS_STATUSES, PASSING
from models.engines.api.usage import usage_of
from models.engines.batch.results import BatchResult
from models.engines.batch.status import ProviderBatch

SEE_TO_IT = "see to the account's quota, BREAKEVEN_API_KEY and BREAKEVEN_API_MODEL"
DENIALS = tuple(f"http_{status.value}" for status in sorted(NO_ACCESS_STATUSES))
"""Failures of ledger lines whose request was denied access."""
_PASSING = frozenset(f"http_{status.value}" for status in PASSING)
_LOST = "no_answer"
_NOT_RUN = {"expired": "batch_expired", "cancelled": "batch_cancelled"}


@dataclass(slots=True)
class BatchJudgement:
    """Judges the lines of one batch, as the synchronous engine judges the requests of one run.

    An answer to any line shows that the account and the settings are in order: then a refusal was its own record's
    fault. Without one, a refused key, model or account is everybody's, and so are several requests refused alike.
    """

    provider: ProviderBatch
    fatal: str | None = field(default=None, init=False)
    """Why no request of the account, or with these settings, can pass, if that is so: one line."""
    _held: dict[UUID, BatchResult] = field(default_factory=dict, init=False)
    _left_open: int = field(default=0, init=False)

    def answered(self, *, closed: bool) -> None:
        """Note a line that was answered; `closed`: with a usage, so that its ledger line is closed."""
        self._left_open += not closed

    def hold(self, result: BatchResult) -> None:
        """Keep a result until all lines are read."""
        self._held[result.id] = result

    def denied(self) -> list[UUID]:
        """Return the attempts whose results deny access."""
        return [id_ for id_, result in self._held.items() if result.kind == "fatal"]

    def refused_alike(self, answered: int) -> bool:
        """Whether several requests were refused for no named reason and none was answered, as for `judge`."""
        alike = sum(one.kind in {"refused", "retry"} for one in self._held.values())
        return answered + self._left_open == 0 and alike >= REFUSALS

    def judge(
        self,
        missing: Iterable[UUID],
        *,
        answered: int,
        denied_before: Collection[UUID] = (),
        asks_less: bool = False,
    ) -> Iterator[BatchResult]:
        """Yield each result that was held, and one for each line that is missing: `rejected`, `retry` or `unsure`.

        `answered` are the batch's ledger lines that are closed as answered. `denied_before`: attempts whose record was
        denied access once before, beside others that were answered. `asks_less`: the next batch is rendered otherwise.
        """
        alike = self.refused_alike(answered)
        answered += self._left_open
        failure = _NOT_RUN.get(self.provider.standing, _LOST)
        for result in (
            *self._held.values(),
            *(BatchResult(id_, "unsure", failure=failure) for id_ in missing),
        ):
            match result.kind:
                case "unsure":
                    yield self._unsure(result, answered)
                case "fatal":
                    yield self._denied(result, answered, again=result.id in denied_before)
                case _:
                    yield self._refused(result, alike=alike, asks_less=asks_less)

    def _unsure(self, result: BatchResult, answered: int) -> BatchResult:
        """Believe the counts: where as many were answered as there are answers, nothing else is billed, or says a usage.

        A line that is missing from a batch that was not cut short is a damage that no count explains.
        """
        lost = result.failure == _LOST
        if self.provider.completed == answered and not lost and usage_of(result.body) is None:
            return replace(result, kind="retry", billed=False)
        failure = _LOST if result.failure in _NOT_RUN.values() else result.failure
        return replace(result, failure=failure)

    def _denied(self, result: BatchResult, answered: int, *, again: bool) -> BatchResult:
        """Take a denial for the record's own where others were let in; one that may pass is tried once more."""
        own = (answered or again) and result.verdict is not None and result.verdict.denied
        if not own:
            self.fatal = (
                f"the API takes no request in a batch ({result.detail or result.failure}); {SEE_TO_IT}"
            )
            return replace(result, kind="retry")
        if result.failure in _PASSING and not again:
            return replace(result, kind="retry")
        return replace(result, kind="rejected", rejection=result.rejection or "refused")

    def _refused(self, result: BatchResult, *, alike: bool, asks_less: bool) -> BatchResult:
        if not alike:
            return replace(result, kind="rejected", rejection=result.rejection or "refused")
        if not asks_less:
            self.fatal = (
                f"the API refuses every request of a batch ({result.detail or result.failure}): "
                "check BREAKEVEN_API_MODEL, BREAKEVEN_API_BASE_URL and BREAKEVEN_API_STRUCTURED_OUTPUT"
            )
        return replace(result, kind="retry")
