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
from tasks.reading import EmptyPartition, Source, open_partition
from tasks.reading.newest import DAYS_OF_A_QUERY, newest_dates
from tasks.reading.partition import open_raw

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
        return _newest(
            name,
            Source.of(workload.settings, workload.text_columns, workload=name, complex_where=condition),
            yesterday,
        )
    except BreakevenError as error:
        return SetupCheck(_title(name), "fail", "cannot be read", str(error))
    except Exception as error:  # noqa: BLE001  whatever a reader meets, the other checks go on
        return SetupCheck(
            _title(name), "fail", "cannot be read", " ".join(f"{type(error).__name__}: {error}".split())
        )


def find_yesterday() -> date:
    """Return the last UTC date that is over, which `nightly` takes."""
    return datetime.now(UTC).date() - timedelta(days=1)


def _newest(name: str, source: Source, yesterday: date) -> SetupCheck:
    dates = newest_dates(source, yesterday)
    if dates is None:
        raw = open_raw(source, yesterday)
        columns, reader = raw.columns.wanted(), open_partition(source, yesterday)
        found = f"{_rows(reader.count())} without a date"
        return SetupCheck(
            _title(name), "ok", f"{source.name}: {', '.join(columns)}; {found}, taken for any day"
        )
    if not dates:
        looked = f"no record from {yesterday - timedelta(days=DAYS_OF_A_QUERY - 1)} to {yesterday}"
        return SetupCheck(_title(name), "warn", f"{source.name}: {looked}", "correct it, or wait for records")
    newest = dates[-1]
    columns = open_raw(source, newest).columns.wanted()
    try:
        rows = _rows(open_partition(source, newest).count())
    except EmptyPartition:
        rows = "no record"
    found = f"{source.name}: {', '.join(columns)}; newest {newest} with {rows}"
    if yesterday not in dates:
        return SetupCheck(
            _title(name), "warn", found, f"`nightly` takes yesterday, {yesterday}, of which there is nothing"
        )
    return SetupCheck(_title(name), "ok", found)


def _rows(count: int | None) -> str:
    return "records" if count is None else f"{count:,} record{'' if count == 1 else 's'}"


def _title(name: str) -> str:
    return f"input {name}"


def _slow(name: str, seconds: float) -> SetupCheck:
    advice = "a run waits longer; see that the place answers, or that the file is Parquet, which is looked into faster"
    return SetupCheck(_title(name), "warn", f"not looked through within {seconds:g} s", advice)
