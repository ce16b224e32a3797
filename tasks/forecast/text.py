"""A forecast for people: what to do, tables of months, ways and candidates, and the sentences below them."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

from models.economics.figures_outlook import ApiWay
from models.economics.forecast_break_even import MonthlyBreakEven, find_against, list_changes
from models.economics.ways import API_WAYS, OWN_WAYS, PURE, OwnWay
from models.months import days_in
from tasks.display.table_layout import Column
from tasks.documents.amounts import plural, usd
from tasks.forecast.make import Made
from tasks.forecast.words import APIS, COLUMNS, OWN, label_way, name_way

PLUS_MINUS = "\N{PLUS-MINUS SIGN}"


def make_table(made: Made) -> list[Column]:
    """Return the columns of a table of the months, with their sums below."""
    figures = made.figures
    months = figures.months
    records = sum(month.records for month in months)
    tokens = sum(month.tokens.total for month in months)
    shown = [
        way.name
        for way in PURE
        if months[0].nano(way.name) is not None or way.own in {"reserved", "on_demand"}
    ]
    return [
        Column("month", tuple(f"{month.month:%Y-%m}" for month in months), f"{len(months)} months"),
        Column("records", tuple(f"{month.records:,}" for month in months), f"{records:,}", right=True),
        Column(
            "tokens", tuple(f"{month.tokens.total:,}" for month in months), f"{tokens:,}", right=True, spare=1
        ),
        *(
            Column(
                COLUMNS[way],
                tuple(usd(month.nano(way)) for month in months),
                usd(figures.totals[way]),
                right=True,
            )
            for way in shown
        ),
        Column("GPUs", tuple(str(month.gpus) for month in months), right=True, spare=0),
    ]


def make_ways_table(made: Made) -> list[Column]:
    """Return every way over all months with its set-up, the cheapest first, and what the error leaves open."""
    ways = made.answer.ways
    least = ways[0].nano
    return [
        Column("way", tuple(label_way(one.way) for one in ways)),
        Column(f"{len(made.figures.months)} months", tuple(usd(one.nano) for one in ways), right=True),
        Column("low", tuple(usd(one.low_nano) for one in ways), right=True, spare=2),
        Column("high", tuple(usd(one.high_nano) for one in ways), right=True, spare=3),
        Column("more than the cheapest", tuple(usd(one.nano - least) for one in ways), right=True, spare=1),
        Column("GPUs", tuple(str(one.gpus) if one.gpus else "-" for one in ways), right=True, spare=0),
    ]


def make_candidates_table(made: Made) -> list[Column]:
    """Return a column for each candidate at once, and the next one in batches where its seller has them."""
    months = made.figures.months
    columns = [Column("month", tuple(f"{month.month:%Y-%m}" for month in months), f"{len(months)} months")]
    for place, one in enumerate(made.candidates):
        at_once = tuple(usd(nano) for nano in one.api_sync_nano)
        total, spare = usd(one.total_sync_nano), len(made.candidates) - place
        columns.append(Column(one.candidate.name, at_once, total, right=True, spare=spare))
        if any(nano is not None for nano in one.api_batch_nano):
            batch = tuple(usd(nano) for nano in one.api_batch_nano)
            columns.append(Column("in batches", batch, usd(one.total_batch_nano), right=True, spare=spare))
    return columns


def list_sentences(made: Made) -> Iterator[str]:
    """Yield what the figures say, below the tables."""
    figures, first = made.figures, made.figures.months[0]
    day = Fraction(first.api_sync_nano, days_in(first.month))
    yield (
        f"The API at once costs {usd(round(day))} a day in the first month, and {usd(figures.totals['api_sync'])} in "
        f"{len(figures.months)} months ({_margin(made)})."
    )
    for own in (own for own in OWN_WAYS if (own, "api_sync") in made.break_evens):
        yield " ".join(_own(made, own))
    yield from _candidates(made)


def _margin(made: Made) -> str:
    margin = made.figures.margin_nano
    if margin is None:
        return f"{PLUS_MINUS} unknown from one prompt, 95% interval of the mean length"
    if all(part.counted is None for part in made.parts):
        return "exact for these lengths"
    return f"{PLUS_MINUS} {usd(margin)}, 95% interval of the mean length"


def _own(made: Made, own: OwnWay) -> Iterator[str]:
    """Yield sentences on one way of one's own: where it begins to pay, and when the set-up is paid back."""
    figures = made.figures
    name = f"your own machine, {OWN[own]}"
    fixed = made.break_evens[own, "api_sync"][0].found.fixed_nano
    if fixed is None:
        yield f"{name.capitalize()}: its rate is not known."
        return
    yield f"{name.capitalize()}, costs {usd(fixed)} a month before the first record."
    apis = sorted((api for api in API_WAYS if (own, api) in made.break_evens), reverse=True, key=_is_batch)
    for api in apis:
        yield _begins(made, own, api)
    cheaper = [(api, figures.first_month(own, api)) for api in apis]
    if begins := [f"{APIS[api]} in {month:%Y-%m}" for api, month in cheaper if month is not None]:
        yield f"As asked, it first costs less than {' and than '.join(begins)}."
    paid = [(api, figures.paid_back(own, api)) for api in apis]
    against = [f"against {APIS[api]} in {month:%Y-%m}" for api, month in paid if month is not None]
    if against and figures.setup_nano:
        yield f"The set-up of {usd(figures.setup_nano)} is paid back {' and '.join(against)}."


