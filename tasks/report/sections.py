"""The middle of the report in words and tables: costs, break-even, levers, workloads, machine."""

from collections.abc import Sequence
from fractions import Fraction

from models.economics.figures import MonthFigures, Scenario, WorkloadFigures
from models.economics.figures_outlook import BreakEven, Lever
from tasks.documents.amounts import UNKNOWN, count, difference, hours, percent, times, unit_usd, usd
from tasks.documents.page import Section, Table
from tasks.report import sentences as words
from tasks.report import sentences_outlook

VIABILITY = {
    "viable": "good enough",
    "not_viable": "not good enough",
    "undecided": "undecided",
    None: "not evaluated",
}
"""What the evaluation said of the small model."""

COSTS = (
    "What the month's work costs in each way. Reserved: the machine is paid for around the clock; on demand: by use."
    " As it really ran: your own model, with what went to the API."
)


def list_sections(figures: MonthFigures) -> list[Section]:
    """Return the sections that stand on the figures alone, without those that have nothing to show."""
    every = (_costs(figures), _break_even(figures), _levers(figures), _workloads(figures), _machine(figures))
    return [one for one in every if one is not None]


def _costs(figures: MonthFigures) -> Section:
    sentences = [COSTS]
    tables = [_scenario_table("What the month costs in each way", figures.scenarios)]
    if figures.partial:
        sentences.append(
            "The month is not over: the first table is projected, the second is what it came to so far."
        )
        tables.append(_scenario_table(f"What {words.name_covered_days(figures)} cost", figures.to_date))
    return Section("costs", "What each way costs", tuple(sentences), "cost_by_month", tuple(tables))


def _scenario_table(caption: str, scenarios: Sequence[Scenario]) -> Table:
    order = list(words.SCENARIOS)
    shown = sorted(scenarios, key=lambda one: order.index(one.name))
    rows = tuple(
        (
            words.SCENARIOS[one.name],
            usd(one.api_nano),
            usd(one.gpu_nano),
            usd(one.labour_nano),
            words.at_least(one),
            "" if one.name == "api_sync" else difference(_negated(one.saving_sync_nano)),
        )
        for one in shown
    )
    strong = frozenset(index for index, one in enumerate(shown) if one.name == "hybrid")
    return Table(
        caption, ("Way", "API", "Machine", "People", "Total", "Difference to the API at once"), rows, strong
    )


def _negated(nano: int | None) -> int | None:
    return None if nano is None else -nano


def _break_even(figures: MonthFigures) -> Section | None:
    if not figures.scenario("api_sync").api_nano or all(
        one.fixed_nano is None for one in figures.break_evens
    ):
        return None
    told: list[str | None] = []
    if words.is_comparable(figures):
        told += [
            sentences_outlook.break_even(figures, one) for one in figures.break_evens if one.name == "hybrid"
        ]
        told += [
            sentences_outlook.capacity(figures.capacity),
            sentences_outlook.payback(figures.payback),
            sentences_outlook.trend(figures.trend),
        ]
    rows = tuple(map(_break_even_row, figures.break_evens))
    columns = (
        "Way",
        "Fixed cost a month",
        "Pays from an API spend of",
        "Times this volume",
        "Records",
        "Machines",
    )
    table = Table("From where on each way of self-hosting pays", columns, rows)
    return Section("break_even", "When it pays", tuple(filter(None, told)), "break_even_curve", (table,))


def _break_even_row(one: BreakEven) -> tuple[str, ...]:
    name, fixed = words.SCENARIOS[one.name], usd(one.fixed_nano)
    if one.factor is None:
        return (name, fixed, UNKNOWN if one.fixed_nano is None else "never", "", "", "")
    return (name, fixed, usd(one.spend_nano), times(one.factor), count(one.records), count(one.gpus))


def _levers(figures: MonthFigures) -> Section | None:
    if not figures.levers or not words.is_comparable(figures):
        return None
    records = next((point.records for point in figures.curve if point.factor == 1), None)
    rows = tuple(_lever_row(one, records) for one in figures.levers)
    table = Table("Each alone, all else as it is", ("What", "Now", "The answer changes at", "Change"), rows)
    sentence = "How far one thing would have to move, with all others as they are, until the answer turns."
    return Section("levers", "What would change the answer", (sentence,), tables=(table,))


