"""Timestamps of many kinds come to the right UTC date."""

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.datatypes import DataType, DataTypeClass

from models.settings import WorkloadSettings
from tasks.reading import EmptyPartition, Source, open_partition
from tasks.reading.timestamps import seconds_of, utc_seconds

MOMENT = int(datetime(2015, 2, 24, 19, 35, 52, tzinfo=UTC).timestamp())
MIDNIGHT = int(datetime(2015, 2, 24, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2015-02-24 11:35:52 -0800", MOMENT),
        ("2015-02-24T19:35:52Z", MOMENT),
        ("2015-02-24T19:35:52.123456+00:00", MOMENT),
        ("2015-02-24 20:35:52+01", MOMENT),
        ("2015-02-25T01:05:52 +05:30", MOMENT),
        ("2015-02-24 19:35:52 UTC", MOMENT),
        (" 2015-02-24T19:35 ", MOMENT - 52),
        ("2015-02-24", MIDNIGHT),
        ("20150224", MIDNIGHT),
        (MOMENT, MOMENT),
        (MOMENT * 1000 + 7, MOMENT),
        (MOMENT * 1_000_000, MOMENT),
        (MOMENT * 1_000_000_000, MOMENT),
        (f"{MOMENT}.25", MOMENT),
        (20150224, MIDNIGHT),
        (20150224193552, MOMENT),
        (201502241935, MOMENT - 52),
        (2015022419, MOMENT - 52 - 35 * 60),
        (20150224193552123, MOMENT),
        ("20150224193552123456", MOMENT),
        ("20150224.0", MIDNIGHT),
        (20150224193552.0, MOMENT),
        (float(MOMENT), MOMENT),
        (float(MOMENT * 1_000_000_000), MOMENT),
        ("20150224T193552Z", MOMENT),
        ("20150224T203552+0100", MOMENT),
        ("20150224_193552", MOMENT),
        ("2015/02/24 19:35:52", MOMENT),
        ("2015-02-24 20:35:52 +0100 CET", MOMENT),
        ("2015-02-24T20:35:52+01:00[Europe/Berlin]", MOMENT),
        ("24.02.2015 19:35:52", MOMENT),
        ("24.2.2015, 19:35", MOMENT - 52),
        ("24.02.2015", MIDNIGHT),
        ("24.02.2015T20:35:52+0100", MOMENT),
        ("2015-2-24 19:35", MOMENT - 52),
        ("2015/2/24 19:35:52", MOMENT),
        ("2015. 2. 24.", MIDNIGHT),
        ("2015年2月24日", MIDNIGHT),
        ("2015-02-24\u202f7:35:52 PM", MOMENT),
        ("2015-02-24 12:00 am", MIDNIGHT),
        ("Tue, 24 Feb 2015 19:35:52 GMT", MOMENT),
        ("Tue, 24 Feb 2015 11:35:52 -0800 (PST)", MOMENT),
        ("24-FEB-2015 19:35:52", MOMENT),
        ("2015-Feb-24", MIDNIGHT),
        ("February 24th, 2015, 7:35:52 p.m.", MOMENT),
        ("Tue Feb 24 19:35:52 2015", MOMENT),
        ("Tue Feb 24 11:35:52 -0800 2015", MOMENT),
        ("02.24.2015", None),
        ("24.02.15", None),
        ("02/03/2015", None),
        ("2015-02-24 13:00 PM", None),
        ("2015-02-24 00:00 AM", None),
        ("24 Brumaire 2015", None),
        ("Feb 2015", None),
        ("Tue Feb 24 19:35:52 CET 2015", None),
        (20150230, None),
        (20151324, None),
        (20150224250000, None),
        (2015, None),
        (42059, None),
        (0, None),
        (-86400, None),
        (99_999_999_999, None),
        (10**25, None),
        (float("nan"), None),
        (True, None),
        ("2015-02-24T19:35:52+99:00", None),
        ("2015-02-30", None),
        ("2015-02-24 25:00:00", None),
        ("24/02/2015", None),
        ("2015", None),
        ("", None),
        (None, None),
        (["2015-02-24"], None),
    ],
)
def test_values(value: object, seconds: int | None) -> None:
    """Each way to write a moment gives its UTC seconds, and what is none gives null."""
    assert seconds_of(["2020-01-01", value]).to_list()[1] == seconds


@given(
    st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001 - hypothesis adds the zone
    st.integers(-14 * 60, 14 * 60),
)
def test_any_moment_in_any_offset(moment: datetime, minutes: int) -> None:
    """ISO text of any moment in any offset comes back as that moment."""
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)), microsecond=0)
    assert seconds_of([aware.isoformat()]).item() == int(aware.timestamp())


