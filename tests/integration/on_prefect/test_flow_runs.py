"""Flow runs in this process against a real Prefect server; the work itself is a fake."""

import signal
from collections.abc import Callable
from datetime import date
from typing import Any, cast
from uuid import UUID

import pytest
from prefect import Flow, State, flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId, FlowRunFilter
from prefect.client.schemas.objects import Artifact, FlowRun
from prefect.context import SyncClientContext
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED,
    temporary_settings,
)

from flows import nightly, workloads
from models.errors import InputError, Interrupted
from models.run import Progress, RunResult
from models.settings import Settings
from tasks.display.prefect_artifacts import progress_artifact, publish_cost_table
from tasks.planning.request import RunRequest
from tasks.runtime.progress import report
from tasks.setup.prefect_checks import TAG

DAY = date(2026, 11, 1)


class Work:
    """Stands in for `run_request`: notes what it was asked and answers as told."""

    def __init__(self, failures: dict[str, Exception] | None = None) -> None:
        self.failures = failures or {}
        self.asked: list[tuple[str, date, dict[str, object]]] = []

    def __call__(self, request: RunRequest, settings: Settings) -> RunResult:  # noqa: D102, ARG002
        workload, partition = request.workload, request.partition
        given = {name: getattr(request, name) for name in ("input", "where", "limit", "rerun", "refresh")}
        self.asked.append((workload, partition, given))
        report(Progress(workload, partition, 3, 4, 12, 1.5))
        if failure := self.failures.get(workload):
            raise failure
        return RunResult(workload, partition, "completed", records=4, published=4, cost_nano=1_500)


def run_of(api: SyncPrefectClient, flow_: Flow[..., Any], **parameters: object) -> FlowRun:
    """Run a flow to its end and read its run from the API."""
    state = cast("State[object]", flow_(**parameters, return_state=True))
    assert state.state_details.flow_run_id is not None
    return api.read_flow_run(state.state_details.flow_run_id)


def artifacts_of(flow_run: UUID, api: SyncPrefectClient) -> dict[str | None, Artifact]:
    """Read a flow run's artifacts by their keys."""
    chosen = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[flow_run]))
    return {artifact.key: artifact for artifact in api.read_artifacts(artifact_filter=chosen)}


def flows_over(work: Work) -> Callable[[str], workloads.WorkloadFlow]:
    """Make workload flows that do the fake work."""
    return lambda workload: workloads.build(workload, work)


def test_a_workload_run_is_named_shows_its_progress_and_its_cost(api: SyncPrefectClient) -> None:
    """Parameters arrive as they were given; run name and both artifacts are in Prefect."""
    work = Work()
    given = {"input": "in.jsonl", "where": "a = 1", "limit": 5, "rerun": True, "refresh": False}
    run = run_of(api, workloads.build("sentiment", work), partition="2026-11-01", **given)
    assert run.state_name == "Completed"
    assert work.asked == [("sentiment", DAY, given)]
    assert run.name == "sentiment 2026-11-01"
    artifacts = artifacts_of(run.id, api)
    assert artifacts["sentiment-progress"].data == 75.0
    assert "3 of 4 records" in (artifacts["sentiment-progress"].description or "")
    assert '"cost USD": "0.000001500"' in str(artifacts["sentiment-cost"].data)
    assert '"counterfactual USD": "unknown"' in str(artifacts["sentiment-cost"].data)


def test_an_expected_failure_ends_as_failed_with_its_one_line(api: SyncPrefectClient) -> None:
    """The state's message is the error's line; a caller in this process gets the error itself."""
    failing = workloads.build("sentiment", Work({"sentiment": InputError("no such file: in.jsonl")}))
    run = run_of(api, failing, partition=DAY)
    assert run.state is not None
    assert run.state.is_failed()
    assert run.state.message == "no such file: in.jsonl"
    with pytest.raises(InputError, match="no such file"):
        failing(partition=DAY)


