"""Settings and ledger to a month's inputs: what is entered counts, what is not is assumed and says so."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bench.history import Year, write_history
from db import audits, evaluations, infrastructure, ledger, reference, runs
from db.audits import AuditedRecord
from db.session import make_engine, migrate, readers, sessions
from db.tables import ModelRow, PromptRow, RunRow
from models.catalogue.rates import Infrastructure
from models.economics import owning
from models.economics.break_even import month_figures
from models.economics.month import MonthInputs, Viability
from models.economics.spot_basis import SpotBasis
from models.errors import UsageError
from models.evaluation.audit_counts import Judge
from models.gpu_time import GpuTime
from models.ids import new_id
from models.months import days_in
from models.settings import Settings
from tasks.ledger import archive
from tasks.report.inputs import read_month_inputs
from tests.integration.db.ledger_lines import line, seed

SEPTEMBER, OCTOBER, NOVEMBER = (date(2026, month, 1) for month in (9, 10, 11))
TODAY = date(2026, 11, 20)
USED = [("sentiment", datetime(2026, 9, 5, tzinfo=UTC)), ("enrichment", datetime(2026, 11, 10, tzinfo=UTC))]


@pytest.fixture
def url(database_url: str) -> str:
    """URL of a ledger with usage in September and November."""
    engine = make_engine(database_url)
    migrate(engine)
    with sessions(engine).begin() as session:
        for workload, at in USED:
            keys = seed(session, workload, at.date())
            ledger.insert_lines(session, [line(keys, at=at)])
            runs.add(session, keys.run, GpuTime(busy_ns=10**9), runs.Increments(gpu_cost_nano=279_444))
            session.execute(update(RunRow).where(RunRow.id == keys.run).values(started_at=at))
    engine.dispose()
    return database_url


@pytest.fixture
def session(url: str) -> Iterator[Session]:
    """Session that writes to that ledger."""
    engine = make_engine(url)
    with sessions(engine)() as opened:
        yield opened
    engine.dispose()


def _inputs(session: Session, month: date, settings: Settings | None = None) -> MonthInputs:
    return read_month_inputs(session, settings or Settings(), month, today=TODAY)


def test_what_was_never_entered_is_assumed(session: Session) -> None:
    """Labour by the settings, rates by the runs' own rows; the catalogue's rates stand by, with their sources."""
    inputs = _inputs(session, NOVEMBER)
    assert [terms.assumed for terms in inputs.labour] == [True]
    assert inputs.terms == ()
    assert inputs.bill_nano is None
    assert [run.kind for run in inputs.gpu_runs] == ["A10G"]
    assert {one.mode for one in inputs.references} == {"on_demand", "reserved"}
    codes = {note.code for note in month_figures(inputs).notes}
    assert {"assumed_labour", "assumed_rate"} <= codes


def test_interruptions_count_where_a_machine_can_be_taken_away(session: Session) -> None:
    """A stop elsewhere is none, and makes no other report; once the machine's terms are spot, it counts."""
    before = _inputs(session, NOVEMBER)
    own = (RunRow.workload == "enrichment", RunRow.state == "running")
    session.execute(update(RunRow).where(*own).values(state="interrupted", load_ns=0))
    assert _inputs(session, NOVEMBER) == before
    entry = owning.check_terms("A10G", "spot", since=NOVEMBER, usd_per_hour=Decimal("0.40"))
    infrastructure.add(session, entry)
    inputs = _inputs(session, NOVEMBER)
    (spot,) = month_figures(inputs).spot
    assert (spot.kind, spot.runs, spot.interruptions) == ("A10G", 1, 1)
    assert inputs.spot == SpotBasis(Decimal("0.05"), 5 * 10**9, 1, 10**9, spot.lost_ns)
    assert before.spot is None


def test_what_was_entered_wins(session: Session) -> None:
    """Terms of the month, the last bill, labour since its day: nothing is assumed any more."""
    for entry in (
        owning.check_terms(
            "A10G", "reserved", since=SEPTEMBER, until=date(2026, 9, 30), usd_per_month=Decimal(9)
        ),
        owning.check_terms("A10G", "reserved", since=OCTOBER, usd_per_month=Decimal(250)),
        owning.check_bill(NOVEMBER, Decimal(240), TODAY),
        owning.check_bill(NOVEMBER, Decimal(245), TODAY),
        owning.check_labour(SEPTEMBER, Decimal(3), Decimal(8), Decimal(90)),
    ):
        infrastructure.add(session, entry)
    inputs = _inputs(session, NOVEMBER)
    assert [terms.rate.nano_per_month for terms in inputs.terms] == [250 * 10**9]
    assert inputs.bill_nano == 245 * 10**9
    figures = month_figures(inputs)
    assert not {"assumed_labour", "assumed_rate"} & {note.code for note in figures.notes}
    assert _inputs(session, OCTOBER).bill_nano is None


