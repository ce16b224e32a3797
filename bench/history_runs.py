"""Writes one run of the past into a ledger by the functions that commit runs of today.

Lease, version, run, attempts on the API written before they are sent, part, lines and closings in one
transaction, the publishing: as `tasks` does it, with times of the past and without part files.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import polars as pl
from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from bench.history_lines import (
    LABELS,
    MAX_TOKENS,
    TO_API,
    PastRun,
    Planned,
    Sent,
    ends,
    local_lines,
    messages,
)
from db import attempts, batches, leases, ledger, partitions, parts, reference, runs
from db.tables import RunRow
from models.economics.pricing import Price
from models.economics.upper_bound import upper_bound_nano
from models.engines.api.permit import ApiPermit, ApiRequest, OpenAttempt
from models.gpu_time import GpuTime
from models.ids import new_id
from models.ledger.accounting import ApiKeys, GpuMeter, LineKeys, LinePrices
from models.ledger.api_accounting import pending_line
from models.ledger.line import Closing, LedgerLine
from models.records import EscalationReason

MODEL, API_MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct", "gpt-4o-mini"
LEASE_SECONDS = 60.0
BATCH_HOURS = 26


@dataclass(frozen=True, slots=True)
class Priced:
    """The API's dated prices, at once and in batches."""

    at_once: Sequence[Price]
    in_batches: Sequence[Price]


@dataclass(frozen=True, slots=True)
class _Open:
    """A run that was begun: where its transactions go and what its lines refer to."""

    sessions: sessionmaker[Session]
    lease: leases.Lease
    version: UUID
    keys: LineKeys
    api: ApiKeys


def write(
    make_session: sessionmaker[Session],
    run: PastRun,
    priced: Priced,
    permit: ApiPermit,
    folder: Path | None = None,
) -> None:
    """Write a run as far as it came; `folder`: where what it publishes is written, with its keys alone."""
    own = _begin(make_session, run, priced)
    sent = [one for record in run.records if record.fate in TO_API for one in _send(own, record, permit)]
    batch_id = _write_pending(own, run, sent)
    now = [] if run.ending == "killed" or batch_id else sent
    _commit(own, run, now)
    if batch_id and run.ending == "published":
        _collect(own, run, sent, batch_id)
    if run.ending == "published":
        _publish(own, run, folder)
    elif run.ending == "waiting":
        with make_session.begin() as session:
            runs.wait(session, own.keys.run_id, {"batch": len(sent)})
            leases.release(session, own.lease)
    with make_session.begin() as session:
        _set_times(session, run, own.keys.run_id)


def _begin(make_session: sessionmaker[Session], run: PastRun, priced: Priced) -> _Open:
    workload, partition, day = run.workload, run.partition, run.started_at.date()
    with make_session.begin() as session:
        lease = leases.acquire(session, workload, partition, "history", LEASE_SECONDS, is_dead=lambda _: True)
        reference.sync_prices(session, [*priced.at_once, *priced.in_batches])
        version = partitions.open_version(session, workload, partition, "history", rerun=False)
        attempts.resolve_unknown(session, workload, partition)
        prompt = reference.ensure_prompt(session, workload, "1", "history")
        model = reference.ensure_model(session, "vllm", MODEL)
        machine = reference.ensure_infrastructure(session, run.machine)
        new = runs.NewRun(version.id, workload, partition, "vllm", model, prompt, machine)
        run_id = runs.start(session, new)
        api_model = reference.ensure_model(session, "openai", API_MODEL)
        at_once, in_batches = (
            ApiKeys(api_model, *reference.find_price(session, prices[0].provider, prices[0].model, day))
            for prices in (priced.at_once, priced.in_batches)
        )
    rate = run.machine.nano_usd_per_hour
    keys = LineKeys(
        run_id, prompt, model, machine, rate, at_once.price_id, at_once.price, at_once, in_batches
    )
    return _Open(make_session, lease, version.id, keys, in_batches if run.batched else at_once)


def _send(own: _Open, record: Planned, permit: ApiPermit) -> Iterator[Sent]:
    """Make a record's attempts on the API; the local engine's was the first, if it was asked."""
    numbers = [1] if record.fate == "chosen" else [2, 3] if record.fate == "retried" else [2]
    for number in numbers:
        reason: EscalationReason = "chosen" if record.fate == "chosen" else "low_confidence"
        request = ApiRequest(
            new_id(), record.key, messages(record), LABELS, MAX_TOKENS, number, permit=permit, reason=reason
        )
        attempt = OpenAttempt(request.id, request, number, record.at + timedelta(seconds=number))
        yield Sent(record, attempt, upper_bound_nano(own.api.price, request.messages, None, MAX_TOKENS))