def test_a_stopped_run_ends_as_crashed(api: SyncPrefectClient) -> None:
    """A stop from outside Prefect is no failure of the workload."""
    stopped = workloads.build("sentiment", Work({"sentiment": Interrupted("stopped", signal.SIGTERM)}))
    run = run_of(api, stopped, partition=DAY)
    assert run.state is not None
    assert run.state.is_crashed()
    assert run.state.message == "stopped"


@pytest.mark.parametrize("failure", [InputError("no such file"), ZeroDivisionError("a bug")])
def test_a_night_runs_everything_and_names_what_failed(api: SyncPrefectClient, failure: Exception) -> None:
    """One workload fails, the others run on every day, and the night ends as Failed and says which."""
    work = Work({"enrichment": failure})
    night = nightly.build(flows_over(work))
    run = run_of(api, night, partition=DAY, days=2, workloads=["enrichment", "sentiment"])
    assert [asked[:2] for asked in work.asked] == [
        ("enrichment", date(2026, 10, 31)),
        ("sentiment", date(2026, 10, 31)),
        ("enrichment", DAY),
        ("sentiment", DAY),
    ]
    assert run.name == "nightly 2026-11-01"
    assert run.state is not None
    assert run.state.is_failed()
    assert run.state.message == (
        f"2 of 4 runs failed: enrichment 2026-10-31 ({failure}); enrichment 2026-11-01 ({failure})"
    )
    table = str(artifacts_of(run.id, api)["nightly-cost"].data)
    assert (table.count('"failed"'), table.count('"completed"')) == (2, 2)


def test_a_night_without_failures_completes_with_tagged_runs(api: SyncPrefectClient) -> None:
    """The runs inside a night carry the tag that the automation against silent runs looks for."""
    night = nightly.build(flows_over(Work()))
    assert run_of(api, night, partition=DAY, workloads=["sentiment"]).state_name == "Completed"
    runs = api.read_flow_runs(flow_run_filter=FlowRunFilter.model_validate({"tags": {"all_": [TAG]}}))
    assert "sentiment 2026-11-01" in {run.name for run in runs}


def test_a_stop_request_ends_the_night_too(api: SyncPrefectClient) -> None:
    """The night is Crashed with the stopped run's line, and no other workload was begun."""
    work = Work({"enrichment": Interrupted("stopped", signal.SIGTERM)})
    night = nightly.build(flows_over(work))
    run = run_of(api, night, partition=DAY, workloads=["enrichment", "sentiment"])
    assert [asked[0] for asked in work.asked] == ["enrichment"]
    assert run.state is not None
    assert run.state.is_crashed()


def test_a_dead_artifact_api_does_not_fail_the_run(
    api: SyncPrefectClient, dead_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Artifacts are a service: without them the run goes on, and says in its log what is missing."""

    @flow
    def run_while_the_api_is_dead() -> None:
        dead = {
            PREFECT_API_URL: dead_url,
            PREFECT_CLIENT_MAX_RETRIES: 0,
            PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED: False,
        }
        # Other connection settings than the flow's keep Prefect from handing out the flow's own client.
        with temporary_settings(dead), SyncClientContext(httpx_settings={"timeout": 1}):
            with progress_artifact("progress"):
                report(Progress("sentiment", DAY, 3, 4, 12, 1.5))
            publish_cost_table("cost", [], "nothing")

    run = run_of(api, run_while_the_api_is_dead)
    assert run.state is not None
    assert run.state.is_completed()
    assert not artifacts_of(run.id, api)
    assert "progress not shown in Prefect" in caplog.text
    assert "cost table not shown in Prefect" in caplog.text


def test_every_registered_workload_has_a_flow_and_others_have_none() -> None:
    """`flows.workloads:NAME` is there without an edit, the same object every time; a typing mistake is not."""
    for name in ("classification", "enrichment", "sentiment"):
        found = getattr(workloads, name)
        assert isinstance(found, Flow)
        assert found.name == name
        assert getattr(workloads, name) is found
    with pytest.raises(AttributeError, match="no such workload"):
        _ = workloads.sentimnt