def test_a_reserved_month_costs_the_same_in_february_and_in_march(session: Session) -> None:
    """$250 a month is $250 in a month of 28 days, of 30 and of 31; maintenance comes on top."""
    infrastructure.add(
        session, owning.check_terms("A10G", "reserved", since=date(2026, 1, 1), usd_per_month=Decimal(250))
    )
    for month in (date(2026, 2, 1), date(2026, 3, 1), date(2026, 4, 1)):
        reserved = month_figures(_inputs(session, month)).scenario("reserved")
        assert (reserved.gpu_nano, reserved.total_nano) == (250 * 10**9, 450 * 10**9)


def test_a_reserved_machine_of_the_settings_is_one_in_the_report(session: Session) -> None:
    """A run on a machine that the settings called reserved is billed around the clock, and that is assumed."""
    own = Infrastructure("A10G", 10**9, "reserved", 1, SEPTEMBER, "settings")
    key = reference.ensure_infrastructure(session, own)
    session.execute(update(RunRow).where(RunRow.workload == "enrichment").values(infrastructure_id=key))
    inputs = _inputs(session, NOVEMBER)
    (terms,) = inputs.terms
    assert (terms.mode, terms.assumed, terms.effective_from) == ("reserved", True, date(2026, 11, 10))
    assert month_figures(inputs).mode == "reserved"


def test_months_have_no_gaps(session: Session) -> None:
    """Every month since the first usage is there, one without usage with nothing in it."""
    inputs = _inputs(session, NOVEMBER)
    assert [(past.month, past.records) for past in inputs.earlier] == [(SEPTEMBER, 1), (OCTOBER, 0)]
    assert _inputs(session, SEPTEMBER).earlier == ()
    assert _inputs(session, date(2026, 1, 1)).workloads == ()


def test_a_running_month_covers_the_days_that_have_begun(session: Session) -> None:
    """Up to today, all of a month that is over; one that has not begun is refused."""
    assert _inputs(session, NOVEMBER).days == 20
    assert _inputs(session, OCTOBER).days == days_in(OCTOBER)
    assert read_month_inputs(session, Settings(), date(2026, 11, 9), today=NOVEMBER).days == 1
    with pytest.raises(UsageError, match="2026-12 has not begun"):
        _inputs(session, date(2026, 12, 1))


def _say(session: Session, workload: str, viability: Viability, **more: object) -> None:
    """Store an evaluation of the model and prompt that the workload's run had."""
    run = session.execute(
        select(ModelRow.name, PromptRow.fingerprint)
        .select_from(RunRow)
        .join(ModelRow, ModelRow.id == RunRow.model_id)
        .join(PromptRow, PromptRow.id == RunRow.prompt_id)
        .where(RunRow.workload == workload)
    ).one()
    values: dict[str, object] = {"id": new_id(), "at": datetime.now(UTC), "workload": workload}
    values |= {"model": run.name, "api_model": "gpt", "prompt_version": "1"}
    values |= {"prompt_fingerprint": run.fingerprint, "labels_digest": "", "records": 1}
    values |= {"viability": viability, "software": "0", "figures": "{}"}
    values |= dict.fromkeys(("accuracy", "api_accuracy", "ratio", "ratio_low", "ratio_high", "threshold"))
    evaluations.add(session, evaluations.Stored(**(values | more)))  # type: ignore[arg-type]  # each has its type


def test_what_evaluations_said_is_passed_on(session: Session) -> None:
    """A workload that is not viable is marked, in earlier months as well; the newest word counts."""
    assert [usage.viability for usage in _inputs(session, NOVEMBER).workloads] == [None]
    for workload in ("enrichment", "sentiment"):
        _say(session, workload, "viable")
        _say(session, workload, "not_viable")
    inputs = _inputs(session, NOVEMBER)
    assert [usage.viability for usage in inputs.workloads] == ["not_viable"]
    assert [past.records for past in inputs.earlier] == [0, 0]
    _say(session, "enrichment", "undecided")
    assert [usage.viability for usage in _inputs(session, NOVEMBER).workloads] == ["undecided"]