def _lever_row(one: Lever, records: int | None) -> tuple[str, ...]:
    now, flips = sentences_outlook.lever_now(one, records), sentences_outlook.lever_flips(one, records)
    return (sentences_outlook.LEVERS[one.name], now, flips, sentences_outlook.lever_change(one))


def _workloads(figures: MonthFigures) -> Section | None:
    if not figures.workloads:
        return None
    served = ("Workload", "Records", "Own model", "API", "Reused", "Set aside", "Tokens, own", "Tokens, API")
    costs = ("Workload", "On the API", "Here", "Saving", "Small model", "Answer")
    tables = (
        Table(
            "What each workload cost",
            costs,
            tuple(map(_cost_row, figures.workloads)),
            prose=frozenset({4, 5}),
        ),
        Table("What served its records", served, tuple(map(_served_row, figures.workloads))),
        *_lever_tables(figures.workloads),
    )
    sentence = (
        "The machine's bill and people's time are shared out by the time that each kept the machine busy."
    )
    return Section("workloads", "By workload", (sentence,), "workloads", tables)


def _cost_row(one: WorkloadFigures) -> tuple[str, ...]:
    bound = "at least " if one.missing else ""
    api = f"{bound}{usd(one.api_sync_nano)}"
    if not one.replaceable:
        return (one.workload, api, "", "", VIABILITY[one.viability], "Left out")
    answer = words.answer_of(one.verdict)
    return (one.workload, api, usd(one.total_nano), usd(one.saving_nano), VIABILITY[one.viability], answer)


def _served_row(one: WorkloadFigures) -> tuple[str, ...]:
    numbers = (one.records, one.local, one.api, one.reused, one.quarantined)
    return (one.workload, *map(count, numbers), count(one.local_tokens.total), count(one.api_tokens.total))


def _lever_tables(workloads: Sequence[WorkloadFigures]) -> tuple[Table, ...]:
    """Say where each workload's answer changes; of those for which anything alone changes it."""
    rows = []
    for one in workloads:
        if any(lever.threshold is not None for lever in one.levers):
            levers = {lever.name: lever for lever in one.levers}
            rows.append((one.workload, *(_threshold(levers.get(name)) for name in sentences_outlook.LEVERS)))
    if not rows:
        return ()
    columns = ("Workload", *sentences_outlook.LEVERS.values())
    return (Table("Where each workload's answer changes, each thing alone", columns, tuple(rows)),)


def _threshold(one: Lever | None) -> str:
    return "never" if one is None or one.threshold is None else sentences_outlook.lever_flips(one)


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
    return Section(
        "machine",
        "What the machine did",
        _utilization(figures),
        "utilization",
        (time, *_units(figures.unit_costs)),
    )


def _units(costs: UnitCosts) -> tuple[Table, ...]:
    records = (costs.marginal_per_1000_records, costs.loaded_per_1000_records, costs.api_per_1000_records)
    tokens = (costs.marginal_per_mtok, costs.loaded_per_mtok, costs.api_per_mtok)
    if all(one is None for one in (*records, *tokens)):
        return ()
    rows = (("1,000 records", *map(unit_usd, records)), ("1,000,000 tokens", *map(unit_usd, tokens)))
    columns = ("Unit", "Busy time alone", "With all that is billed", "On the API")
    return (Table("What one unit costs", columns, rows),)


def _utilization(figures: MonthFigures) -> tuple[str, ...]:
    gpu = figures.gpu
    if gpu.utilization is None:
        return ("No machine time was billed.",)
    bill = "as billed" if gpu.entered else "by its rate"
    paid = f"{hours(gpu.billed_ns)} that were paid for ({usd(gpu.nano)}, {bill})"
    return (f"The machine answered requests for {percent(gpu.utilization)} of the {paid}.",)


def _share(ns: int, of: int) -> str:
    return percent(Fraction(ns, of)) if of else ""
