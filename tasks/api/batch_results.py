"""The results of a batch that has ended: each closes its attempt; what no line answers is asked for again."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from db import attempts, batches, reference
from db.endpoints import read_learnt
from models.economics.pricing import Price
from models.engines.api.capabilities import EndpointCapabilities
from models.engines.api.chat_format import parse_answer, read_exchange, request_body
from models.engines.api.permit import ApiRequest
from models.engines.api.served import served_of
from models.engines.api.usage import usage_of
from models.engines.batch.results import BatchResult, ResultReader
from models.engines.batch.status import BatchApiRefused, BatchApiUnavailable, ProviderBatch
from models.engines.window import is_parsed
from models.errors import ApiAccessError
from models.ledger.accounting import LinePrices, closing_unserved
from models.ledger.line import Closing
from models.records import Escalated
from models.requests import Answer, ClosedAttempt, Completion, Exchange, Served
from tasks.api.batch_submit import Submitter
from tasks.api.requests import ApiRequests
from tasks.storage.committer import Committer
from tasks.storage.escalation_queue import AT_ONCE, QUEUED
from tasks.storage.open_version import OpenVersion
from tasks.storage.outcomes import Outcomes
from tasks.storage.scratch_db import Scratch

if TYPE_CHECKING:
    from models.engines.batch.client import BatchClient

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BatchAttemptBook:
    """Closes attempts of batches that served no record: what was answered is charged at the line's price."""

    price: Price

    def unserved(self, attempt: ClosedAttempt) -> Closing:
        """Close an attempt that served no record. One of unknown outcome is not closed here, but with its batch."""
        return closing_unserved(attempt, self.price, 0)

    def served(self, attempt: ClosedAttempt) -> int:
        """Nothing is held in memory for an attempt of a batch."""
        del attempt
        return 0


