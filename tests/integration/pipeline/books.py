"""Reads the whole ledger and checks that it adds up (I1, I5, I6, I10, I11)."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Row, Table, select
from sqlalchemy.orm import Session

from db.base import Base
from db.session import make_engine, sessions
from models.engines.api.replies import UNUSABLE
from models.gpu_time import gpu_cost_nano
from models.ledger.findings import Finding
from models.settings import Settings
from tasks.ledger.check import check
from tasks.runtime.ledger_access import ledger_reader
from tests.integration.db.usage_sums import USAGE, WAY, recomputed
from tests.integration.pipeline.harness import published, quarantined

Rows = Sequence[Row[Any]]


@contextmanager
def ledger(settings: Settings) -> Iterator[Session]:
    """Open a transaction on the ledger; what the block does is committed."""
    engine = make_engine(settings.database_url.get_secret_value())
    try:
        with sessions(engine).begin() as session:
            yield session
    finally:
        engine.dispose()


def table(settings: Settings, name: str) -> Rows:
    """Read a whole table, in the order of its primary key."""
    found: Table = Base.metadata.tables[name]
    with ledger(settings) as session:
        return session.execute(select(found).order_by(*found.primary_key.columns)).all()


def lines_of(settings: Settings, run: Row[Any]) -> Rows:
    """Return the ledger lines of one run."""
    return [line for line in table(settings, "ledger_lines") if line.run_id == run.id]


def check_run(run: Row[Any], lines: Rows, rates: dict[int, int], counts: dict[str, int]) -> None:
    """See that a run's row equals the sums of its lines, to the nano-dollar."""
    total_ns = run.load_ns + run.busy_ns + run.idle_ns
    assert run.gpu_cost_nano == gpu_cost_nano(total_ns, rates[run.infrastructure_id])
    local = sum(line.cost_nano for line in lines if line.engine != "openai")
    assert local + run.unallocated_nano == run.gpu_cost_nano
    closed = [line for line in lines if line.engine == "openai" and line.outcome != "pending"]
    assert run.api_cost_nano == sum(line.cost_nano for line in closed)
    if run.unallocated_nano == 0:
        assert sum(line.gpu_ns for line in lines) == total_ns
    else:
        assert sum(line.gpu_ns for line in lines) <= total_ns
    for column in ("input_tokens", "cached_tokens", "output_tokens", "counterfactual_nano"):
        assert getattr(run, column) == sum(getattr(line, column) or 0 for line in lines), column
    assert run.reused == sum(line.engine == "reuse" for line in lines)
    assert run.records == run.published + run.quarantined
    assert sum(counts.values()) == run.quarantined


def check_served(runs: Rows, lines: Rows, counts: Rows) -> None:
    """See that runs of one version served as many records as their lines say.

    An answer of a batch counts for the run that collects it, which can be a later one than the line's.
    """
    ids = {run.id for run in runs}
    own = [line for line in lines if line.run_id in ids]
    if len(runs) > 1 and not any(line.batch_id for line in own):
        for run in runs:
            check_served([run], lines, counts)
    served = sum(line.outcome == "ok" for line in own)
    assert sum(run.published for run in runs) == served + sum(run.carried for run in runs)
    stopped = {run.id for run in runs if run.stopped_with is not None}  # its records were kept
    refused = [line for line in own if line.outcome == "invalid_output" and line.answer_hash is not None]
    refused = [line for line in refused if line.run_id not in stopped and line.failure != "over_limit"]
    aside = [row.answered for row in counts if row.run_id in ids and row.reason == "invalid_output"]
    newest = {line.record_key: line for line in sorted(own, key=lambda line: line.attempt)}
    kept = [
        line for line in newest.values() if line.failure == UNUSABLE and line.run_id not in stopped
    ]  # its answers never left the endpoint
    assert sum(aside) == len(refused) + len(kept)