def _is_batch(api: ApiWay) -> bool:
    return api == "api_batch"


def _begins(made: Made, own: OwnWay, api: ApiWay) -> str:
    """Say from which volume on it pays, at the prices of the first month and at every later one."""
    months = made.break_evens[own, api]
    changes = [months[place] for place in list_changes(made.figures.months)]
    first, *later = changes
    said = [f"{_where(made, first, api)}"]
    said += [
        f"at the prices of {one.month:%Y-%m} {_where(made, one, None)}"
        for one in later
        if one.daily(one.found.factor) != first.daily(first.found.factor)
    ]
    return f"{'; '.join(said)}."


def _where(made: Made, one: MonthlyBreakEven, api: ApiWay | None) -> str:
    """Say where one month's break-even lies; `api` None: against the one that was named before."""
    against = "" if api is None else f" against {APIS[api]}"
    it = "It pays" if api is not None else "it pays"
    daily = one.daily(one.found.factor)
    if one.uncertain:
        return f"{'Too' if api is not None else 'too'} close to call{against}: {_uncertain(one)}"
    if daily is None:
        fast = ", even at the fastest that published runs allow" if _is_estimated(made) else ""
        return f"{it}{against} at no volume{fast}: {_cause(one)}"
    machines = "" if one.found.gpus in (None, 1) else f", with {plural(one.found.gpus or 0, 'GPU')}"
    spread = _spread(one)
    return (
        f"{it}{against} from {plural(daily, 'record')} a day "
        f"({usd(one.found.spend_nano)} a month there{machines}{spread})"
    )


def _spread(one: MonthlyBreakEven) -> str:
    low, high = one.daily(one.fast), one.daily(one.slow)
    if low == high or low is None or high is None:
        return ""
    return f"; {min(low, high):,} to {max(low, high):,} by the error of the speed"


def _uncertain(one: MonthlyBreakEven) -> str:
    daily, fast = one.daily(one.found.factor), one.daily(one.fast)
    at_estimate = (
        f"from {plural(daily, 'record')} a day at the estimated speed"
        if daily is not None
        else "at no volume at the estimated speed"
    )
    return f"it pays {at_estimate}, from {plural(fast or 0, 'record')} a day at the fastest that published runs allow, and at no volume at the slowest"


