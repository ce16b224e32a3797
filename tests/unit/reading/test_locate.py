"""Which local files an input is: links, addresses with `file:`, folders of dates, and one line where there is none."""

import os
from datetime import date
from pathlib import Path

import pytest

from models.errors import InputError
from tasks.reading.files.days import FolderDate
from tasks.reading.files.locate import EmptyPartition, Files, dated_folders, locate
from tasks.reading.files.scan import scan_parquet

DAY = date(2024, 1, 2)


def touch(*paths: Path, content: str = "id,text\n1,one\n") -> None:
    """Write files, and the folders down to them."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def names(location: Path | str, day: date = DAY) -> list[str]:
    """Return the names of the files of a location."""
    return [Path(path).name for path in locate(str(location), day).paths]


def test_links_give_each_real_file_once(tmp_path: Path) -> None:
    """A folder linked into itself, links and further names of a file give it once, under its own name."""
    touch(tmp_path / "b.csv", tmp_path / "deep" / "c.csv")
    (tmp_path / "a.csv").symlink_to("b.csv")
    (tmp_path / "gone.csv").symlink_to("nowhere.csv")
    (tmp_path / "round.csv").symlink_to("round.csv")
    (tmp_path / "deep" / "up").symlink_to("..")
    (tmp_path / "self").symlink_to(".")
    assert names(tmp_path) == names(f"{tmp_path}/*.csv") == ["b.csv"]
    assert names(f"{tmp_path}/**/*.csv") == names(f"{tmp_path}/**") == ["b.csv", "c.csv"]
    os.link(tmp_path / "b.csv", tmp_path / "d.csv")
    assert names(tmp_path) == ["b.csv"]
    assert names(tmp_path / "a.csv") == ["a.csv"]


def test_linked_folders_are_read(tmp_path: Path) -> None:
    """A link to a folder elsewhere is a folder; one to the newest date is not said to be left out."""
    touch(tmp_path / "else" / "1.csv")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "date=2024-01-02").symlink_to("../else")
    (tmp_path / "in" / "latest").symlink_to("date=2024-01-02")
    assert names(tmp_path / "in") == ["1.csv"]
    assert dated_folders(str(tmp_path / "in")) == [DAY]


@pytest.mark.parametrize(
    "form",
    [
        "file://{0}/a b.csv",
        "file://{0}/a%20b.csv",
        "file:{0}/a b.csv",
        "FILE://localhost{0}/a*.csv",
    ],
)
def test_addresses_of_local_files(tmp_path: Path, form: str) -> None:
    """Every form of a local address is the local file, written as it is or with its characters encoded."""
    touch(tmp_path / "a b.csv")
    assert locate(form.format(tmp_path), DAY).paths == (str(tmp_path / "a b.csv"),)
    assert locate(f"file://{tmp_path}", DAY) == locate(str(tmp_path), DAY)


def test_a_file_tells_whether_it_is_still_the_same(tmp_path: Path) -> None:
    """What was found says size and version of each file: another content, or another file, is told."""
    path = tmp_path / "in.csv"
    touch(path)
    states: set[Files] = {locate(str(path), DAY), locate(str(path), DAY)}
    assert len(states) == 1
    touch(path, content="id,text\n1,two\n")
    touch(tmp_path / "new.csv")
    states.add(locate(str(path), DAY))
    (tmp_path / "new.csv").rename(path)
    states.add(locate(str(path), DAY))
    assert len(states) == 3


@pytest.mark.parametrize(
    ("folders", "day"),
    [
        ("date=2024-01-02", DAY),
        ("dt=20240102", DAY),
        ("DS=2024-01-02", DAY),
        ("date=2024-1-2", DAY),
        ("pt=2024010213", DAY),
        ("event_date=2024_01_02", DAY),
        ("created_at=2024-01-02 00%3A00%3A00", DAY),
        ("ts=2024-01-02T13:00", DAY),
        ("year=2024/month=01/day=02/hour=13", DAY),
        ("YYYY=2024/MM=1/DD=2", DAY),
        ("y=2024/m=01/d=02", DAY),
        ("month=2024-01/day=02", DAY),
        ("year=2024/month=2024-01/day=2024-01-02", DAY),
        ("year_month=2024-01/day=02", DAY),
        ("yyyymm=202401/dd=02", DAY),
        ("ym=202401/d=2", DAY),
        ("yyyymmdd=20240102", DAY),
        ("ymd=2024-01-02", DAY),
        ("date=2024-01-02Z", DAY),
        ("date=2024-01-02+00%3A00", DAY),
        ("2024/01/02/13", DAY),
        ("2024/1/2", DAY),
        ("2024-01/02", DAY),
        ("2024-01-02", DAY),
        ("20240102", DAY),
        ("v1/2024.01.02", DAY),
        ("region=eu/date=2024-01-02", DAY),
        ("load_date=2024-02-01", date(2024, 2, 1)),
        ("load_date=2024-02-01/date=2024-01-02", DAY),
        ("date=2024-01-02/load_date=2024-02-01", DAY),
        ("cohort=2024-01-02", DAY),
        ("date=2024-02-31", None),
        ("date=__HIVE_DEFAULT_PARTITION__", None),
        ("date=2024-01-021", None),
        ("id=20240102", None),
        ("ts=1704067200", None),
        ("year=2024/month=01", None),
        ("year_month=2024-01", None),
        ("year=2024/month=13/day=01", None),
        ("year=2024/week=01", None),
        ("2024/13/01", None),
        ("1/2/3", None),
        ("1024/01/02", None),
    ],
)
def test_dates_of_folders(folders: str, day: date | None) -> None:
    """Dates are read in the forms that programs write; a day that there is not, and other numbers, are none."""
    said = FolderDate()
    for name in folders.split("/"):
        said = said.enter(name)
    assert said.day == day


def test_a_day_is_found_without_looking_into_other_months(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of years of folders, only those on the way to the date are listed."""
    for month in range(1, 13):
        touch(tmp_path / f"year=2024/month={month:02}/day=02/1.csv")
    listed: list[str] = []
    real = os.scandir
    monkeypatch.setattr(os, "scandir", lambda place: listed.append(place) or real(place))  # type: ignore[func-returns-value]
    assert names(tmp_path) == ["1.csv"]
    assert len(listed) == 4