def _write_pending(own: _Open, run: PastRun, sent: Sequence[Sent]) -> UUID | None:
    """Write attempts down before they are sent; return the batch that they go in, if they do."""
    if not sent:
        return None
    batch_id = new_id() if run.batched else None
    lines = [
        pending_line(
            one.attempt, own.keys, own.api, reason=one.attempt.request.reason, upper_bound=one.bound
        )._replace(batch_id=batch_id)
        for one in sent
    ]
    with own.sessions.begin() as session:
        leases.renew(session, own.lease, LEASE_SECONDS)
        if batch_id is not None:
            batches.record_intent(session, _batch(own, run, batch_id, len(sent)))
        attempts.open_attempts(session, run.workload, lines)
    if batch_id is not None:
        with own.sessions.begin() as session:
            batches.set_file(session, batch_id, f"file-{batch_id}")
            batches.set_submitted(session, batch_id, f"batch-{batch_id}")
    return batch_id


def _batch(own: _Open, run: PastRun, batch_id: UUID, requests: int) -> batches.Batch:
    return batches.Batch(
        batch_id,
        own.keys.run_id,
        own.version,
        f"{batch_id}.jsonl",
        API_MODEL,
        requests,
        requests * MAX_TOKENS,
        run.started_at,
        run.started_at + timedelta(hours=BATCH_HOURS),
    )


def _commit(own: _Open, run: PastRun, sent: Sequence[Sent]) -> None:
    """Write what the local engine did, and how the attempts that were sent at once ended."""
    lap, meter = run.time, GpuMeter(run.machine.nano_usd_per_hour)
    lap_nano = meter.add(lap)
    lines = local_lines(run, own.keys, lap, lap_nano)
    served = sum(record.fate in ("local", "reused", "unpriced") for record in run.records)
    invalid = sum(record.fate == "invalid" for record in run.records)
    answered = len({one.record.key for one in sent})
    unknown = any(line.counterfactual_nano is None for line in lines)
    more = runs.Increments(
        gpu_cost_nano=lap_nano,
        unallocated_nano=0 if any(line.gpu_ns for line in lines) else lap_nano,
        records=served + invalid + answered,
        published=served + answered,
        quarantined=invalid,
        reused=sum(line.engine == "reuse" for line in lines),
        input_tokens=sum(line.input_tokens or 0 for line in lines),
        cached_tokens=sum(line.cached_tokens or 0 for line in lines),
        output_tokens=sum(line.output_tokens or 0 for line in lines),
        counterfactual_nano=None if unknown else sum(line.counterfactual_nano or 0 for line in lines),
        escalated=answered,
    )
    _make_durable(own, len(run.records), lines, _ends(own, sent), lap, more, invalid)


def _collect(own: _Open, run: PastRun, sent: Sequence[Sent], batch_id: UUID) -> None:
    """Take up the answers of a batch."""
    more = runs.Increments(records=len(sent), published=len(sent), escalated=len(sent))
    _make_durable(own, len(run.records), [], _ends(own, sent), GpuTime(), more, 0)
    with own.sessions.begin() as session:
        batches.close(session, batch_id, "collected")


def _make_durable(
    own: _Open,
    records: int,
    lines: Sequence[LedgerLine],
    ends: Sequence[Closing],
    lap: GpuTime,
    more: runs.Increments,
    invalid: int,
) -> None:
    part_id = new_id()
    part = parts.Part(part_id, own.version, own.keys.run_id, f"{part_id}.parquet", more.records, 0, records)
    with own.sessions.begin() as session:
        leases.renew(session, own.lease, LEASE_SECONDS)
        parts.register(session, part)
        if ends:
            attempts.close_attempts(session, ends)
        ledger.insert_lines(session, lines)
        runs.add(session, own.keys.run_id, lap, more)
        runs.add_quarantined(session, own.keys.run_id, {"invalid_output": invalid} if invalid else {})


def _publish(own: _Open, run: PastRun, folder: Path | None) -> None:
    """Publish what was done of the partition; without a folder, no file is written."""
    records = [*run.before, *run.records]
    done = [record.key for record in records if record.fate != "invalid"]
    aside = [record.key for record in records if record.fate == "invalid"]
    path = (folder or Path("history")) / run.workload / f"date={run.partition}" / "records.parquet"
    if folder is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame({"id": done}).write_parquet(path)
        pl.DataFrame({"id": aside}).write_parquet(path.with_name("quarantine.parquet"))
    with own.sessions.begin() as session:
        leases.renew(session, own.lease, LEASE_SECONDS)
        partitions.publish(session, own.version, str(path), len(done), len(aside))
        runs.finish(session, own.keys.run_id, "completed")
        leases.release(session, own.lease)


def _set_times(session: Session, run: PastRun, run_id: UUID) -> None:
    """Give the run its times of the past."""
    ended = run.started_at + timedelta(microseconds=run.time.total_ns // 1000)
    times = {"started_at": run.started_at} | ({} if run.ending == "killed" else {"ended_at": ended})
    session.execute(update(RunRow).where(RunRow.id == run_id).values(times))


def _ends(own: _Open, sent: Sequence[Sent]) -> list[Closing]:
    return ends(sent, own.keys, LinePrices(own.api.price, own.keys.counterfactual_price))
