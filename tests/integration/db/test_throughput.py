"""What earlier runs tell, read back from the ledger of both databases."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.orm import Session, sessionmaker

from db import ledger, partitions, reference, run_queries, runs, throughput
from db.throughput import HistoryFilter, list_earlier_runs, list_load_times
from models.economics.pricing import usd_to_nano
from models.economics.throughput import RunFigures
from models.gpu_time import GpuTime
from models.ids import new_id
from models.ledger.line import LedgerLine
from tests.integration.db.ledger_lines import DAY, MACHINE, Keys, line, seed

Sessions = sessionmaker[Session]
LIKE = HistoryFilter("sentiment", "f", "small", "A10G", "gpt-4o-mini")
ANY_PROMPT = replace(LIKE, workload=None, prompt_fingerprint=None)


def add_run(
    session: Session,
    keys: Keys,
    lines: list[LedgerLine],
    gpu: GpuTime,
    state: runs.RunRowState = "completed",
    **changes: Any,  # noqa: ANN401 - any field
) -> None:
    """Add a run of the next date with these lines (their `run_id` is set); `changes` are fields of `NewRun`."""
    day = DAY + timedelta(days=len(run_queries.list_runs(session)))
    version = partitions.open_version(session, "sentiment", day, "f", rerun=False)
    new = runs.NewRun(version.id, "sentiment", day, "vllm", keys.local, keys.prompt, keys.machine)
    run = runs.start(session, replace(new, **changes))
    ledger.insert_lines(session, [one._replace(run_id=run) for one in lines])
    runs.add(session, run, gpu, runs.Increments(records=len(lines)))
    if state != "running":
        runs.finish(session, run, state)  # type: ignore[arg-type]


def found(
    make_session: Sessions, *, any_machine: bool = False, limit: int = 10, of: HistoryFilter = LIKE
) -> list[RunFigures]:
    """Ask for earlier runs."""
    with make_session.begin() as session:
        return list_earlier_runs(session, of, any_machine=any_machine, limit=limit)


def test_lines_are_summed_by_who_answered(make_session: Sessions, keys: Keys) -> None:
    """The local engine's tokens stand alone; reuse counts for none, the API's answers for themselves."""
    api = {"engine": "openai", "model_id": keys.api, "price_id": keys.price, "infrastructure_id": None}
    lines = [
        line(keys, "a"),
        line(keys, "b", input_tokens=150, outcome="invalid_output"),
        line(keys, "c", outcome="escalated", counterfactual_output_tokens=0, output_tokens=9),
        line(keys, "c", attempt=2, **api, output_tokens=11),
        line(keys, "d", **api, outcome="failed", output_tokens=0),
        line(keys, "e", **api | {"model_id": keys.local}, output_tokens=99),
        line(keys, "f", **api, outcome="unknown_outcome", output_tokens=None),
        line(keys, "g", engine="reuse", reuses=new_id(), input_tokens=0, cached_tokens=0, output_tokens=0),
    ]
    with make_session.begin() as session:
        add_run(session, keys, lines, GpuTime(5, 70, 3))
    expected = RunFigures(3, 350, 192, 19, GpuTime(5, 70, 3), 1, 11, 2, 8, records=8)
    assert found(make_session) == found(make_session, any_machine=True) == [expected]


def test_only_runs_alike_count(make_session: Sessions, keys: Keys) -> None:
    """Another prompt, model, machine or workload tells nothing, and neither does a run that is not completed.

    Where the prompt does not matter, runs of all workloads count.
    """
    with make_session.begin() as session:
        other_prompt = reference.ensure_prompt(session, "sentiment", "2", "g")
        other_workload = reference.ensure_prompt(session, "enrichment", "1", "f")
        other_model = reference.ensure_model(session, "vllm", "large")
        other_machine = reference.ensure_infrastructure(session, replace(MACHINE, kind="H100"))
        other_rate = reference.ensure_infrastructure(
            session, replace(MACHINE, nano_usd_per_hour=usd_to_nano(Decimal("2.5")))
        )
        unlike: list[dict[str, Any]] = [
            {"prompt_id": other_prompt},
            {"prompt_id": other_workload},
            {"model_id": other_model},
            {"infrastructure_id": other_machine},
            {"infrastructure_id": other_rate},
            {},
        ]
        for number, change in enumerate(unlike):
            add_run(session, keys, [line(keys, "a")], GpuTime(0, 10 + number, 0), **change)
        states: list[runs.RunRowState] = ["failed", "interrupted", "running"]
        for state in states:
            add_run(session, keys, [line(keys, "a")], GpuTime(0, 99, 0), state)
        add_run(session, keys, [line(keys, "a")], GpuTime(0, 0, 0))
    assert [run.time.busy_ns for run in found(make_session)] == [15, 14]
    assert [run.time.busy_ns for run in found(make_session, any_machine=True)] == [0, 15, 14, 13]
    assert [run.time.busy_ns for run in found(make_session, of=ANY_PROMPT)] == [15, 14, 11, 10]


def test_the_newest_runs_are_enough(
    make_session: Sessions, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many runs are looked at, the newest first, and fewer once they hold many records: at least one."""
    with make_session.begin() as session:
        for busy in (1, 2, 3, 4):
            add_run(session, keys, [line(keys, f"{busy}{n}") for n in range(busy)], GpuTime(0, busy, 0))
    assert [run.time.busy_ns for run in found(make_session, limit=3)] == [4, 3, 2]
    assert [run.requests for run in found(make_session)] == [4, 3, 2, 1]
    for records, taken in ((1, 1), (4, 1), (5, 2), (7, 2), (8, 3)):
        monkeypatch.setattr(throughput, "RECORDS", records)
        assert len(found(make_session)) == taken


def test_load_times(make_session: Sessions, keys: Keys) -> None:
    """Loads of the model on the machine count, whatever the workload was; runs that loaded nothing do not."""
    with make_session.begin() as session:
        other = seed(session, "enrichment", date(2026, 1, 1))
        for load in (30, 0, 20):
            add_run(session, keys, [], GpuTime(load, 1, 0))
        add_run(session, keys, [], GpuTime(40, 1, 0), prompt_id=other.prompt)
        add_run(session, keys, [], GpuTime(50, 1, 0), model_id=keys.api)
        add_run(session, keys, [], GpuTime(60, 1, 0), engine="classifier")  # of another model, or of two
        assert list_load_times(session, "small", "A10G") == [40, 20, 30]
        assert list_load_times(session, "small", "A10G", limit=1) == [40]
        assert list_load_times(session, "small", "H100") == []
