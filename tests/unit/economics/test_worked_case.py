"""The month that docs/break_even.md works through: its figures, and that the page shows them."""

from fractions import Fraction
from pathlib import Path
from typing import get_args

import pytest

from models.economics.break_even import month_figures
from models.economics.figures import NoteCode
from models.economics.figures_outlook import LeverName
from models.economics.gpu_run import GpuRun
from models.economics.month import Tokens, WorkloadUsage
from models.economics.pricing import nano_to_usd
from tests.month_inputs import HOUR, inputs, priced, reference, reserved, run, usd

PAGE = Path("docs/break_even.md").read_text(encoding="utf-8")
ALL_DAYS = range(1, 32)


def _usage(name: str, a_day: int, tokens: tuple[int, int], sent_on: int, api: str) -> WorkloadUsage:
    records = len(ALL_DAYS) * a_day
    return WorkloadUsage(
        name,
        len(ALL_DAYS),
        records,
        records - sent_on,
        sent_on,
        escalated=sent_on,
        local_tokens=Tokens(records * tokens[0], 0, records * tokens[1]),
        counterfactual=(priced(records, *tokens),),
        api_nano=usd(api),
        viability="viable",
    )


def _night(day: int) -> tuple[GpuRun, GpuRun]:
    three, two = 3 / 60, 2 / 60
    return (
        run(day, hours=2.5, load=three, idle=two, at="01:00:00", rate="1.006"),
        run(day, hours=0.5, load=three, idle=two, at="03:35:00", rate="1.006", workload="enrichment"),
    )


FIGURES = month_figures(
    inputs(
        _usage("enrichment", 5_000, (400, 200), 0, "0"),
        _usage("sentiment", 40_000, (1200, 300), 33_000, "12.00"),
        gpu_runs=tuple(one for day in ALL_DAYS for one in _night(day)),
        terms=(reserved("250"),),
        references=(reference("on_demand", "1.006"),),
    )
)


BATCHES, AT_ONCE = (
    {one.name: one for one in outlook.break_evens} for outlook in (FIGURES.alternative, FIGURES.at_once)
)


def dollars(nano: int | None, places: int = 2) -> str:
    """Return an amount as the page writes it; nothing for 0."""
    return f"${nano_to_usd(nano):,.{places}f}" if nano else ""


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("api_sync", "API, at once"),
        ("api_batch", "API, in batches"),
        ("reserved", "own model, machine reserved"),
        ("on_demand", "own model, machine on demand"),
        ("hybrid", "as it really ran"),
    ],
)
def test_the_page_shows_each_scenario(name: str, label: str) -> None:
    """Parts, total and saving, to the cent."""
    one = next(one for one in FIGURES.scenarios if one.name == name)
    parts = (one.api_nano, one.gpu_nano, one.labour_nano, one.total_nano, one.saving_sync_nano)
    row = " | ".join([label, *map(dollars, parts)])
    assert f"| {row} |".replace("  ", " ") in PAGE


@pytest.mark.parametrize(
    "shown",
    [
        f"they would have saved {dollars(FIGURES.recommendation.saving_nano)}",
        f"what ran saved {dollars(FIGURES.at_once.verdict.saving_nano)}",
        f"the same nights would have cost {dollars(FIGURES.scenario('on_demand').total_nano)}",
        f"needs {dollars(AT_ONCE['hybrid'].spend_nano)} against the API at once",
        f"{dollars(BATCHES['hybrid'].spend_nano)} against batches, {float(BATCHES['hybrid'].factor or 0):.3f} times",
        f"needs {dollars(AT_ONCE['on_demand'].spend_nano)} at once and {dollars(BATCHES['on_demand'].spend_nano)} in",
        f"**{dollars(BATCHES['reserved'].fixed_nano)}** a month",
        f"{float(AT_ONCE['hybrid'].factor or 0):.3f} times the volume",
        f"{float(FIGURES.capacity.factor_per_gpu or 0):.2f} times this month's",
        f"({FIGURES.capacity.records_per_gpu:,} records a month)",
        f"= {float(FIGURES.at_once.payback.months or 0):.1f} months",
        f"busy for {100 * float(FIGURES.gpu.utilization or 0):.1f} % of the month",
        f"its own $12.00, {dollars(FIGURES.workloads[1].total_nano)}",
        (
            f"bears {dollars(FIGURES.workloads[0].total_nano)}, though it would cost"
            f" {dollars(FIGURES.workloads[0].api_sync_nano)}"
        ),
        f"and {dollars(FIGURES.workloads[0].advice.api_nano)} would be paid in batches",
        (
            f"{dollars(FIGURES.kept[0].total_nano)}, {dollars(FIGURES.kept[1].total_nano)} and"
            f" {dollars(FIGURES.kept[2].total_nano)}"
        ),
        f"{FIGURES.gpu.idle_ns / HOUR:.2f} h, {dollars(FIGURES.gpu.idle_nano)}",
        f"own model: {100 * float(FIGURES.own_share or 0):.1f} %",
        f"busy time x bill / billed time | {dollars(FIGURES.unit_costs.marginal_per_1000_records, 4)} |",
        f"bill + maintenance | {dollars(FIGURES.unit_costs.loaded_per_1000_records, 4)} |",
        f"S | {dollars(FIGURES.unit_costs.api_per_1000_records, 4)} |",
    ],
)
def test_the_page_shows_each_figure(shown: str) -> None:
    """As it is computed."""
    assert shown in " ".join(PAGE.split())


def test_the_page_shows_where_each_lever_flips() -> None:
    """The last two columns of the levers' table."""
    batches, at_once = (
        {lever.name: lever.threshold for lever in outlook.levers}
        for outlook in (FIGURES.alternative, FIGURES.at_once)
    )

    def written(value: Fraction | None, form: str) -> str:
        return "none" if value is None else form.format(float(value))

    rows: tuple[tuple[str, LeverName, str], ...] = (
        ("price of the API", "price", "{:.3f}"),
        ("volume", "volume", "{:.3f}"),
        ("utilization, reserved", "utilization", "{:.1%}"),
        ("rate of the machine", "gpu_rate", "{:.3f}"),
        ("maintenance hours", "hours", "{:.2f} h"),
    )
    for label, name, form in rows:
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| {label} |"))
        shown = (written(values[name], form).replace("%", " %") for values in (batches, at_once))
        assert row.endswith(f"| {' | '.join(shown)} |")


def test_the_page_adds_up_the_hours() -> None:
    """Load + busy + idle + unused = billed."""
    gpu = FIGURES.gpu
    parts = (gpu.time.load_ns, gpu.time.busy_ns, gpu.time.idle_ns, gpu.unused_ns)
    shown = " + ".join(f"{part / HOUR:.2f}".rstrip("0").rstrip(".") + " h" for part in parts)
    assert f"{shown} = {gpu.billed_ns // HOUR} h" in " ".join(PAGE.split())


def test_the_page_lists_every_note() -> None:
    """A code without words there would leave a reader alone."""
    assert all(f"`{code}`" in PAGE for code in get_args(NoteCode))
