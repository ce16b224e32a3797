"""What a forecast is asked for, as people write it."""

from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from models.errors import UsageError
from tasks.forecast.command import check_ask, read_ask

ONE = {"input": "a.csv", "daily": 5}


def asked(**changes: object) -> Any:  # noqa: ANN401 - the first workload
    """Return one workload, changed."""
    return check_ask({"workloads": [ONE | changes]}).workloads[0]


@pytest.mark.parametrize(
    ("written", "growth"), [("5%", "0.05"), (" -2.5 % ", "-0.025"), ("0.05", "0.05"), (0.1, "0.1"), (0, "0")]
)
def test_growth_is_a_share(written: object, growth: str) -> None:
    """As a percentage or as a number, exact."""
    assert asked(growth=written).growth == Decimal(growth)
    assert asked(growth=written).rate_of_growth == Fraction(growth)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"daily": 0}, "workloads.0.daily: .*greater than or equal to 1"),
        ({"daily": -3}, "workloads.0.daily"),
        ({"daily": "many"}, "workloads.0.daily"),
        ({"growth": "5"}, "workloads.0.growth: .*less than or equal to 1"),
        ({"growth": "-100%"}, "workloads.0.growth"),
        ({"growth": "much%"}, "workloads.0.growth"),
        ({"growth": "NaN"}, "workloads.0.growth"),
        ({"output_tokens": -1}, "workloads.0.output_tokens"),
        ({"input": None}, "give an input, or a workload"),
        ({"output_tokens": 1, "output_column": "x"}, "not both"),
        ({"dayly": 3}, "workloads.0.dayly: unknown setting 'dayly'; did you mean daily"),
    ],
)
def test_what_cannot_be_is_one_line(changes: dict[str, object], message: str) -> None:
    """The place and what is wrong with it."""
    with pytest.raises(UsageError, match=message) as error:
        asked(**changes)
    assert "\n" not in str(error.value)


def test_no_workload_at_all() -> None:
    """Nothing asked is a mistake."""
    with pytest.raises(UsageError, match="workloads"):
        check_ask({})
    with pytest.raises(UsageError, match="workloads"):
        check_ask({"workloads": []})


def test_a_file_with_several(tmp_path: Path) -> None:
    """Paths count from the file's folder, URLs stay; one column needs no list."""
    path = tmp_path / "forecast.toml"
    path.write_text(
        'gpu = "L4"\n'
        '[[workloads]]\ninput = "a.csv"\ndaily = 5\ncolumn = "body"\ngrowth = "2%"\n'
        '[[workloads]]\ninput = "s3://b/c.parquet"\ndaily = 7\nname = "c"\n',
        encoding="utf-8",
    )
    ask = read_ask(path)
    assert (ask.gpu, ask.sample) == ("L4", 10_000)
    assert [one.input for one in ask.workloads] == [str(tmp_path / "a.csv"), "s3://b/c.parquet"]
    assert ask.workloads[0].column == ("body",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"gpu = ", "line 1, column 7: the value of gpu is not valid"),
        (b"\xff", "line 1, column 1: not UTF-8"),
        (b"workloads = 3", "workloads"),
        (b"[[workloads]]\ninput = 3\ndaily = 1", "workloads.0.input"),
        (
            b"gpus = 1\n[[workloads]]\ninput = 'a'\ndaily = 1",
            "gpus: unknown setting 'gpus'; did you mean gpu",
        ),
    ],
)
def test_a_file_that_is_wrong(tmp_path: Path, content: bytes, message: str) -> None:
    """One line that names the file."""
    path = tmp_path / "forecast.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message) as error:
        read_ask(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Named, with the reason."""
    with pytest.raises(UsageError, match=r"cannot read .*none\.toml: No such file"):
        read_ask(tmp_path / "none.toml")
