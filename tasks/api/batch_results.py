"""The results of a batch that has ended: each closes its attempt; what no line answers is asked for again."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy.orm import Session

from db import attempts, batch_lines, batches, reference
from models.economics.pricing import Price
from models.engines.api.answers.served import served_of
from models.engines.api.capabilities import EndpointCapabilities
from models.engines.api.chat_format import Parsed, parse_answer, read_exchange, request_body
from models.engines.api.permit import ApiRequest
from models.engines.batch.files import rendered_body
from models.engines.batch.results import BatchResult, ResultReader
from models.engines.batch.status import (
    BatchResultsTooLarge,
    ProviderBatch,
)
from models.engines.window import is_parsed
from models.ledger.accounting import LinePrices
from models.records import Escalated
from models.requests import Answer, ClosedAttempt, Completion, Exchange, JsonValue, Served
from tasks.api.answer_bounds import AnswerBounds
from tasks.api.batch_closing import believe_usage, close_ok, forget_texts, lose_results, read_results
from tasks.api.batch_format import BatchFormat
from tasks.api.batch_judgement import DENIALS, BatchJudgement
from tasks.api.batch_ledger import BatchAttemptBook, BatchLedger
from tasks.api.learnt import LearntCapabilities
from tasks.api.pending_lines import allowed_nano
from tasks.api.requests import ApiRequests
from tasks.api.served_prices import ServedPrices
from tasks.storage.committer import Committer
from tasks.storage.open_version import OpenVersion
from tasks.storage.outcomes import Outcomes
from tasks.storage.scratch_db import Scratch

if TYPE_CHECKING:
    from models.engines.batch.client import BatchClient

log = logging.getLogger(__name__)
Lines = Mapping[UUID, attempts.InBatch]


@dataclass(slots=True)
class BatchResults:
    """Accepts the results of batches, whenever their lines were opened and at whatever price."""

    version: OpenVersion
    requests: ApiRequests
    scratch: Scratch
    committer: Committer
    outcomes: Outcomes
    ledger: BatchLedger
    learnt: LearntCapabilities
    served: ServedPrices
    bounds: AnswerBounds
    stop: Callable[[], bool]
    _prices: dict[int, Price] = field(default_factory=dict, init=False)
    _able: EndpointCapabilities = field(default_factory=EndpointCapabilities, init=False)
    fatal: str | None = field(default=None, init=False)
    """Code of a refusal that no request can pass, if a batch told of one."""

    def take(self, client: "BatchClient", batch: batches.Batch, provider: ProviderBatch) -> None:
        """Accept the results of a batch, commit them, and close it; if told to stop, as far as it got.

        What a line says that could be the account's fault, or the settings', is judged when all lines are read. A
        line that is not answered costs nothing if the provider's counts say so, else it keeps its upper bound, its
        outcome unknown; its record is asked for again.
        """
        lines = {one.id: one for one in self.ledger.lines(batch)}
        reader, judgement = ResultReader(lines), BatchJudgement(provider)
        body, self._able = self.rendered(batch), self.learnt.read()
        form = self._format(lines, body, judgement)
        try:
            for result in read_results(client, provider, reader):
                if not self._accept(result, lines[result.id], body, judgement, form):
                    judgement.hold(result)
                self.committer.tick()
                if self.stop():
                    return
        except BatchResultsTooLarge as error:
            form.release()
            self.committer.flush()
            lose_results(self.ledger, client, batch, provider, error)
            return
        form.release()
        self.committer.flush()
        for result in self._judged(batch, reader, judgement, lines):
            self._close_judged(result, lines[result.id])
        self.fatal = judgement.fatal or self.fatal
        self.committer.flush()
        self.ledger.close(batch, "collected")
        log.info(
            "batch %s is collected: %s requests, %s of them without a result, %s damaged lines",
            provider.id,
            len(lines),
            len(reader.missing),
            reader.tally.undecodable,
        )
        self.bounds.keep()
        forget_texts(client, provider)

    def rendered(self, batch: batches.Batch) -> Mapping[str, JsonValue]:
        """Return how the batch's requests were rendered; as they would be now where the file is gone."""
        path = self.version.folder / batch.file_name
        return rendered_body(path) if path.exists() else {}

    def _judged(
        self,
        batch: batches.Batch,
        reader: ResultReader,
        judgement: BatchJudgement,
        lines: Lines,
    ) -> list[BatchResult]:
        """Judge what was held, by what the ledger has of the batch and of earlier attempts. The answers are committed."""
        denied = {lines[id_].record_key for id_ in judgement.denied()}
        version = self.version

        def look(session: Session) -> tuple[int, set[str]]:
            again = batch_lines.list_denied(session, version.id, denied, DENIALS)
            return batch_lines.count_answered(session, batch.id), again

        answered, again = version.ledger.read(look)
        before = {id_ for id_ in judgement.denied() if lines[id_].record_key in again}
        less = judgement.refused_alike(answered) and self.learnt.ask_less(self.rendered(batch))
        return list(judgement.judge(reader.missing, answered=answered, denied_before=before, asks_less=less))

    def _accept(
        self,
        result: BatchResult,
        line: attempts.InBatch,
        body: Mapping[str, JsonValue],
        judgement: BatchJudgement,
        form: BatchFormat,
    ) -> bool:
        """Do what a result says, if it can be told from the line alone."""
        escalated = self.scratch.waiting.get(line.record_key)
        if result.kind == "answered":
            if escalated is None:
                closed = self._charge(self._unused(result, line, "not_needed"), line)
            else:
                request = self.requests.render(escalated, line.id, line.attempt)
                parsed = parse_answer(request, result.body)
                if form.take(result, request, parsed):
                    return True
                closed = self._accept_answer(result, line, escalated, parsed)
            judgement.answered(closed=closed)
            return True
        if result.kind == "rejected":
            self._reject(result, line, escalated)
            return True
        if result.kind != "retry" or (result.verdict and not self.learnt.refuse(result.verdict, body)):
            return False
        self._close(line, result)
        self.scratch.waiting.requeue_after(line.record_key, line.attempt)
        return True

    def _format(self, lines: Lines, body: Mapping[str, JsonValue], judgement: BatchJudgement) -> BatchFormat:
        """Make what judges whether a batch's answers keep to the form that they were asked for."""

        def accept(result: BatchResult) -> None:
            line = lines[result.id]
            escalated = self.scratch.waiting.get(line.record_key)
            if escalated is not None:
                parsed = parse_answer(self.requests.render(escalated, line.id, line.attempt), result.body)
                judgement.answered(closed=self._accept_answer(result, line, escalated, parsed))

        def ask_again(result: BatchResult) -> None:
            line = lines[result.id]
            ignored = self._unused(result, line, "format_ignored")
            judgement.answered(closed=self._charge(ignored, line))
            self.scratch.waiting.requeue_after(line.record_key, line.attempt)

        return BatchFormat(self.learnt, body, accept, ask_again)

    def _accept_answer(
        self, result: BatchResult, line: attempts.InBatch, escalated: Escalated, parsed: Parsed
    ) -> bool:
        """Take an answer; return whether its line is closed."""
        request, served = self.requests.render(escalated, line.id, line.attempt), self._served(result)
        if parsed.malformed is not None:  # billed, and of no use
            self.scratch.waiting.requeue_after(line.record_key, line.attempt)
            useless = close_ok(line.id, parsed.usage, parsed.malformed, served, parsed.doubted)
            return self._charge(useless, line)
        closed: ClosedAttempt | None
        closed = answered = close_ok(line.id, parsed.usage, parsed.failure, served, parsed.doubted)
        if parsed.usage is None and parsed.rejection is None:
            closed = replace(answered, exchange=self._exchange(request, result))
        elif parsed.usage is None and parsed.doubted is None:
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
        prices = self._prices_of(line, closed)
        self._hear(completion, prices)
        self.outcomes.accept_api(escalated, completion, BatchAttemptBook(prices, line.cost_nano), prices)
        return closed is not None

    def _hear(self, completion: Completion, prices: LinePrices) -> None:
        """Learn from an answer whether the endpoint keeps to the limit that its request sets."""
        request, usage = completion.request, completion.usage
        if usage is None and completion.rejection is None:
            usage = self.committer.estimate(completion)
        if usage is not None and isinstance(request, ApiRequest):
            self.bounds.hear(prices.cost_nano(usage), allowed_nano(prices.own, request))

    def _exchange(self, request: ApiRequest, result: BatchResult) -> Exchange:
        """Return what was sent in a batch, as requests are rendered now, and received."""
        return read_exchange(request_body(request, self.learnt.options, self._able), result.body)

    def _close_judged(self, result: BatchResult, line: attempts.InBatch) -> None:
        """Close a line on which the whole batch had to be heard; its record is set aside, or asked for again."""
        if result.kind == "rejected":
            escalated = self.scratch.waiting.get(line.record_key)
            self._reject(result, line, escalated)
            return
        self._close(line, result)
        self.scratch.waiting.requeue_after(line.record_key, line.attempt)

    def _reject(self, result: BatchResult, line: attempts.InBatch, escalated: Escalated | None) -> None:
        """Set aside the record of a request that the provider will not have."""
        if escalated is None:
            self._close(line, result)
            return
        request = self.requests.render(escalated, line.id, line.attempt)
        closed = self._closed(line, result)
        rejected = Completion(request, rejection=result.rejection, detail=result.detail, attempt=closed)
        book = BatchAttemptBook(self._prices_of(line, closed), line.cost_nano)
        self.outcomes.accept_api(escalated, rejected, book)

    def _close(self, line: attempts.InBatch, result: BatchResult) -> None:
        closed = self._closed(line, result)
        prices = self._prices_of(line, closed)
        self.committer.add_closings([BatchAttemptBook(prices, line.cost_nano).unserved(closed)])

    def _closed(self, line: attempts.InBatch, result: BatchResult) -> ClosedAttempt:
        """Return how the attempt of a line ends that was not answered; of unknown outcome it keeps its upper bound.

        One that reports a usage all the same has that.
        """
        now = datetime.now(UTC)
        if result.kind != "unsure" and not result.billed:
            return ClosedAttempt(line.id, "failed", now, failure=result.failure)
        usage, doubted = believe_usage(result.body, line, self._price(line.price_id))
        served = self._served(result)
        return ClosedAttempt(line.id, "unknown_outcome", now, usage, result.failure, served, doubted=doubted)

    def _unused(self, result: BatchResult, line: attempts.InBatch, why: str) -> ClosedAttempt:
        """Close an answer that serves no record; `why` says why."""
        usage, doubted = believe_usage(result.body, line, self._price(line.price_id))
        return close_ok(line.id, usage, why, self._served(result), doubted)

    def _charge(self, closed: ClosedAttempt, line: attempts.InBatch) -> bool:
        """Close an answered attempt that served no record, unless nobody knows its usage: see `BatchLedger.close`."""
        known = closed.usage is not None or closed.doubted is not None
        if known:
            book = BatchAttemptBook(self._prices_of(line, closed), line.cost_nano)
            self.committer.add_closings([book.unserved(closed)])
        return known

    def _served(self, result: BatchResult) -> Served | None:
        return served_of(result.body, {}, self.learnt.options.model)

    def _prices_of(self, line: attempts.InBatch, closed: ClosedAttempt | None) -> LinePrices:
        own, counterfactual = self._price(line.price_id), self._price(line.counterfactual_price_id)
        if closed is None:
            return LinePrices(own, counterfactual, line.at)
        return self.served.in_batch(closed, own, counterfactual, line.at, line.cost_nano)

    def _price(self, price_id: int) -> Price:
        if price_id not in self._prices:
            ledger = self.version.ledger
            self._prices[price_id] = ledger.read(lambda session: reference.get_price(session, price_id))
        return self._prices[price_id]
