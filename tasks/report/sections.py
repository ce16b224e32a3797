"""The middle of the report in words and tables: the ways, when it pays, what would change it, the machine."""

from collections.abc import Sequence
from fractions import Fraction

from models.economics.candidate_costs import CandidateCost
from models.economics.figures import MonthFigures, Outlook, Scenario
from models.economics.figures_outlook import BreakEven, Lever
from models.economics.interruptions import SpotUse
from models.economics.past_month import PastMonth, UnitCosts
from tasks.documents.amounts import UNKNOWN, count, hours, percent, plural, times, unit_usd, usd
from tasks.documents.page import Section, Table
from tasks.report import sentences as words
from tasks.report import sentences_outlook
from tasks.report.advice import look_around
from tasks.report.workload_section import make_workloads_section

PARTS = (
    "Reserved: the machine is paid for around the clock; on demand and spot: by use. In the ways of your own model, what its policy"
    " sent to the API goes there, too. As it really ran: all that was really paid."
)
CANDIDATES = (
    "The tokens that the API's own model counts, at each model's price of the month's last day. Whether it answers well"
    " enough, nobody has measured: breakeven evaluate with BREAKEVEN_API_MODEL set to it does."
)
NO_BATCHES = "none"
SHORT = "not good enough"
BOUND = "not allowed"
MOST_UNIT_MONTHS = 6


def list_sections(figures: MonthFigures) -> list[Section]:
    """Return the sections that stand on the figures alone, without those that have nothing to show."""
    every = (
        make_parts_section(figures),
        _levers(figures),
        _break_even(figures),
        _candidates(figures),
        make_workloads_section(figures),
        _machine(figures),
    )
    return [one for one in every if one is not None]


def make_costs_section(figures: MonthFigures) -> Section:
    """Return the first section: how what ran compares, how the market moves, and what each way cost by month."""
    told = list(look_around(figures))
    if figures.partial:
        told.append(f"The month is not over: costs are projected from {words.name_covered_days(figures)}.")
    return Section("costs", "This month and those before", tuple(told), "cost_by_month")


def make_ways_table(figures: MonthFigures) -> Table:
    """List the ways from the cheapest on, each with what it saves against what ran; a saving is positive."""
    ran = figures.scenario("hybrid").total_nano
    known = [one for one in figures.scenarios if one.total_nano is not None]
    shown = sorted(known, key=lambda one: (one.total_nano or 0, list(words.SCENARIOS).index(one.name)))
    rows = tuple(
        (
            _name(one),
            words.at_least(one),
            "" if one.name == "hybrid" or ran is None else usd(ran - (one.total_nano or 0)),
        )
        for one in shown
    )
    strong = frozenset(index for index, one in enumerate(shown) if one.name == figures.recommendation.way)
    return Table("What the month costs in each way", ("Way", "Costs", "Saves"), rows, strong)


def _name(one: Scenario) -> str:
    if one.feasible:
        return words.SCENARIOS[one.name]
    return f"{words.SCENARIOS[one.name]} ({BOUND if one.name in words.API_WAYS else SHORT})"


def _parts_table(caption: str, scenarios: Sequence[Scenario]) -> Table:
    order = list(words.SCENARIOS)
    shown = sorted(scenarios, key=lambda one: order.index(one.name))
    rows = tuple(
        (
            words.SCENARIOS[one.name],
            usd(one.api_nano),
            usd(one.gpu_nano),
            usd(one.labour_nano),
            words.at_least(one),
        )
        for one in shown
    )
    strong = frozenset(index for index, one in enumerate(shown) if one.name == "hybrid")
    return Table(caption, ("Way", "API", "Machine", "People", "Total"), rows, strong)


