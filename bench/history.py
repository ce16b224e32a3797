"""A year of history, made from a seed and written into a ledger through the project's own commit path.

`python -m bench.history URL [--first YYYY-MM] [--records N] [--seed N] [--price-factor N] [--folder DIR]`, such as `sqlite:///history.db`. Three
workloads that grow, a price change in mid-month, records that go to the API at once and in batches, machines on
demand and reserved, a month without any, bills, labour, lines of an unknown price, a killed run's unknown outcomes,
and at the end a batch that is still out.
"""

import argparse
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Engine

from bench.history_lines import TO_API, Fate, PastRun, Planned
from bench.history_runs import API_MODEL, Priced, write
from db import infrastructure
from db.session import make_engine, migrate, sessions
from models import workloads
from models.catalogue.rates import Infrastructure
from models.economics import owning
from models.economics.owning import Bill, EnteredTerms, Labour
from models.economics.pricing import ALWAYS, Price, batch_prices
from models.engines.api.permit import ApiPermit
from models.gpu_time import GpuTime
from models.months import days_in, months_later, parse_month
from models.requests import Usage
from models.settings import Settings

KIND = "A10G"
NS = 1_000_000_000
WARM_GAP = timedelta(seconds=30)
LATE = clock_time(23, 50)
LATE_IDLE_NS = 1_200 * NS
LATE_MINUTES = 20
LATER = timedelta(minutes=10)
GROWTH = 0.05
MONTHS = 12
NO_MACHINE, PRICE_CHANGE, PRICE_DAY, UNPRICED, KILLED, KILLED_DAY = 8, 6, 16, 2, 3, 12
"""Months (the first is 0) and days of what happens once."""


@dataclass(frozen=True, slots=True)
class Year:
    """Which history: its first month, how many, records of the largest workload on a day of the first one.

    `days`: the days of each month on which runs start, None: all; the last day always is one. `price_factor`
    multiplies the API's prices, so that a few records come to as much money as a real month's.
    """

    first: date = date(2025, 11, 1)
    months: int = MONTHS
    records: int = 60
    days: tuple[int, ...] | None = None
    seed: int = 0
    price_factor: int = 1


@dataclass(frozen=True, slots=True)
class Profile:
    """What the records of a workload are like; `fates` are weights, `busy_ns` is what one takes."""

    workload: str
    share: float
    input_tokens: tuple[int, int]
    output_tokens: tuple[int, int]
    busy_ns: tuple[int, int]
    fates: dict[Fate, int]
    batched: bool = False


