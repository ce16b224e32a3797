"""Timestamps of many kinds come to the right UTC date."""

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.settings import WorkloadSettings
from tasks.reading import Source, open_partition
from tasks.reading.timestamps import seconds_of

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
