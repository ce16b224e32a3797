"""Twelve months of a history agree with SQL that shares nothing with the product, to the nano-dollar."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from bench.history import KILLED, NO_MACHINE, PRICE_CHANGE, UNPRICED, Year, write_history
from db.session import make_engine, migrate, readers
from models.economics.break_even import month_figures
from models.economics.figures import MonthFigures
from models.economics.month import MonthInputs, Viability
from models.months import months_later
from models.settings import Settings
from tasks.ledger.check import check
from tasks.report.inputs import read_month_inputs
from tasks.runtime.ledger_access import ledger_reader
from tests.integration.history.conftest import YEAR
from tests.integration.history.recomputed import recomputed, recomputed_by_workload

MONTHS = [months_later(YEAR.first, index) for index in range(YEAR.months)]
TODAY = date(2026, 11, 25)
WAYS = ("api_sync", "api_batch", "reserved", "on_demand", "hybrid", "fewer_machines")


def _inputs(engine: Engine, month: date) -> MonthInputs:
    with readers(engine)() as session:
        return read_month_inputs(session, Settings(), month, today=TODAY)


def _all(engine: Engine) -> Iterator[MonthInputs]:
    return (_inputs(engine, month) for month in MONTHS)


def _totals(figures: MonthFigures) -> dict[str, int | None]:
    return {scenario.name: scenario.total_nano for scenario in figures.scenarios}


def test_every_scenario_of_every_month_is_what_sql_says(history: Engine) -> None:
    """API at once and in batches, reserved, on demand, hybrid, idle machines: equal to the nano-dollar, and what is unknown as well."""
    expected = recomputed(history)
    assert list(expected) == [f"{month:%Y-%m}" for month in MONTHS]
    for inputs in _all(history):
        figures, own = month_figures(inputs), expected[f"{inputs.month:%Y-%m}"]
        found = _totals(figures)
        found.pop("move_workload", None)
        assert found == {name: own.get(name) for name in found}, inputs.month
        assert ("fewer_machines" in found) is ("fewer_machines" in own)
        assert figures.gpu.idle_nano == own["idle"]
        assert figures.scenario("api_sync").missing == own["lacking"]
        assert sum(usage.api_upper_bound_nano for usage in inputs.workloads) == own["bounds"]


def test_what_stops_with_each_workload_is_what_sql_says(history: Engine) -> None:
    """Its sessions, computed without it, and its API attempts; beside what it costs in batches, which decides its answer."""
    expected = recomputed_by_workload(history)
    for inputs in _all(history):
        own = expected.get(f"{inputs.month:%Y-%m}", {})
        advice = {one.workload: one for one in month_figures(inputs).recommendation.per_workload}
        for name, (avoidable, on_the_api) in own.items():
            assert (advice[name].avoidable_nano, advice[name].api_nano) == (avoidable, on_the_api), (
                inputs.month
            )
            if advice[name].answer != "cannot_be_said":
                assert (advice[name].answer == "pays") is (avoidable < on_the_api)
        assert own or all(one.avoidable_nano is None for one in advice.values())


@pytest.mark.parametrize("viability", [None, "viable", "undecided", "not_viable"])
def test_no_month_recommends_a_way_that_is_dearer_than_another(
    history: Engine, viability: Viability | None
) -> None:
    """The cheapest that SQL knows is recommended, whatever an evaluation said: each workload sends on what it may miss."""
    expected = recomputed(history)
    for inputs in _all(history):
        evaluated = tuple(replace(one, viability=viability, routes=True) for one in inputs.workloads)
        figures = month_figures(replace(inputs, workloads=evaluated))
        own = expected[f"{inputs.month:%Y-%m}"]
        ways = {name: own[name] for name in WAYS if name in own}
        if not figures.capacity.factor_per_gpu:
            ways.pop("reserved", None)
        advice = figures.recommendation
        moved = [one.total_nano for one in figures.scenarios if one.name == "move_workload"]
        cheapest = min(*ways.values(), *(total for total in moved if total is not None))
        assert figures.scenario(advice.way).total_nano == cheapest, inputs.month
        assert figures.scenario("hybrid").total_nano == own["hybrid"]
        proven = viability in {"viable", "not_viable"}
        assert not (proven and advice.conditional_on)


def test_a_workload_that_sends_nothing_on_counts_on_the_api(history: Engine) -> None:
    """Found to fall short, and its attempts on the API only failures' second tries: batches for it in every way; what was paid stays."""
    expected, by_workload = recomputed(history), recomputed_by_workload(history)
    for inputs in _all(history):
        unfit = tuple(
            replace(one, viability="not_viable", routed=0, routes=False)
            if one.workload == "sentiment"
            else one
            for one in inputs.workloads
        )
        figures, month = month_figures(replace(inputs, workloads=unfit)), f"{inputs.month:%Y-%m}"
        assert figures.scenario("hybrid").total_nano == expected[month]["hybrid"], inputs.month
        assert not figures.scenario("hybrid").feasible
        if month in by_workload:
            avoidable, on_the_api = by_workload[month]["sentiment"]
            moved = figures.scenario("move_workload")
            assert "sentiment" in moved.workloads
            if moved.workloads == ("sentiment",):
                assert moved.total_nano == expected[month]["hybrid"] - avoidable + on_the_api


