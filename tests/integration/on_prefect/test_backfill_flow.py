"""The backfill flow in this process against a real Prefect server; the work itself is a fake."""

import json
import re
import signal
from collections.abc import Iterable
from datetime import date, timedelta

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

from flows import workloads
from flows.backfill import BackfillFlow, BackfillSteps, build
from models.backfill import PartitionOutcome, Step
from models.economics.quote import Quote
from models.errors import BreakevenError, InputError, Interrupted
from models.run import Progress, RunResult
from models.settings import Settings
from tasks.backfill.request import BackfillRequest
from tasks.planning.request import RunRequest
from tasks.runtime.progress import report
from tests.integration.on_prefect.test_flow_runs import run_of

DAYS = [date(2026, 11, 1) + timedelta(number) for number in range(3)]


class Work:
    """Stands in for `run_request`: fails on the days that it is told to."""

    def __init__(self, failures: dict[date, Exception] | None = None) -> None:
        self.failures = failures or {}
        self.asked: list[tuple[date, bool, bool]] = []

    def __call__(self, request: RunRequest, settings: Settings) -> RunResult:  # noqa: D102, ARG002
        workload, partition = request.workload, request.partition
        self.asked.append((partition, request.rerun, request.refresh))
        report(Progress(workload, partition, 4, 4, 12, 1.5))
        if failure := self.failures.get(partition):
            raise failure
        return RunResult(workload, partition, "completed", records=4, published=4, cost_nano=1_500)


def found(*actions: str) -> list[Step]:
    """Say what is to be done for the first days."""
    return [Step(of, action, "f") for of, action in zip(DAYS, actions, strict=False)]  # type: ignore[arg-type]


def flow_over(work: Work, steps: Iterable[Step], kept: list[PartitionOutcome] | None = None) -> BackfillFlow:
    """Make the flow over the fake work and these steps."""

    def find(ask: BackfillRequest, settings: Settings) -> list[Step]:  # noqa: ARG001  as the flow calls it
        return list(steps)

    return build(
        BackfillSteps(
            find,
            lambda *_: Quote.of(()),
            lambda workload: workloads.build(workload, work),
            list[PartitionOutcome]().extend if kept is None else kept.extend,
        )
    )


@pytest.fixture(autouse=True)
def no_ledger(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let the flow look into an empty folder for its ledger."""
    folder = tmp_path_factory.mktemp("ledger")
    monkeypatch.setenv("BREAKEVEN_DATABASE_URL", f"sqlite:///{folder / 'ledger.db'}")


RANGE = {"from_date": DAYS[0], "to_date": DAYS[-1]}


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (InputError("no such file"), "no such file"),
        (ZeroDivisionError("a record's text"), r"ZeroDivisionError at \w+\.py:\d+, which is a defect: .*"),
    ],
)
def test_a_partition_that_fails_is_in_the_table_and_stops_no_other(
    api: SyncPrefectClient, failure: Exception, said: str
) -> None:
    """The flow ends as Failed and says which; the table has every partition, with reason and cost.

    Of a defect it names kind and place: its own words may quote a record.
    """
    work, kept = Work({DAYS[1]: failure}), list[PartitionOutcome]()
    flow = flow_over(work, found("run", "refresh", "run"), kept)
    run = run_of(api, flow, workload="sentiment", **RANGE)
    assert work.asked == [(DAYS[0], False, False), (DAYS[1], False, True), (DAYS[2], False, False)]
    assert run.name == "backfill sentiment 2026-11-01..2026-11-03"
    assert run.state is not None
    assert run.state.is_failed()
    told = kept[1].error or ""
    assert re.fullmatch(said, told)
    assert run.state.message == (
        f"1 of 3 partitions failed: sentiment 2026-11-02 ({told}); the same command does what is left"
    )
    assert [one.state for one in kept] == ["done", "failed", "done"]
    chosen = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run.id]))
    artifacts = {artifact.key: artifact for artifact in api.read_artifacts(artifact_filter=chosen)}
    rows = json.loads(str(artifacts["backfill-cost"].data))
    assert [(row["partition"], row["state"]) for row in rows] == [
        (str(of), one.state) for of, one in zip(DAYS, kept, strict=True)
    ]
    assert (rows[0]["cost USD"], rows[1]["output"]) == ("0.000001500", told)
    assert "3 of 3 partitions" in (artifacts["backfill-progress"].description or "")
    with pytest.raises(BreakevenError, match="1 of 3 partitions failed"):
        flow(workload="sentiment", **RANGE)


def test_a_stop_keeps_the_table_of_what_was_done(api: SyncPrefectClient) -> None:
    """Crashed, as it was stopped from outside; nothing is begun after it."""
    work, kept = Work({DAYS[1]: Interrupted("stopped", signal.SIGTERM)}), list[PartitionOutcome]()
    run = run_of(api, flow_over(work, found("run", "run", "run"), kept), workload="sentiment", **RANGE)
    assert run.state is not None
    assert (run.state.is_crashed(), run.state.message) == (True, "stopped")
    assert [asked[0] for asked in work.asked] == DAYS[:2]
    assert [(one.partition, one.state) for one in kept] == [(DAYS[0], "done")]


def test_nothing_to_be_done_completes(api: SyncPrefectClient) -> None:
    """What is published as it would be again is not asked for."""
    work = Work()
    run = run_of(api, flow_over(work, found("nothing", "nothing", "nothing")), workload="sentiment", **RANGE)
    assert (run.state_name, work.asked) == ("Completed", [])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"from_date": DAYS[1], "to_date": DAYS[0]}, "reversed"),
        ({**RANGE, "to_date": date(9999, 1, 1)}, "future"),
        ({**RANGE, "parallel": 0}, "parallel must be at least 1"),
        ({**RANGE, "parallel": 2}, "enrichment is not deployed"),
    ],
)
def test_a_mistake_in_the_parameters_is_one_line(
    api: SyncPrefectClient, given: dict[str, object], said: str
) -> None:
    """Failed with the line that the command would say; no work is begun."""
    work = Work()
    flow = flow_over(work, found("run"))
    run = run_of(api, flow, workload="enrichment", **given)
    assert run.state is not None
    assert run.state.is_failed()
    assert said in (run.state.message or "")
    assert work.asked == []
