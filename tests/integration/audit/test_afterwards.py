"""When audits follow: once the engine is let go, after whatever stopped, the waiting ones first."""

import signal
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from commands.run_inline import backfill_all, run_night
from flows import workloads as workload_flows
from models.backfill import PartitionOutcome, Range, to_do
from models.economics.quote import Quote
from models.errors import Interrupted
from models.run import AUDIT, RunResult
from models.settings import Settings
from tasks.audit.after_run import audit_collected, audit_published
from tasks.audit.words import describe_audit
from tasks.backfill.request import BackfillRequest
from tasks.backfill.survey import survey
from tasks.planning.request import RunRequest
from tasks.run.run_partition import run_request
from tasks.runtime.shared_engine import after_engine, shared_engine
from tests.fakes import ScriptedEngine
from tests.faulty_api import FaultyApi
from tests.integration.audit.harness import audit_settings, audits, serve
from tests.integration.pipeline.books import check_sums, findings, table
from tests.integration.pipeline.harness import DAY, WORKLOAD, good_rows, write_records

COUNT = 8
DAYS = (DAY, DAY + timedelta(days=1))


@dataclass
class WatchedEngine(ScriptedEngine):
    """Takes note of how much the API was asked while it was loaded."""

    asked: list[object] = field(default_factory=list)
    asked_before: int | None = None

    def close(self) -> None:
        """Let it go."""
        self.asked_before = len(self.asked)
        super().close()


def of_days(folder: Path, database_url: str, api: FaultyApi, **more: object) -> Settings:
    """Make settings of two days of records, all of which are audited."""
    for day in DAYS:
        (folder / "days" / f"date={day}").mkdir(parents=True)
        write_records(folder / "days" / f"date={day}" / "in.jsonl", good_rows(COUNT))
    own = {"input": str(folder / "days"), **more}
    return audit_settings(folder, database_url, api.url, audit={"share": 1.0}, own=own)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("way", ["night", "flows"])
