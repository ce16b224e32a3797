"""The report's sentences on what would change the verdict: volume, growth, payback, levers."""

from collections.abc import Mapping
from fractions import Fraction

from models.economics.figures import MonthFigures, Outlook
from models.economics.figures_outlook import (
    BreakEven,
    Capacity,
    Lever,
    LeverName,
    Never,
    Payback,
    Trend,
)
from models.gpu_time import NS_PER_HOUR
from tasks.documents.amounts import UNKNOWN, count, decimal, hours, number, percent, plural, times, usd
from tasks.report.sentences import API_WAYS, SCENARIOS, month_name

LEVERS: Mapping[LeverName, str] = {
    "price": "Price of the API",
    "volume": "Volume",
    "utilization": "Busy share of the billed time",
    "gpu_rate": "Rate of the machine",
    "hours": "Hours of maintenance a month",
}
MOST_MONTHS = 120
LEAST_HOURS = Fraction(1, 100)
LEAST_SHARE = Fraction(1, 1000)
NEVER = "no change of this alone"


NEVER_PAYS: Mapping[Never, str] = {
    "each_record": "each further record costs no less than there",
    "full_machine": "even a machine that is full all month costs more than it saves there",
}


def break_even(figures: MonthFigures, outlook: Outlook) -> str | None:
    """Say from which volume what really ran pays against a way of the API; None where nothing was run that tells."""
    one, against = outlook.break_even("hybrid"), API_WAYS[outlook.against]
    if one.fixed_nano is None or figures.scenario("api_sync").api_nano == 0:
        return None
    who = f"{SCENARIOS[one.name]}, against {against}"
    if one.factor is None:
        return f"{who}: no volume pays; {NEVER_PAYS[one.never or 'each_record']}."
    if one.factor == 0:
        return f"{who}: it pays at every volume."
    machines = "" if (one.gpus or 1) == 1 else f", with {plural(one.gpus or 1, 'machine')}"
    spend = f"where it would cost {usd(one.spend_nano)} a month there"
    return f"{who}: it pays from {times(one.factor)} this month's volume on{machines}, {spend}.{_steps(one)}"


def _steps(one: BreakEven) -> str:
    """Say where further machines make it stop paying for a while."""
    stops = [crossing for crossing in one.crossings if not crossing.pays_above]
    more = [crossing for crossing in stops if crossing.gpus > (one.gpus or 1)]
    if not more:
        return ""
    first = more[0]
    again = "" if one.for_good is None else f"; from {times(one.for_good)} on it pays for good"
    return f" Above {times(first.factor)} another machine is needed and it does not pay for a while{again}."


def capacity(one: Capacity) -> str | None:
    """Say what one machine can serve; None where nothing was measured."""
    if one.records_per_gpu is None or one.factor_per_gpu is None:
        return None
    paid = f"{plural(one.gpus, 'machine')} {'is' if one.gpus == 1 else 'are'} paid for"
    needed = "" if one.gpus_needed <= one.gpus else f", {one.gpus_needed:,} would be needed"
    return (
        f"One machine serves {count(one.records_per_gpu)} records a month at most, as measured, which is"
        f" {times(one.factor_per_gpu)} this month's volume; {paid}{needed}."
    )


def payback(one: Payback) -> str:
    """Say when the set-up has paid itself back."""
    if one.setup_nano == 0:
        return "No set-up was entered that would have to be paid back."
    once = f"The set-up ({usd(one.setup_nano)}, once)"
    if one.months is None:
        return f"{once} is not paid back at this month's figures."
    if one.months > MOST_MONTHS:
        return f"{once} would be paid back after more than ten years of this saving."
    if one.months <= 1:
        return f"{once} is paid back within one month of this saving."
    return f"{once} is paid back after {decimal(one.months, 1)} months of this saving."


def trend(one: Trend) -> str | None:
    """Say when volume will be enough, at the growth that was observed; None where no machine was there."""
    if one.state == "no_gpu":
        return None
    growth = _growth(one)
    if one.state == "crosses" and one.crossing is not None:
        return f"{growth}. If it goes on like this, it will pay from {month_name(one.crossing)}."
    return {
        "too_few_months": f"{growth}.",
        "already_pays": f"{growth}. It pays already.",
        "not_growing": f"{growth}, so waiting does not make it pay.",
        "never_pays": f"{growth}, but no volume makes it pay at these prices.",
    }.get(one.state, f"{growth}. If it goes on like this, it will not pay within ten years.")


def _growth(one: Trend) -> str:
    slope = one.records_per_month
    if slope is None:
        known = "this month alone is known" if one.months <= 1 else f"only {one.months} months are known"
        return f"Growth cannot be told yet: {known}"
    over = f"over the last {plural(one.months, 'month')}"
    if slope == 0:
        return f"Volume did not change {over}"
    grew = "grew" if slope > 0 else "fell"
    return f"Volume {grew} by {decimal(abs(slope), 0)} records a month {over}"


def lever_now(one: Lever, records: int | None = None) -> str:
    """Say where a lever stands now; of volume in `records` a month, where they are given."""
    return UNKNOWN if one.current is None else _value(one.name, one.current, records)


def lever_flips(one: Lever, records: int | None = None) -> str:
    """Say where a lever flips the verdict: `more than 2.41 times`, `1.5 h or less`, or that it does not."""
    if one.threshold is None:
        return NEVER
    value = _value(one.name, one.threshold, records)
    upwards = one.current is None or one.threshold >= one.current
    if one.at_threshold:
        return f"{value} or {'more' if upwards else 'less'}"
    return f"{'more' if upwards else 'less'} than {value}"


def lever_change(one: Lever) -> str:
    """Say how large the change is: `31% less`, `2.4 times as much`; '' where there is none to name."""
    if one.change is None:
        return ""
    if one.change > 2:  # noqa: PLR2004  beyond it a factor reads better than a share
        return f"{times(one.change + 1)} as much"
    if one.change == 0:
        return "none"
    return f"{percent(abs(one.change))} {'more' if one.change > 0 else 'less'}"


def _share(value: Fraction) -> str:
    """Write a share that is a threshold: in digits also where it lacks little of all."""
    return f"{decimal(100 * value, 2)}%" if 1 - LEAST_SHARE < value < 1 else percent(value)


def _value(name: LeverName, value: Fraction, records: int | None) -> str:
    if name == "volume" and records:
        return f"{decimal(value * records, 0)} records"
    if name == "utilization":
        return f"{number(100 * value)}%" if 0 < value < LEAST_SHARE else _share(value)
    if name == "hours":
        return f"{number(value)} h" if value >= LEAST_HOURS or not value else hours(int(value * NS_PER_HOUR))
    return times(value)