@dataclass(slots=True)
class BatchResults:
    """Accepts the results of batches, whenever their lines were opened and at whatever price."""

    version: OpenVersion
    requests: ApiRequests
    scratch: Scratch
    committer: Committer
    outcomes: Outcomes
    submitter: Submitter
    stop: Callable[[], bool]
    _prices: dict[int, Price] = field(default_factory=dict, init=False)
    fatal: str | None = field(default=None, init=False)
    """Code of a refusal that no request can pass, if a result told of one."""

    def take(self, client: "BatchClient", batch: batches.Batch, provider: ProviderBatch) -> None:
        """Accept the results of a batch, commit them, and close it; if told to stop, as far as it got.

        A line that is not answered keeps its upper bound, its outcome unknown, and its record is asked
        for again.
        """
        lines = {one.id: one for one in self.submitter.lines(batch)}
        reader = ResultReader(lines)
        for result in _read(client, provider, reader):
            self._accept(result, lines[result.id], served_of(result.body, {}, batch.model))
            self.committer.tick()
            if self.stop():
                return
        self.committer.flush()
        self.close(batch, "collected")
        for line_id in reader.missing:
            self.scratch.waiting.requeue_after(lines[line_id].record_key, lines[line_id].attempt)
        log.info(
            "batch %s is collected: %s requests, %s of them without a result, %s damaged lines",
            provider.id,
            len(lines),
            len(reader.missing),
            reader.tally.undecodable,
        )
        self.forget_texts(client, provider)

    def lose(self, batch: batches.Batch, failure: str) -> None:
        """Give up a batch whose answers cannot be had any more, though they may be billed."""
        lines = self.submitter.lines(batch)
        self.close(batch, "abandoned", failure)
        for one in lines:
            self.scratch.waiting.requeue_after(one.record_key, one.attempt)

    def close(self, batch: batches.Batch, state: batches.Ending, error: str | None = None) -> None:
        """Close a batch; lines that it leaves open are of unknown outcome from then on."""
        version = self.version

        def write(session: Session) -> None:
            batches.close(session, batch.id, state, error)
            attempts.resolve_unknown(session, version.workload, version.partition, failure="no_answer")

        version.ledger.write(write)
        self.submitter.remove_file(batch)

    def forget_texts(self, client: "BatchClient", provider: ProviderBatch) -> None:
        """Delete the provider's files, which hold texts; one that stays does no other harm."""
        for file_id in (provider.input_file_id, provider.output_file_id, provider.error_file_id):
            try:
                if file_id is not None:
                    client.delete_file(file_id)
            except (BatchApiUnavailable, BatchApiRefused, ApiAccessError) as error:
                log.warning("a file of batch %s was not deleted: %s", provider.id, error)

    def _accept(self, result: BatchResult, line: attempts.InBatch, served: Served | None) -> None:
        prices = self._prices_of(line)
        escalated = self.scratch.waiting.get(line.record_key)
        if result.kind == "answered" and escalated is None:
            usage = usage_of(result.body)
            self._charge(ClosedAttempt(line.id, "ok", datetime.now(UTC), usage, "not_needed", served), prices)
        elif result.kind == "answered" and escalated is not None:
            self._accept_answer(result, line, escalated, prices, served)
        else:
            self._accept_failure(result, line, escalated, prices, served)

    def _accept_answer(
        self,
        result: BatchResult,
        line: attempts.InBatch,
        escalated: Escalated,
        prices: LinePrices,
        served: Served | None,
    ) -> None:
        request = self.requests.render(escalated, line.id)
        parsed, now = parse_answer(request, result.body), datetime.now(UTC)
        if parsed.malformed is not None:  # billed, and of no use
            self._charge(ClosedAttempt(line.id, "ok", now, parsed.usage, parsed.malformed, served), prices)
            self.scratch.waiting.requeue_after(line.record_key, line.attempt)
            return
        closed: ClosedAttempt | None
        closed = answered = ClosedAttempt(line.id, "ok", now, parsed.usage, parsed.failure, served)
        if parsed.usage is None and parsed.rejection is None:
            closed = replace(answered, exchange=self._exchange(request, result))
        elif parsed.usage is None:
            closed = None  # its line is closed with the batch, at its upper bound
        completion = Completion(
            request,
            text=parsed.text,
            value=parsed.value,
            usage=parsed.usage,
            finish_reason=parsed.finish_reason,
            rejection=parsed.rejection,
            detail=parsed.detail,
            attempt=closed,
        )
        if (
            parsed.rejection is None
            and is_parsed(completion)
            and self.outcomes.fits(escalated.record, completion)
        ):
            answer = Answer(line.id, parsed.text, parsed.value, parsed.finish_reason, None, None)
            self.scratch.put(request.digest(), answer)
        self.outcomes.accept_api(escalated, completion, BatchAttemptBook(prices.own), prices)

    def _exchange(self, request: ApiRequest, result: BatchResult) -> Exchange:
        """Return what was sent in a batch, as requests are rendered by what is learnt now, and received."""
        options = self.submitter.options
        learnt = self.version.ledger.read(lambda session: read_learnt(session, options.host, options.model))
        given = EndpointCapabilities(options.structured_output)
        able = given if learnt is None else EndpointCapabilities.from_json(learnt)
        return read_exchange(request_body(request, options, able), result.body)

    def _accept_failure(
        self,
        result: BatchResult,
        line: attempts.InBatch,
        escalated: Escalated | None,
        prices: LinePrices,
        served: Served | None,
    ) -> None:
        failed = ClosedAttempt(line.id, "failed", datetime.now(UTC), failure=result.failure)
        if result.billed:
            failed = replace(failed, outcome="unknown_outcome", usage=usage_of(result.body), served=served)
        if result.rejection is not None and escalated is not None:
            request = self.requests.render(escalated, line.id)
            closed = None if failed.usage is None and result.billed else failed
            rejected = Completion(request, rejection=result.rejection, detail=result.detail, attempt=closed)
            self.outcomes.accept_api(escalated, rejected, BatchAttemptBook(prices.own))
            return
        self._charge(failed, prices)
        # the engine that asks at once finds out what the model does not take, and leaves it out
        state = QUEUED if result.parameter is None else AT_ONCE
        self.scratch.waiting.requeue_after(line.record_key, line.attempt, state)
        if result.kind == "fatal":
            self.fatal = result.failure

    def _charge(self, closed: ClosedAttempt, prices: LinePrices) -> None:
        """Close an attempt that served no record, unless it was billed for who knows what: see `close`."""
        if closed.outcome == "failed" or closed.usage is not None:
            self.committer.add_closings([BatchAttemptBook(prices.own).unserved(closed)])

    def _prices_of(self, line: attempts.InBatch) -> LinePrices:
        return LinePrices(self._price(line.price_id), self._price(line.counterfactual_price_id))

    def _price(self, price_id: int) -> Price:
        if price_id not in self._prices:
            ledger = self.version.ledger
            self._prices[price_id] = ledger.read(lambda session: reference.get_price(session, price_id))
        return self._prices[price_id]


def _read(client: "BatchClient", provider: ProviderBatch, reader: ResultReader) -> Iterator[BatchResult]:
    for file_id in (provider.output_file_id, provider.error_file_id):
        if file_id is not None:
            yield from reader.read(client.download(file_id))