@pytest.mark.parametrize(
    "another", [{"model": "another"}, {"prompt_fingerprint": "another"}, {"api_model": None}], ids=str
)
def test_an_evaluation_of_something_else_says_nothing(session: Session, another: dict[str, object]) -> None:
    """Neither another model's, nor another prompt's, nor one without an API to compare with."""
    _say(session, "enrichment", "not_viable", **another)
    assert [usage.viability for usage in _inputs(session, NOVEMBER).workloads] == [None]


def test_archived_lines_stay_in_the_months(database_url: str, tmp_path: Path) -> None:
    """A month whose lines were moved to a file has the inputs that it had before."""
    engine = make_engine(database_url)
    migrate(engine)
    year = Year(months=2, days=(), records=4)
    write_history(engine, year)
    settings = Settings(database_url=SecretStr(database_url), archive_dir=tmp_path / "archive")

    def inputs() -> MonthInputs:
        with readers(engine)() as session:
            return read_month_inputs(session, Settings(), date(2025, 12, 1), today=TODAY)

    before = inputs()
    planned = archive.plan(settings, 3, TODAY)
    archive.archive(settings, planned, tmp_path / "archive", lambda _: None)
    with readers(engine)() as session:
        assert {row["workload"] for row in ledger.list_lines(session)} == {
            "classification"
        }  # one still waits
    assert inputs() == before
    assert before.workloads
    engine.dispose()


def _audit(
    session: Session, workload: str, day: date, agreeing: int, of: int, judge: Judge = "api", **other: object
) -> None:
    """Write an audit of a partition that was served as the workload's run was."""
    run = session.execute(select(RunRow).where(RunRow.workload == workload)).scalars().first()
    assert run is not None
    served = {"engine": "vllm", "model_id": run.model_id, "prompt_id": run.prompt_id} | other
    rows = [
        AuditedRecord(f"{day}-{place}", run_id=run.id, agrees=place < agreeing, judge=judge, **served)  # type: ignore[arg-type]
        for place in range(of)
    ]
    audits.replace_audits(session, workload, day, rows, judge)


def test_without_labels_audits_say_whether_a_workload_is_good_enough(session: Session) -> None:
    """Nothing while they decide nothing; an evaluation wins over them; those of another model, or of long ago, say nothing."""
    another = reference.ensure_model(session, "vllm", "another")
    _audit(session, "enrichment", date(2026, 11, 2), 0, 300, model_id=another)
    _audit(session, "enrichment", date(2026, 8, 31), 0, 300)
    _audit(session, "enrichment", date(2026, 12, 1), 0, 300)
    _audit(session, "enrichment", date(2026, 11, 3), 9, 10)
    assert [(one.viability, one.basis) for one in _inputs(session, NOVEMBER).workloads] == [(None, None)]
    _audit(session, "enrichment", date(2026, 11, 4), 990, 1000)
    inputs = _inputs(session, NOVEMBER)
    assert [(one.viability, one.basis) for one in inputs.workloads] == [("viable", "audits")]
    assert [(one.month, one.audited) for one in inputs.audits] == [(date(2026, 8, 1), 300), (NOVEMBER, 1310)]
    assert [(one.viability, one.basis) for one in month_figures(inputs).workloads] == [("viable", "audits")]
    assert not {note.code for note in month_figures(inputs).notes} & {"not_evaluated", "undecided"}
    _audit(session, "enrichment", date(2026, 11, 4), 500, 1000)
    assert [one.viability for one in _inputs(session, NOVEMBER).workloads] == ["not_viable"]
    _audit(session, "enrichment", date(2026, 11, 4), 990, 1000, "people")
    assert [(one.viability, one.basis) for one in _inputs(session, NOVEMBER).workloads] == [
        ("not_viable", "audits")  # the API looked at ten more
    ]
    _audit(session, "enrichment", date(2026, 11, 5), 990, 1000, "people")
    assert [(one.viability, one.basis) for one in _inputs(session, NOVEMBER).workloads] == [
        ("viable", "people")
    ]
    _say(session, "enrichment", "undecided")
    told = [(one.viability, one.basis) for one in _inputs(session, NOVEMBER).workloads]
    assert told == [("undecided", "labels")]