def test_months_alone_are_no_days(tmp_path: Path) -> None:
    """Folders of months that hold files are read whole: the rows' timestamps decide."""
    touch(tmp_path / "year=2023/month=12/a.csv", tmp_path / "year=2024/month=01/b.csv")
    assert names(tmp_path) == ["a.csv", "b.csv"]
    assert not locate(str(tmp_path), DAY).dated
    assert dated_folders(str(tmp_path)) is None


def test_folders_of_dates_beside_files(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Named folders of dates are the input, whatever lies beside them; folders of other names are not, beside files, and either is said."""
    touch(tmp_path / "hive/dt=2024-01-02/a.csv", tmp_path / "hive/readme.csv")
    touch(tmp_path / "plain/2024-01-02/a.csv", tmp_path / "plain/all.csv", tmp_path / "plain/old/b.csv")
    assert names(tmp_path / "hive") == ["a.csv"]
    assert names(tmp_path / "plain") == ["all.csv"]
    assert [line.partition(": ")[2] for line in caplog.messages] == [
        "left out 1 file outside the folders of dates",
        "left out 1 folder of dates beside its files",
    ]


def test_a_day_of_empty_files_is_a_day_without_records(tmp_path: Path) -> None:
    """Files without a byte are no error where the folder says the date."""
    touch(tmp_path / "dt=2024-01-02/a.csv", tmp_path / "dt=2024-01-02/b.csv", content="")
    with pytest.raises(EmptyPartition, match=r"only empty files for 2024-01-02, such as .*a\.csv"):
        names(tmp_path)


def test_what_is_no_input_is_one_line(tmp_path: Path) -> None:
    """Pipes, names that are too long and addresses of other kinds are each one line that says what to do."""
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "empty").mkdir()
    for location, message in {
        f"{tmp_path}/pipe.csv": "no file that can be read more than once",
        f"{tmp_path}/{'x' * 300}.csv": "File name too long",
        f"{tmp_path}/empty": "holds no file to read",
        "ftp://host/in.csv": "give a path, s3://",
        "s3://": "give a path, s3://",
        "az://container/in.csv": "AZURE_STORAGE_ACCOUNT_NAME",
    }.items():
        with pytest.raises(InputError, match=message) as raised:
            names(location)
        assert "\n" not in str(raised.value)


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    """Text is read under any name; of Parquet the line says to rename the file."""
    path = tmp_path / os.fsdecode(b"caf\xe9.csv")
    touch(path)
    assert locate(f"{tmp_path}/caf*.csv", DAY).paths == (str(path),)
    path.rename(path.with_suffix(".parquet"))
    with pytest.raises(InputError, match="is not UTF-8: rename the file"):
        scan_parquet(locate(str(path.with_suffix(".parquet")), DAY).paths)