def make_parts_section(figures: MonthFigures) -> Section:
    """Show what each way's cost is made of, of the whole month and of the days so far, and what if more were kept."""
    tables = [_parts_table("What each way's cost is made of", figures.scenarios)]
    if figures.partial:
        tables.append(_parts_table(f"What {words.name_covered_days(figures)} cost", figures.to_date))
    if figures.kept:
        ran = figures.scenario("hybrid").total_nano or 0
        rows = tuple(
            (percent(one.share), usd(one.total_nano), usd(ran - one.total_nano)) for one in figures.kept
        )
        columns = ("Kept by your own model", "The month costs", "Saves against what ran")
        tables.append(Table("What if it kept so much, the rest on the API's cheapest way", columns, rows))
    return Section("parts", "What the ways are made of", (PARTS,), tables=tuple(tables))


def _candidates(figures: MonthFigures) -> Section | None:
    """Show what the same work costs on other models; None where settings name none, or nothing was run."""
    if not figures.candidates or not figures.scenario("api_sync").api_nano:
        return None
    ran = figures.scenario("hybrid").total_nano or 0
    rows = tuple(
        (
            one.name,
            usd(one.sync_nano),
            NO_BATCHES if one.batch_nano is None else usd(one.batch_nano),
            usd(ran - _cheaper(one)),
        )
        for one in sorted(figures.candidates, key=_cheaper)
    )
    columns = ("Model", "At once", "In batches", "Saves against what ran")
    return Section(
        "candidates",
        "On other models",
        (CANDIDATES,),
        tables=(Table("The same work, the cheapest first", columns, rows),),
    )


def _cheaper(one: CandidateCost) -> int:
    return one.sync_nano if one.batch_nano is None else min(one.sync_nano, one.batch_nano)


def _break_even(figures: MonthFigures) -> Section | None:
    outlooks = _list_outlooks(figures)
    if not figures.scenario("api_sync").api_nano or all(
        one.fixed_nano is None for one in figures.alternative.break_evens
    ):
        return None
    told: list[str | None] = []
    if words.is_comparable(figures):
        told += [sentences_outlook.break_even(figures, one) for one in outlooks]
        told += [
            sentences_outlook.capacity(figures.capacity),
            sentences_outlook.payback(figures.alternative.payback),
            sentences_outlook.trend(figures.alternative.trend),
        ]
    columns = (
        "Way",
        "Fixed cost a month",
        "Pays from an API spend of",
        "Times this volume",
        "Records",
        "Machines",
    )
    tables = tuple(
        Table(f"Against {words.API_WAYS[one.against]}", columns, tuple(map(_break_even_row, one.break_evens)))
        for one in outlooks
    )
    return Section("break_even", "When it pays", tuple(filter(None, told)), "break_even_curve", tables)


def _list_outlooks(figures: MonthFigures) -> list[Outlook]:
    """Return the comparisons: with the API's cheapest way, and, where that is another, with the API at once."""
    same = figures.alternative.against == figures.at_once.against
    return [figures.alternative] if same else [figures.alternative, figures.at_once]


def _break_even_row(one: BreakEven) -> tuple[str, ...]:
    name, fixed = words.SCENARIOS[one.name], usd(one.fixed_nano)
    if one.factor is None:
        return (name, fixed, UNKNOWN if one.fixed_nano is None else "at no volume", "", "", "")
    return (name, fixed, usd(one.spend_nano), times(one.factor), count(one.records), count(one.gpus))


def _levers(figures: MonthFigures) -> Section | None:
    if not words.is_comparable(figures):
        return None
    records = next((point.records for point in figures.curve if point.factor == 1), None)
    outlooks = _list_outlooks(figures)
    tables = tuple(
        Table(
            f"Against {words.API_WAYS[outlook.against]}, each alone",
            ("What", "Now", "The answer changes at", "Change"),
            tuple(_lever_row(one, records) for one in outlook.levers),
        )
        for outlook in outlooks
    )
    sentence = "How far one thing would have to move, with all others as they are, until the answer turns."
    return Section("levers", "What would change the answer", (sentence,), tables=tables)


def _lever_row(one: Lever, records: int | None) -> tuple[str, ...]:
    now, flips = sentences_outlook.lever_now(one, records), sentences_outlook.lever_flips(one, records)
    return (sentences_outlook.LEVERS[one.name], now, flips, sentences_outlook.lever_change(one))


