"""Looks at the input of each configured workload as a run would: that it is there, its columns, its newest records."""

from datetime import UTC, date, datetime, timedelta
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic

from models import workloads
from models.doctor import SetupCheck
from models.errors import BreakevenError
from models.routing.rules import row_condition
from models.settings import Settings
from tasks.planning.input_facts import read_facts
from tasks.planning.quarantine_share import QuarantineLimit
from tasks.planning.undated import is_undated
from tasks.reading import EmptyPartition, Source, open_partition
from tasks.reading.input_cache import InputCache
from tasks.reading.newest import DAYS_OF_A_QUERY, newest_dates
from tasks.reading.partition import open_raw

SAMPLE = 2000
"""So many records of the newest day are looked at for faults."""
SECONDS = 10.0
"""How long all inputs together may take to answer."""


def check_inputs(settings: Settings, seconds: float = SECONDS) -> list[SetupCheck]:
    """Check the input of each workload that has one, all at once, for at most `seconds` in all."""
    names = sorted(settings.workloads)
    found: SimpleQueue[SetupCheck] = SimpleQueue()
    for name in names:
        Thread(target=lambda name=name: found.put(check_input(name, settings)), daemon=True).start()
    checks: dict[str, SetupCheck] = {}
    until = monotonic() + seconds
    while len(checks) < len(names):
        try:
            check = found.get(timeout=max(until - monotonic(), 0.001))
        except Empty:
            break
        checks[check.name] = check
    return [checks.get(_title(name)) or _slow(name, seconds) for name in names]


def check_input(name: str, settings: Settings) -> SetupCheck:
    """Open the newest partition of a workload's input, as its run would. Never raises."""
    own = settings.workload(name)
    if not (own.input or own.query):
        advice = f"`nightly` leaves it out; set BREAKEVEN_WORKLOADS__{name.upper()}__INPUT to have it run"
        return SetupCheck(_title(name), "ok", "none set", advice)
    yesterday = find_yesterday()
    try:
        workload = workloads.build(name, settings)
        condition = row_condition(workload.routing)
        source = Source.of(
            workload.settings,
            workload.text_columns,
            workload=name,
            complex_where=condition,
            cache=InputCache.of(settings),
        )
        limit = QuarantineLimit(settings.for_workload(name), name, "")
        return _newest(name, source, yesterday, limit)
    except EmptyPartition as error:
        return SetupCheck(_title(name), "warn", str(error), "correct it, or wait for records")
    except BreakevenError as error:
        return SetupCheck(_title(name), "fail", "cannot be read", str(error))
    except BaseException as error:  # noqa: BLE001  whatever a reader meets (a panic is no Exception), the other checks go on
        return SetupCheck(
            _title(name), "fail", "cannot be read", " ".join(f"{type(error).__name__}: {error}".split())
        )


def find_yesterday() -> date:
    """Return the last UTC date that is over, which `nightly` takes."""
    return datetime.now(UTC).date() - timedelta(days=1)


def _newest(name: str, source: Source, yesterday: date, limit: QuarantineLimit) -> SetupCheck:
    dates = newest_dates(source, yesterday)
    if dates is not None and not dates:
        looked = f"no record from {yesterday - timedelta(days=DAYS_OF_A_QUERY - 1)} to {yesterday}"
        return SetupCheck(_title(name), "warn", f"{source.name}: {looked}", "correct it, or wait for records")
    newest = yesterday if dates is None else dates[-1]
    raw = open_raw(source, newest)
    columns = f"{source.name}: {', '.join(raw.columns.wanted())}"
    try:
        reader = open_partition(source, newest)
        rows = _rows(reader.count())
    except EmptyPartition:
        if dates is None:
            raise
        reader, rows = None, "no record"
    found = f"{columns}; " + (
        f"{rows} without a date, taken for any day" if dates is None else f"newest {newest} with {rows}"
    )
    if (advice := _bad_records(source, newest, limit)) is not None:
        return SetupCheck(_title(name), "warn", found, advice)
    if dates is None and reader is not None and is_undated(reader):
        advice = (
            "set timestamp_column if one has the dates; an empty one says that it is meant so: a run of a second day over the "
            "same records is refused"
        )
        return SetupCheck(_title(name), "warn", found, advice)
    if dates is not None and yesterday not in dates:
        advice = f"`nightly` takes yesterday, {yesterday}, of which there is nothing"
        return SetupCheck(_title(name), "warn", found, advice)
    return SetupCheck(_title(name), "ok", found)


def _bad_records(source: Source, day: date, limit: QuarantineLimit) -> str | None:
    """Say whether more of a day's first records would be set aside than may be, and why the first of them; None where not."""
    try:
        facts = read_facts(open_partition(source, day, SAMPLE))
    except EmptyPartition:
        return None
    if facts.first is None or not limit.is_exceeded(facts.own_faults, facts.own_rows):
        return None
    share = f"{facts.own_faults:,} of the first {facts.own_rows:,} records would be set aside"
    return f"{share}, more than max_quarantined_share: record {facts.first[0]:,}: {facts.first[1]}"


def _rows(count: int | None) -> str:
    return "records" if count is None else f"{count:,} record{'' if count == 1 else 's'}"


def _title(name: str) -> str:
    return f"input {name}"


def _slow(name: str, seconds: float) -> SetupCheck:
    advice = "a run waits longer; see that the place answers, or that the file is Parquet, which is looked into faster"
    return SetupCheck(_title(name), "warn", f"not looked through within {seconds:g} s", advice)
