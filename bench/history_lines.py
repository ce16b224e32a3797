"""What a run of the past came to: its records, and the lines and closings that account for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

import tiktoken

from models.catalogue.rates import Infrastructure
from models.engines.api.permit import OpenAttempt
from models.engines.api.token_count import ApiTokenCounter
from models.gpu_time import GpuTime
from models.ids import new_id
from models.ledger.accounting import Finished, LineKeys, LinePrices, ledger_lines
from models.ledger.api_accounting import closing_unserved, closings
from models.ledger.counterfactual import CounterfactualTokens
from models.ledger.line import Closing, LedgerLine
from models.requests import Choice, ClosedAttempt, Completion, JsonValue, Message, Request, Usage
from models.tokens import ChatTokenCounter

Fate = Literal["local", "reused", "invalid", "escalated", "retried", "unreported", "chosen", "unpriced"]
"""What becomes of a record. `escalated`: to the API, `retried`: there at the second try, `unreported`: there, without
usage; `chosen`: sent there at once; `unpriced`: answered when nobody knew the API's price (lines of old)."""
TO_API: tuple[Fate, ...] = ("escalated", "retried", "unreported", "chosen")
Ending = Literal["published", "waiting", "killed"]
MAX_TOKENS = 300
LABELS = Choice(("positive", "neutral", "negative"))
THINKS_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Planned:
    """A record of a run: its fate, when it was answered, and what it took."""

    key: str
    fate: Fate
    at: datetime
    usage: Usage


@dataclass(frozen=True, slots=True)
class PastRun:
    """One run of the past. `batched`: its attempts on the API went in a batch.

    `time`: GPU time of the run, all of it. `ending`: `killed` leaves its attempts pending, `waiting` its batch.
    `before`: records of the partition that a killed run had done.
    """

    workload: str
    partition: date
    started_at: datetime
    machine: Infrastructure
    time: GpuTime
    records: tuple[Planned, ...]
    batched: bool
    ending: Ending
    before: tuple[Planned, ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """An attempt on the API that was written down, at its upper bound."""

    record: Planned
    attempt: OpenAttempt
    bound: int


class WrittenCounts(ApiTokenCounter):
    """Counts what is written: the texts of this history are their numbers of tokens on the API."""

    def count(self, request: Request, text: str, value: JsonValue) -> Usage:
        """Return the number that ends the last message, and the one that the answer is."""
        del value
        return Usage(int(request.messages[-1].content.split()[-1]), 0, int(text))


COUNTER = CounterfactualTokens(WrittenCounts(ChatTokenCounter(lambda: tiktoken.get_encoding("gpt2"))))


def local_lines(run: PastRun, keys: LineKeys, lap: GpuTime, lap_nano: int) -> list[LedgerLine]:
    """Account for what the local engine answered, and for what was reused of it."""
    finished: list[Finished] = []
    answered: tuple[UUID, Planned] | None = None
    unpriced = {record.key for record in run.records if record.fate == "unpriced"}
    for record in run.records:
        if record.fate == "chosen":
            continue
        if record.fate == "reused" and answered is not None:
            finished.append(_reuse(record, *answered))
            continue
        request = Request(new_id(), record.key, messages(record), LABELS, MAX_TOKENS)
        completion = Completion(
            request, str(record.usage.output_tokens), usage=record.usage, engine_ns=THINKS_NS
        )
        if record.fate in TO_API:
            finished.append(Finished(completion, record.at, "escalated", "low_confidence"))
        elif record.fate == "invalid":
            finished.append(Finished(completion, record.at, "invalid_output"))
        else:
            finished.append(Finished(completion, record.at, "ok"))
            answered = (request.id, record)
    lines = ledger_lines(finished, lap.total_ns, lap_nano, keys, COUNTER)
    return [_without_price(line) if line.record_key in unpriced else line for line in lines]


def _reuse(record: Planned, attempt: UUID, answered: Planned) -> Finished:
    """Let a record be the same as one that was answered, and take its answer."""
    request = Request(new_id(), record.key, messages(answered), LABELS, MAX_TOKENS)
    text = str(answered.usage.output_tokens)
    return Finished(Completion(request, text, usage=answered.usage, reuses=attempt), record.at, "ok")


def _without_price(line: LedgerLine) -> LedgerLine:
    return line._replace(
        counterfactual_input_tokens=None,
        counterfactual_output_tokens=None,
        counterfactual_nano=None,
        counterfactual_price_id=None,
    )


def ends(sent: Sequence[Sent], keys: LineKeys, prices: LinePrices) -> list[Closing]:
    """Say how attempts ended: the last one of each record served it, those before failed."""
    last = {one.record.key: one.attempt.number for one in sent}
    failed = [one for one in sent if one.attempt.number < last[one.record.key]]
    served = [one for one in sent if one.attempt.number == last[one.record.key]]
    finished = [Finished(_completion(one), one.attempt.at, "ok", prices=prices) for one in served]
    return [
        *closings(finished, keys, COUNTER),
        *(closing_unserved(_refused(one), prices, one.bound) for one in failed),
    ]


def _completion(one: Sent) -> Completion:
    usage = None if one.record.fate == "unreported" else one.record.usage
    return Completion(
        one.attempt.request,
        str(one.record.usage.output_tokens),
        attempt=ClosedAttempt(one.attempt.id, "ok", one.attempt.at, usage),
    )


def _refused(one: Sent) -> ClosedAttempt:
    return ClosedAttempt(one.attempt.id, "failed", one.attempt.at, failure="http_429")


def messages(record: Planned) -> tuple[Message, ...]:
    """Return a prompt that is its number of tokens."""
    return (Message("user", f"{record.key} {record.usage.input_tokens}"),)