def _machine(figures: MonthFigures) -> Section | None:
    gpu = figures.gpu
    if not gpu.billed_ns and not gpu.time.total_ns:
        return None
    shares = (
        ("Answering", gpu.time.busy_ns),
        ("Loading the model", gpu.time.load_ns),
        ("Waiting", gpu.time.idle_ns),
    )
    rows = [(name, hours(ns), _share(ns, gpu.billed_ns)) for name, ns in (*shares, ("Unused", gpu.unused_ns))]
    rows.append(("Billed", hours(gpu.billed_ns), _share(gpu.billed_ns, gpu.billed_ns)))
    time = Table(
        "What the billed hours went to", ("Machine time", "Hours", "Share"), tuple(rows), frozenset({4})
    )
    tables = (time, *_units(figures.unit_costs), *_unit_trend(figures.history))
    return Section("machine", "What the machine did", _utilization(figures), "utilization", tables)


def _units(costs: UnitCosts) -> tuple[Table, ...]:
    records = (costs.marginal_per_1000_records, costs.loaded_per_1000_records, costs.api_per_1000_records)
    tokens = (costs.marginal_per_mtok, costs.loaded_per_mtok, costs.api_per_mtok)
    if all(one is None for one in (*records, *tokens)):
        return ()
    rows = (("1,000 records", *map(unit_usd, records)), ("1,000,000 tokens", *map(unit_usd, tokens)))
    columns = ("Unit", "Busy time alone", "With all that is billed", "On the API at once")
    return (Table("What one unit costs", columns, rows),)


def _unit_trend(history: Sequence[PastMonth]) -> tuple[Table, ...]:
    """Show what one unit cost in the last months, where more than one is known."""
    known = [(one.month, one.unit_costs) for one in history if one.unit_costs is not None][-MOST_UNIT_MONTHS:]
    if len(known) < 2:  # noqa: PLR2004  a trend needs two
        return ()
    rows = tuple(
        (
            f"{month:%Y-%m}",
            unit_usd(costs.loaded_per_1000_records),
            unit_usd(costs.api_per_1000_records),
            unit_usd(costs.loaded_per_mtok),
            unit_usd(costs.api_per_mtok),
        )
        for month, costs in known
    )
    columns = ("Month", "1,000 records, own", "On the API", "1,000,000 tokens, own", "On the API")
    return (Table("What one unit cost over the months, with all that is billed", columns, rows),)


def _utilization(figures: MonthFigures) -> tuple[str, ...]:
    gpu = figures.gpu
    if gpu.utilization is None:
        return ("No machine time was billed.",)
    bill = "as billed" if gpu.entered else "by its rate"
    paid = f"{hours(gpu.billed_ns)} that were paid for ({usd(gpu.nano)}, {bill})"
    told = [f"The machine answered requests for {percent(gpu.utilization)} of the {paid}."]
    if gpu.idle_nano:
        told.append(f"{hours(gpu.idle_ns)} of reserved machines held no run, and cost {usd(gpu.idle_nano)}.")
    spare = next((one for one in figures.scenarios if one.name == "fewer_machines"), None)
    ran = figures.scenario("hybrid").total_nano
    if spare is not None and spare.total_nano is not None and ran is not None:
        told.append(
            f"Not all machines were needed at any time: without those that were not, it saves {usd(ran - spare.total_nano)}."
        )
    told += map(_spot, figures.spot)
    if figures.own_share is not None:
        told.append(f"Your own model gave {percent(figures.own_share)} of the answers, the API the rest.")
    return tuple(told)


def _spot(one: SpotUse) -> str:
    """Say how often spot machines of a kind were taken away, and what that cost."""
    held = f"{hours(one.held_ns)} on spot machines ({one.kind})"
    if not one.interruptions:
        return f"In {held} none was taken away."
    lost = f"{hours(one.lost_ns)} of loads and work had to be done again, {usd(one.lost_nano)} of the bill"
    return f"In {held} {plural(one.interruptions, 'run')} lost {'its' if one.interruptions == 1 else 'their'} machine: {lost}."


def _share(ns: int, of: int) -> str:
    return percent(Fraction(ns, of)) if of else ""