def _is_estimated(made: Made) -> bool:
    return any(part.speed.error is not None for part in made.parts)


def _cause(one: MonthlyBreakEven) -> str:
    if one.found.never == "full_machine":
        return f"the records of a machine that is full all month cost {usd(one.full_nano)} there, less than the machine"
    return f"a thousand further records cost {usd(one.own_nano)} of GPU time, and {usd(one.asked_nano)} there"


def _candidates(made: Made) -> Iterator[str]:
    """Yield which candidate costs less than the answer, and who sells the own model."""
    total = made.answer.total_nano
    known = [(one.least_nano, one) for one in made.candidates if one.least_nano is not None]
    cheaper = sorted((pair for pair in known if pair[0] < total), key=lambda pair: pair[0])
    if cheaper:
        named = ", ".join(
            f"{one.candidate.name}{'' if one.total_batch_nano != nano else ' in batches'} {usd(nano)}"
            for nano, one in cheaper
        )
        yield f"Cheaper still, each if it is good enough: {named}."
    for one in made.hosted:
        yield (
            f"{one.candidate.name} is {made.model.name} hosted by someone else, the nearest rival of a machine of your "
            f"own: {usd(one.total_sync_nano)} in {len(made.figures.months)} months at once, without a machine or a set-up"
            f"{_rival(made, one.api_sync_nano[0])}."
        )


def _rival(made: Made, nano: int | None) -> str:
    """Say from which volume on a reserved machine costs less than the own model hosted by someone else."""
    if nano is None or made.figures.months[0].nano("reserved") is None:
        return ""
    daily = find_against(made.figures, nano)
    if daily is None:
        return "; a reserved machine costs more at every volume"
    return f"; a reserved machine costs less from {plural(daily, 'record')} a day"


def tell_answer(made: Made) -> str:
    """Say in one sentence what to do, and in others what it saves and on what condition."""
    return " ".join(_answer(made))


def _answer(made: Made) -> Iterator[str]:
    answer, figures = made.answer, made.figures
    months = f"in {len(figures.months)} months"
    total = usd(answer.total_nano)
    setup = f", the set-up of {usd(figures.setup_nano)} included" if figures.setup_nano else ""
    other = answer.against
    if answer.close and other is not None:
        own, api = (answer.way, other) if answer.way.own is not None else (other, answer.way)
        cost = {one.way: usd(one.nano) for one in answer.ways}
        sign = 1 if answer.way.own is not None else -1
        more, less = sorted((sign * answer.low_nano, sign * answer.high_nano))
        yield (
            f"Too close to call: begin with {name_way(made, api)} ({cost[api]} {months}), and measure the own model "
            f"before you pay for a machine."
        )
        yield (
            f"With a machine it would be {cost[own]}{setup} ({name_way(made, own)}), and by the error of the estimate "
            f"between {usd(less)} less and {usd(-more)} more than {name_way(made, api)}."
        )
        return
    if answer.way.own is None:
        yield f"Send everything to {name_way(made, answer.way)}: {total} {months}."
    else:
        yield (f"Run {name_way(made, answer.way)}, if it is good enough: {total} {months}{setup}.")
    if other is not None:
        of = setup if other.own is not None else ""
        yield (f"That is {usd(answer.saving_nano)} less than {name_way(made, other)}{of}{_range(made)}.")
    if answer.way.own is not None:
        yield f"Whether {made.model.name} is good enough is not in a forecast: breakeven evaluate measures it."


def _range(made: Made) -> str:
    answer = made.answer
    if answer.low_nano == answer.high_nano:
        return ""
    return f" ({usd(answer.low_nano)} to {usd(answer.high_nano)} by the error of the estimate)"


def columns_shown(made: Made) -> Sequence[list[Column]]:
    """Return the tables that are printed, one after the other."""
    tables = [make_table(made), make_ways_table(made)]
    return [*tables, make_candidates_table(made)] if made.candidates else tables