def check_sums(settings: Settings) -> Rows:
    """See that every run adds up to the nano-dollar, and that what was spent on the API does; return the lines."""
    lines = table(settings, "ledger_lines")
    rates = {row.id: row.nano_usd_per_hour for row in table(settings, "infrastructure")}
    counts = table(settings, "quarantined_counts")
    runs = table(settings, "runs")
    for run in runs:
        own = {row.reason: row._mapping["count"] for row in counts if row.run_id == run.id}
        check_run(run, [line for line in lines if line.run_id == run.id], rates, own)
    for version in {run.version_id for run in runs}:
        check_served([run for run in runs if run.version_id == version], lines, counts)
    check_reuse(lines)
    check_spend(settings, lines)
    check_rollup(settings, lines)
    return lines


def findings(settings: Settings) -> list[Finding]:
    """Return what the ledger's own check finds."""
    with ledger_reader(settings) as reader:
        return check(settings, reader, lambda *_: None).findings


def check_rollup(settings: Settings, lines: Rows) -> None:
    """See that the rows of the rollup are the sums over the lines that went each way."""
    expected = recomputed(lines)
    kept: dict[tuple[object, ...], Counter[str]] = {}
    for row in table(settings, "daily_usage"):
        way = tuple(row._mapping[name] for name in WAY)
        assert way not in kept
        kept[way] = Counter({name: row._mapping[name] for name in USAGE})
    assert kept == expected


def check_books(settings: Settings) -> None:
    """See that every run adds up, no line is missing or double, and the lines stand for what is published.

    The ledger's own check has to find nothing either.
    """
    lines = check_sums(settings)
    assert findings(settings) == []
    runs = table(settings, "runs")
    versions = [row for row in table(settings, "partition_versions") if row.state == "published"]
    assert versions
    for version in versions:
        check_version(settings, version, [run for run in runs if run.version_id == version.id], lines)
    assert {row.owner for row in table(settings, "leases")} <= {None}
    assert not [run for run in runs if run.state == "running"]


def check_spend(settings: Settings, lines: Rows) -> None:
    """See that each day's API spend is the sum over its lines."""
    workloads = {row.id: row.workload for row in table(settings, "prompts")}
    sums: Counter[tuple[object, str]] = Counter()
    for line in lines:
        if line.engine == "openai":
            sums[line.at.date(), workloads[line.prompt_id]] += line.cost_nano
    kept = {(row.day, row.workload): row.nano for row in table(settings, "api_spend")}
    assert kept == {key: sums[key] for key in kept}
    assert +sums == Counter({key: nano for key, nano in kept.items() if nano})


def check_reuse(lines: Rows) -> None:
    """See that each reuse costs nothing and names an attempt of the same request by the engine (I11)."""
    by_id = {line.id: line for line in lines}
    for line in lines:
        if line.engine != "reuse":
            assert line.reuses is None
            continue
        assert (line.cost_nano, line.gpu_ns, line.counterfactual_nano, line.input_tokens) == (0, 0, 0, 0)
        source = by_id[line.reuses]
        assert source.engine in {"classifier", "vllm", "openai"}
        assert (source.request_hash, source.answer_hash) == (line.request_hash, line.answer_hash)


def check_version(settings: Settings, version: Row[Any], runs: Rows, lines: Rows) -> None:
    """See that the published version, its runs, its parts and its lines tell of the same records."""
    where = (settings, version.workload, version.partition)
    records, aside = published(*where), quarantined(*where)
    assert (version.records, version.quarantined) == (records.height, aside.height)
    assert sum(run.published for run in runs) == records.height
    assert sum(run.quarantined for run in runs) == aside.height
    ids = {run.id for run in runs}
    served = Counter(line.record_key for line in lines if line.run_id in ids and line.outcome == "ok")
    carried = Counter(records.get_column("record_key")) - served
    assert served <= Counter(records.get_column("record_key"))
    assert carried.total() == sum(run.carried for run in runs)
    assert carried.keys() <= {
        line.record_key for line in lines if line.run_id not in ids and line.outcome == "ok"
    }
    parts = [part for part in table(settings, "parts") if part.version_id == version.id]
    assert sum(part.records for part in parts) == records.height + aside.height