SENTIMENT = Profile(
    "sentiment",
    1.0,
    (120, 260),
    (2, 4),
    (NS // 20, NS // 5),
    {"local": 82, "reused": 6, "invalid": 2, "escalated": 7, "retried": 2, "unreported": 1},
)
CLASSIFICATION = Profile(
    "classification",
    0.6,
    (200, 900),
    (3, 8),
    (NS // 10, NS // 2),
    {"local": 86, "reused": 4, "escalated": 10},
    batched=True,
)
ENRICHMENT = Profile(
    "enrichment",
    0.4,
    (300, 700),
    (120, 280),
    (NS, 3 * NS),
    {"local": 90, "invalid": 5, "escalated": 5},
)
PROFILES = (SENTIMENT, CLASSIFICATION, ENRICHMENT)


def write_history(engine: Engine, year: Year, folder: Path | None = None) -> int:
    """Write a history into a migrated ledger; return how many runs it has.

    `folder`: where published files are written, with nothing but keys; None: there are none.
    """
    make_session = sessions(engine)
    with make_session.begin() as session:
        for entry in entered(year):
            infrastructure.add(session, entry)
    asked, count = prices(year), 0
    permits = {profile.workload: permit(profile.workload) for profile in PROFILES}
    for run in past_runs(year):
        write(make_session, run, asked, permits[run.workload], folder)
        count += 1
    return count


def permit(workload: str) -> ApiPermit:
    """Return permission to send a workload's records."""
    found = ApiPermit.of(workloads.build(workload, Settings()))
    if found is None:
        msg = f"{workload} may not go to an API"
        raise ValueError(msg)
    return found


def prices(year: Year) -> Priced:
    """Return the API's prices, which sink in the middle of a month."""
    change = months_later(year.first, PRICE_CHANGE).replace(day=PRICE_DAY)
    before = _price(ALWAYS, change, 150_000_000, 600_000_000, year.price_factor)
    after = _price(change, None, 110_000_000, 445_000_000, year.price_factor)
    return Priced([before, after], batch_prices([before, after], Decimal("0.5")))


def _price(since: date, end: date | None, asked: int, given: int, factor: int) -> Price:
    return Price(
        "openai", API_MODEL, since, end, asked * factor, asked * factor // 2, given * factor, "history"
    )


def entered(year: Year) -> Iterator[EnteredTerms | Bill | Labour]:
    """Yield what people entered, in this order: on demand, reserved, nothing, both in one month, two machines."""

    def month(index: int, day: int = 1) -> date:
        return months_later(year.first, index).replace(day=day)

    hourly = Decimal("1.006")
    yield owning.check_terms(
        KIND, "on_demand", since=month(0, 11), usd_per_hour=hourly, increment_seconds=3600
    )
    yield owning.check_terms(KIND, "reserved", since=month(4), usd_per_month=Decimal(250))
    yield owning.no_machine(KIND, month(NO_MACHINE))
    yield owning.check_terms(
        KIND, "reserved", since=month(9), until=month(9, 15), usd_per_hour=Decimal("0.40")
    )
    yield owning.check_terms(
        KIND, "on_demand", since=month(9, 16), usd_per_hour=Decimal("0.95"), increment_seconds=60
    )
    yield owning.check_terms(KIND, "reserved", since=month(10), usd_per_hour=Decimal(2), note="mistyped")
    yield owning.check_terms(KIND, "reserved", since=month(10), usd_per_month=Decimal("230.50"), gpus=2)
    today = month(MONTHS)
    yield owning.check_bill(month(1), Decimal("41.37"), today)
    yield owning.check_bill(month(5), Decimal("262.40"), today)
    yield owning.check_bill(month(5), Decimal("263.10"), today, "corrected")
    yield owning.check_labour(month(0), Decimal(2), Decimal(12), Decimal(100))
    yield owning.check_labour(month(7, 11), Decimal(3), Decimal(12), Decimal("110.10"))


def past_runs(year: Year) -> Iterator[PastRun]:
    """Yield the runs of a history in the order in which they started."""
    for index in range(year.months):
        first = months_later(year.first, index)
        last = days_in(first)
        for number in range(1, last + 1):
            if year.days is None or number == last or number in year.days:
                yield from _of_day(year, index, first.replace(day=number))


def machine(index: int, day: date) -> Infrastructure:
    """Return the machine as the settings of a month named it."""
    reserved = 4 <= index < NO_MACHINE or index > 9 or (index == 9 and day.day < 16)  # noqa: PLR2004  as entered
    rate, mode = (342_466_000, "reserved") if reserved else (1_006_000_000, "on_demand")
    return Infrastructure(KIND, rate, mode, 1, date(2025, 1, 1), "settings")


def _of_day(year: Year, index: int, day: date) -> Iterator[PastRun]:
    sentiment = _planned(year, index, day, SENTIMENT, _at(day, clock_time(2)))
    if index == KILLED and day.day == KILLED_DAY:
        yield from _killed(sentiment)
    else:
        yield sentiment
    ended = sentiment.started_at + timedelta(microseconds=sentiment.time.total_ns // 1000)
    classification = _planned(year, index, day, CLASSIFICATION, ended + WARM_GAP)
    out = index == year.months - 1 and day.day >= days_in(day) - 1
    yield replace(classification, ending="waiting") if out else classification
    late = day.day == days_in(day)
    yield _planned(year, index, day, ENRICHMENT, _at(day, LATE if late else clock_time(14)), late=late)


def _planned(
    year: Year, index: int, day: date, profile: Profile, started_at: datetime, *, late: bool = False
) -> PastRun:
    """Draw a run; a late one goes on into the next day."""
    dice = random.Random(f"{year.seed} {profile.workload} {day}")  # noqa: S311 - a made-up history
    count = max(2, round(year.records * profile.share * (1 + GROWTH) ** index * dice.uniform(0.8, 1.2)))
    fates = _fates(dice, profile, index, count)
    local = [fate for fate in fates if fate not in ("chosen", "reused")]
    held = GpuTime()
    if local:
        held = GpuTime(
            load_ns=0 if profile is CLASSIFICATION else dice.randrange(30 * NS, 60 * NS),
            busy_ns=sum(dice.randrange(*profile.busy_ns) for _ in local),
            idle_ns=LATE_IDLE_NS if late else dice.randrange(2 * NS, 9 * NS),
        )
    step = timedelta(minutes=LATE_MINUTES if late else 1) / count
    records = tuple(
        Planned(f"{day:%m%d}-{place}", fate, started_at + place * step, _usage(dice, profile))
        for place, fate in enumerate(fates)
    )
    return PastRun(
        profile.workload,
        day - timedelta(days=1),
        started_at,
        machine(index, day),
        held,
        records,
        profile.batched,
        "published",
    )


def _fates(dice: random.Random, profile: Profile, index: int, count: int) -> Sequence[Fate]:
    if index == NO_MACHINE:
        return ["chosen"] * count
    first: list[Fate] = ["local"]
    more = dice.choices(list(profile.fates), list(profile.fates.values()), k=count - 1)
    if index == UNPRICED and profile is ENRICHMENT:
        more[0] = "unpriced"
    if profile.batched:  # there is a batch each day
        more[-1] = "escalated"
    return [*first, *more]


def _usage(dice: random.Random, profile: Profile) -> Usage:
    tokens = dice.randrange(*profile.input_tokens)
    return Usage(tokens, dice.randrange(tokens // 2), dice.randrange(*profile.output_tokens))


def _killed(run: PastRun) -> Iterator[PastRun]:
    """Yield a run that is killed with its attempts on the API out, and the one that does what is left."""
    yield replace(run, ending="killed")
    to_api = [record for record in run.records if record.fate in TO_API]
    left = tuple(replace(record, fate="chosen", at=record.at + LATER) for record in to_api)
    done = tuple(record for record in run.records if record.fate not in TO_API)
    yield replace(run, started_at=run.started_at + LATER, time=GpuTime(), records=left, before=done)


def _at(day: date, hour: clock_time) -> datetime:
    return datetime.combine(day, hour, UTC)


def main() -> None:
    """Write a history into the ledger of a URL."""
    parser = argparse.ArgumentParser(description="Write a made-up year into a ledger.")
    parser.add_argument("url", help="such as sqlite:///history.db")
    parser.add_argument("--first", type=parse_month, default=Year().first, help="first month, YYYY-MM")
    parser.add_argument("--records", type=int, default=Year().records, help="of sentiment, on a first day")
    parser.add_argument("--seed", type=int, default=Year().seed)
    parser.add_argument("--price-factor", type=int, default=Year().price_factor, help="of the API's prices")
    parser.add_argument("--folder", type=Path, help="where published files are written; default: nowhere")
    asked = parser.parse_args()
    year = Year(asked.first, records=asked.records, seed=asked.seed, price_factor=asked.price_factor)
    engine = make_engine(asked.url)
    migrate(engine)
    since = time.perf_counter()
    count = write_history(engine, year, asked.folder)
    engine.dispose()
    print(f"{count} runs of 12 months written in {time.perf_counter() - since:.0f} s")


if __name__ == "__main__":
    main()