def test_gpu_time_reconciles_with_the_bill(history: Engine) -> None:
    """Load + busy + idle + unused = billed, each as SQL counts it, in every month."""
    expected = recomputed(history)
    for inputs in _all(history):
        gpu, own = month_figures(inputs).gpu, expected[f"{inputs.month:%Y-%m}"]
        assert gpu.time.load_ns + gpu.time.busy_ns + gpu.time.idle_ns == own["used_ns"], inputs.month
        assert gpu.billed_ns == own["billed_ns"], inputs.month
        assert own["used_ns"] + gpu.unused_ns == own["billed_ns"], inputs.month
        assert gpu.unused_ns >= 0
    with history.connect() as connection:
        of_runs = "SELECT sum(load_ns + busy_ns + idle_ns) FROM runs"
        of_lines = "SELECT sum(gpu_ns) FROM ledger_lines"
        total = int(connection.execute(text(of_runs)).scalar_one())
        assert total == sum(own["used_ns"] for own in expected.values())
        assert total == int(connection.execute(text(of_lines)).scalar_one())


def test_the_history_has_all_kinds_of_months(history: Engine) -> None:
    """On demand, reserved, both, none; a price change, unknown prices, bounds, entered and corrected bills."""
    inputs = list(_all(history))
    figures = [month_figures(one) for one in inputs]
    modes = ["on_demand"] * 4 + ["reserved"] * 4 + ["none", "mixed", "reserved", "reserved"]
    assert [one.mode for one in figures] == modes
    assert {one.at_once.verdict.answer for one in figures} >= {"pays", "does_not_pay", "cannot_be_said"}
    uses = {use.effective_from for usage in inputs[PRICE_CHANGE].workloads for use in usage.counterfactual}
    assert len(uses) == 2
    assert [one.bill_nano for one in inputs[1:6]] == [41_370_000_000, None, None, None, 263_100_000_000]
    assert not inputs[NO_MACHINE].gpu_runs
    assert sum(usage.api for usage in inputs[NO_MACHINE].workloads) > 0
    lacking = [sum(usage.unknown_counterfactual for usage in one.workloads) for one in inputs]
    assert [index for index, count in enumerate(lacking) if count] == [UNPRICED]
    bounds = [sum(usage.api_upper_bound for usage in one.workloads) for one in inputs]
    assert bounds[KILLED] > 0
    assert bounds[-1] > 0
    records = [sum(usage.records for usage in one.workloads) for one in inputs]
    assert records[-1] > records[0] > 0


def test_earlier_months_are_those_months(history: Engine) -> None:
    """What a month's trend stands on is what each earlier month's own report says, without gaps."""
    own = {inputs.month: _totals(month_figures(inputs)) for inputs in _all(history)}
    earlier = _inputs(history, MONTHS[-1]).earlier
    assert [past.month for past in earlier] == MONTHS[:-1]
    for past in earlier:
        found = (past.api_sync_nano, past.api_batch_nano, past.reserved_nano, past.on_demand_nano)
        assert (*found, past.hybrid_nano) == tuple(own[past.month].values())[:5]


@pytest.mark.parametrize("month", [MONTHS[0], MONTHS[-1]])
def test_shares_of_workloads_sum_to_the_whole(history: Engine, month: date) -> None:
    """The hybrid of a month is its workloads' parts, to the nano-dollar."""
    figures = month_figures(_inputs(history, month))
    parts = [workload.total_nano for workload in figures.workloads]
    assert None not in parts
    assert sum(part or 0 for part in parts) == figures.scenario("hybrid").total_nano


@pytest.mark.both_databases
def test_the_ledger_check_finds_nothing_in_a_generated_year(history: Engine) -> None:
    """What the generator writes is what a real pipeline would have written: all of it adds up."""
    settings = Settings(database_url=SecretStr(history.url.render_as_string(hide_password=False)))
    with ledger_reader(settings) as reader:
        checked = check(settings, reader, lambda *_: None)
    assert checked.findings == []
    assert (checked.runs, checked.lines > checked.runs) == (YEAR.months * 6 + 1, True)


def test_a_seed_makes_one_history(tmp_path: Path) -> None:
    """The same seed comes to the same inputs, another one to others."""
    found = []
    for place, seed in enumerate((1, 1, 2)):
        engine = make_engine(f"sqlite:///{tmp_path / f'{place}.db'}")
        migrate(engine)
        write_history(engine, Year(months=1, days=(), records=4, seed=seed))
        found.append(_inputs(engine, YEAR.first))
        engine.dispose()
    assert found[0] == found[1] != found[2]