def test_no_engine_waits_for_an_audit(
    tmp_path: Path, database_url: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All partitions are answered and the engine is closed before the API is asked; no audit carries time of it, and none is lost."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with FaultyApi() as api:
        settings = of_days(tmp_path, database_url, api)
        engine = WatchedEngine(asked=api.seen)  # type: ignore[arg-type]
        for module in ("commands.run_inline", "flows.workloads"):
            monkeypatch.setattr(f"{module}.read_settings", lambda: settings)
        monkeypatch.setattr(workload_flows, "progress_artifact", lambda _: nullcontext())
        monkeypatch.setattr(workload_flows, "publish_cost_table", lambda *_: None)
        with shared_engine(settings, lambda _: engine):
            if way == "night":
                run_night(DAYS[-1], len(DAYS), [WORKLOAD])
            else:
                for day in DAYS:
                    workload_flows.run_and_show(RunRequest(WORKLOAD, day), run_request)
        assert engine.asked_before == 0
        assert len(api.seen) == len(audits(settings)) > 0
    asking = [row for row in table(settings, "runs") if row.purpose == AUDIT]
    assert [row.load_ns + row.busy_ns + row.idle_ns for row in asking] == [0, 0]
    check_sums(settings)
    assert findings(settings) == []


def test_what_is_put_off_is_done_once_and_not_after_an_error(tmp_path: Path) -> None:
    """Outside of a block at once."""
    settings = Settings(output_dir=tmp_path)
    done: list[str] = []
    after_engine(lambda: done.append("now"))
    with shared_engine(settings), shared_engine(settings):
        after_engine(lambda: done.append("later"))
        assert done == ["now"]
    with suppress(KeyboardInterrupt), shared_engine(settings):
        after_engine(lambda: done.append("never"))
        raise KeyboardInterrupt
    assert done == ["now", "later"]


def test_the_finished_days_of_a_backfill_that_was_stopped_are_audited_later(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the next collecting, if nobody can be at work on them any more, else by the same command; each record is asked once."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with FaultyApi() as api:
        settings = of_days(tmp_path, database_url, api)
        monkeypatch.setattr("commands.run_inline.read_settings", lambda: settings)
        ask = BackfillRequest(WORKLOAD, Range(DAYS[0], DAYS[-1]), settings.workload(WORKLOAD).input)

        def run(request: RunRequest, settings: Settings) -> RunResult:
            if request.partition == DAYS[-1]:
                raise Interrupted("stopped", signal.SIGTERM)  # noqa: EM101
            return run_request(request, settings)

        def backfill() -> list[PartitionOutcome]:
            outcomes: list[PartitionOutcome] = []
            todo = to_do(survey(ask, settings))
            with shared_engine(settings, lambda _: ScriptedEngine()):
                backfill_all(ask, todo, Quote.of(()), parallel=None, outcomes=outcomes)
            return outcomes

        with monkeypatch.context() as patched:
            patched.setattr("tasks.backfill.run_steps.run_request", run)
            with pytest.raises(Interrupted):
                backfill()
        assert audit_collected([], settings) == []  # it may be at work still
        assert api.seen == []
        assert [one.partition for one in backfill()] == [DAYS[-1]]
        assert {row.partition for row in audits(settings)} == set(DAYS)
        assert len(api.seen) == 2 * COUNT
        monkeypatch.setattr("tasks.audit.after_run.AT_WORK", timedelta())
        assert audit_collected([], settings) == []
        run_days_again = RunRequest(WORKLOAD, DAY, rerun=True)
        with shared_engine(settings, lambda _: ScriptedEngine()):
            run_request(run_days_again, settings)
        (found,) = audit_collected([], settings)
        assert (found.partition, found.audited) == (DAY, COUNT)
        assert audit_collected([], settings) == []
        assert len(api.seen) == 2 * COUNT


def test_of_what_is_due_a_workload_that_fails_is_tried_once(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One warning and not one a day; where no API is set, or nobody audits, nothing is due; a defect fails nothing."""
    monkeypatch.setattr("tasks.audit.after_run.AT_WORK", timedelta())
    with FaultyApi() as api:
        settings = of_days(tmp_path, database_url, api)
        with shared_engine(settings, lambda _: ScriptedEngine()):
            for day in DAYS:
                run_request(RunRequest(WORKLOAD, day), settings)
        assert audit_collected([], settings.model_copy(update={"api_mode": "off"})) == []
        assert audit_collected([], settings.model_copy(update={"workloads": {}})) == []
        assert caplog.text.count("not audited") == 0

        def fail(*_: object) -> None:
            raise ValueError

        with monkeypatch.context() as patched:
            patched.setattr("tasks.audit.after_run.audit_partition", fail)
            assert audit_collected([], settings) == []
        assert caplog.text.count("is published, and not audited: ValueError") == 1
        assert len(audit_collected([], settings)) == len(DAYS)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_waits_is_taken_up_before_an_audit_is_begun(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has waited for the dollars that the new one would take; what was begun now is told once."""
    done: list[str] = []
    with FaultyApi() as api:
        settings = audit_settings(tmp_path, database_url, api.url)
        result = serve(settings, tmp_path, COUNT)
        monkeypatch.setattr("tasks.audit.after_run.waiting_audits", lambda _: [("other", DAY)])
        monkeypatch.setattr("tasks.audit.after_run.collect_audit", lambda name, *_: done.append(name))
        monkeypatch.setattr("tasks.audit.after_run.audit_partition", lambda ask, _: done.append(ask.workload))
        monkeypatch.setattr("tasks.audit.after_run.describe_audit", str)
        audit_collected([result], settings)
    assert done == ["other", WORKLOAD]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_another_input_than_the_runs_is_said(
    tmp_path: Path, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A collecting reads the workload's own; the line names the option that the run had."""
    other = write_records(tmp_path / "other.jsonl", [{"id": f"r{n}", "text": "other"} for n in range(COUNT)])
    with FaultyApi() as api:
        settings = audit_settings(
            tmp_path, database_url, api.url, audit={"share": 1.0}, own={"input": str(other)}
        )
        result = serve(settings, tmp_path, COUNT)
        (found,) = audit_collected([result], settings)
        assert (found.state, found.changed) == ("nothing", COUNT)
        assert "or was read from another input, which --input names" in describe_audit(found)
        gone = RunRequest(WORKLOAD, DAY, str(tmp_path / "none.jsonl"))
        assert audit_published(result, gone, settings) is None
        assert api.seen == []
    assert "with the --input of the run does it" in caplog.text