@pytest.mark.parametrize(
    "kind", [pl.Int64, pl.UInt64, pl.Int128, pl.Float64, pl.Decimal(20, 2), pl.String, pl.Categorical]
)
def test_a_column_of_numbers_that_show_a_calendar(kind: DataType | DataTypeClass) -> None:
    """Whatever type a column of numbers has, each is the moment that people mean, or none."""
    written = ["20150224", "20150224193552", str(MOMENT), "2015", None]
    frame = pl.DataFrame({"ts": written})
    if kind not in (pl.String, pl.Categorical):
        frame = frame.cast(pl.Int64)
    frame = frame.cast(kind)
    found = frame.select(utc_seconds("ts", frame.schema["ts"])).to_series()
    assert found.to_list() == [MIDNIGHT, MOMENT, MOMENT, None, None]


@given(st.integers(100_000_000, 2_000_000_000), st.sampled_from([1, 1_000_000, 1_000_000_000]))
def test_any_epoch_number(second: int, unit: int) -> None:
    """Seconds from 1973 to 2033, in any unit but milliseconds, come back as that second."""
    frame = pl.DataFrame({"ts": [second * unit]})
    assert frame.select(utc_seconds("ts", pl.Int64())).item() == second
    assert seconds_of([str(second * unit)]).item() == second


@given(st.datetimes(datetime(1500, 1, 1), datetime(2199, 12, 31)))  # noqa: DTZ001 - a calendar without a zone
def test_any_calendar_number(moment: datetime) -> None:
    """Any moment that is written as a number comes back as that moment, before 1970 and on leap days too."""
    second = int(moment.replace(tzinfo=UTC, microsecond=0).timestamp())
    frame = pl.DataFrame({"ts": [int(f"{moment.year}{moment:%m%d%H%M%S}")]})
    assert frame.select(utc_seconds("ts", pl.Int64())).item() == second


@pytest.mark.parametrize("kind", [pl.Datetime("us"), pl.Datetime("ms", "UTC"), pl.Date()])
def test_a_year_without_four_digits_is_no_date(tmp_path: Path, kind: DataType | DataTypeClass) -> None:
    """What another program writes for `infinity` is set aside; the other rows' days are found and told."""
    path = tmp_path / "in.parquet"
    size = pl.Int32 if kind == pl.Date else pl.Int64
    far = pl.Series([2**31 - 1 if kind == pl.Date else 2**62], dtype=size).cast(kind)
    stamps = pl.concat([pl.Series([LATE], dtype=pl.Datetime("us", "UTC")).cast(kind), far])
    pl.DataFrame({"id": ["first", "bad"], "text": "t", "ts": stamps}).write_parquet(path)
    source = Source.of(WorkloadSettings(), ("text",), location=str(path))
    rows = [row for batch in open_partition(source, date(2024, 1, 1)).batches() for row in batch]
    assert [getattr(row, "reason", "ok") for row in rows] == ["ok", "bad_timestamp"]
    with pytest.raises(EmptyPartition, match="from 2024-01-01 to 2024-01-01"):
        open_partition(source, date(2024, 1, 2))


LATE = datetime(2024, 1, 1, 23, 30, tzinfo=UTC)
NEW_YORK = timezone(timedelta(hours=-5))


@pytest.mark.parametrize(
    "values",
    [
        pl.Series([LATE, LATE + timedelta(hours=1)]).dt.replace_time_zone(None),
        pl.Series([LATE, LATE + timedelta(hours=1)]).dt.replace_time_zone(None).cast(pl.Datetime("ns")),
        pl.Series([LATE, LATE + timedelta(hours=1)]).dt.convert_time_zone("America/New_York"),
        pl.Series([date(2024, 1, 1), date(2024, 1, 2)]),
        pl.Series([LATE.timestamp(), LATE.timestamp() + 3600]),
        pl.Series([int(LATE.timestamp()) * 1000, int(LATE.timestamp()) * 1000 + 3_600_000]),
        pl.Series([LATE.astimezone(NEW_YORK).isoformat(), "2024-01-01T19:30:00-05:00"]),
    ],
)
def test_a_partition_is_a_utc_date(tmp_path: Path, values: pl.Series) -> None:
    """Of two rows an hour apart over midnight UTC, each date holds its own; a null is set aside in both."""
    path = tmp_path / "in.parquet"
    stamps = pl.concat([values, pl.Series([None], dtype=values.dtype)])
    pl.DataFrame({"id": ["first", "second", "bad"], "text": "t", "ts": stamps}).write_parquet(path)
    source = Source.of(WorkloadSettings(), ("text",), location=str(path))
    for day, key in ((date(2024, 1, 1), "first"), (date(2024, 1, 2), "second")):
        reader = open_partition(source, day)
        rows = [row for batch in reader.batches() for row in batch]
        assert [row.key for row in rows] == [key, "bad"]
        assert getattr(rows[1], "reason", None) == "bad_timestamp"
        assert reader.count() == 2
