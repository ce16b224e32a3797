"""Conditions that are too much: long chains are quick or refused in one line, and none looks at more than one row."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from models.errors import InputError
from models.records import Quarantined
from models.settings import WorkloadSettings
from tasks.reading import Source, conditions, literals, open_partition
from tasks.reading.conditions import Condition, RawCondition
from tests.unit.reading.test_where import read

OF_MANY = [
    "n > AVG(n)",
    "COUNT(*) > 1",
    "n = MAX(n)",
    "n = MIN(n) OR zip = '1'",
    "COUNT(DISTINCT n) = 1",
    "SUM(n) OVER () > 3",
    "SUM(n) FILTER (WHERE n > 1) = 1",
    "ROW_NUMBER() OVER (ORDER BY n) = 1",
    "RANK() OVER (ORDER BY n) = 1",
    "LAG(n) OVER (ORDER BY n) = 1",
    "FIRST_VALUE(n) OVER (ORDER BY id) = 1",
    "FIRST(n) = n",
    "MEDIAN(n) = 1",
    "STDDEV(n) = 1",
    "VARIANCE(n) = 1",
    "QUANTILE_CONT(n, 0.5) = 1",
    "QUANTILE_DISC(n, 0.5) = 1",
    "CORR(n, id) = 1",
    "COVAR_SAMP(n, id) = 1",
    "STRING_AGG(zip, ',') = 'x'",
    "ARRAY_LENGTH(ARRAY_AGG(n)) = 3",
    "UNNEST(n) = 1",
    "n IN (SELECT 1)",
    "n = (SELECT 1)",
    "EXISTS (SELECT 1)",
    "NOT (COUNT(*) > 1)",
    "CASE WHEN MAX(n) > 1 THEN true ELSE false END",
    "COALESCE(MAX(n), 1) = 1",
    "CAST(MAX(n) AS INT) = 1",
    "COLUMNS('n') = 1",
]
CHAINS = {
    "OR": " OR ".join(f"zip = '{n}'" for n in range(20_000)),
    "AND": " AND ".join(f"zip <> '{n}'" for n in range(20_000)),
    "sums": "+".join(["n"] * 20_000) + " > 1",
    "differences": " - ".join(["n"] * 20_000) + " > 1",
    "tests for NULL": "n" + " IS NULL" * 20_000,
    "casts": "n" + "::int" * 20_000 + " > 1",
    "texts": "||".join(["zip"] * 20_000) + " = '1'",
    "cases": "CASE " + " ".join(f"WHEN zip = '{n}' THEN true" for n in range(20_000)) + " ELSE false END",
    "comparisons": " = ".join(["n"] * 20_000),
    "brackets": "(" * 20_000 + "n = 1" + ")" * 20_000,
    "negations": "NOT " * 20_000 + "(n = 1)",
    "signs": "- " * 20_000 + "n = 1",
    "calls": "ABS(" * 20_000 + "n" + ")" * 20_000 + " = 1",
    "members": "n" + "[1]" * 20_000 + " = 1",
    "a long name": '"' + "n" * 2_000_000 + '" = 1',
}


@pytest.mark.parametrize("where", OF_MANY)
def test_a_condition_is_of_one_row(where: str) -> None:
    """An aggregate, a window and a subquery are refused: they mean something else in each format, and in each chunk of rows."""
    with pytest.raises(InputError, match="must be of one row alone"):
        Condition.parse(where)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_an_aggregate_is_refused_in_each_format(kind: str, tmp_path: Path) -> None:
    """Whatever holds the rows, the condition is refused before they are read."""
    with pytest.raises(InputError, match="must be of one row alone"):
        read(tmp_path / f"in.{kind}", "n >= AVG(n)")


@pytest.mark.parametrize("name", ['"count" > 1', '"max" IN (1, 2)', '"Len" = 1', '"Agg" = 1', '"over" = 1'])
def test_a_column_may_be_called_as_an_aggregate_is(name: str) -> None:
    """What is refused is the function, not a column with its name."""
    assert Condition.parse(name).names() == [name.split('"')[1]]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_many_terms_mean_what_they_say(kind: str, tmp_path: Path) -> None:
    """Some hundred terms that OR or AND joins are worked out, in each format alike."""
    some = [f"zip = '{n:05d}'" for n in range(399)]
    assert set(read(tmp_path / f"a.{kind}", " OR ".join([*some, "zip = '12345'"]))) == {"2"}
    assert set(read(tmp_path / f"b.{kind}", " OR ".join(["zip = '00501'", *some]))) == {"3"}
    others = " AND ".join(f"NOT zip = '{n:05d}'" for n in range(200))
    assert set(read(tmp_path / f"c.{kind}", f"({others}) AND (n = 5 OR n = 1234) OR n = 77")) == {"1", "3"}


def test_many_terms_are_taken_apart_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The literals are looked at one by one, not with all terms around them: some steps a term, whatever their number."""
    steps: list[int] = []
    real = literals.from_tree

    def count(tree: object) -> pl.Expr:
        steps.append(len(str(tree)))
        return real(tree)

    monkeypatch.setattr(literals, "from_tree", count)
    monkeypatch.setattr(conditions, "from_tree", count)
    where = " OR ".join(f"zip = '{n:05d}'" for n in range(400))
    RawCondition(Condition.parse(where), pl.DataFrame({"zip": ["00001"]}))
    assert sum(steps) < 6 * len(str(literals.to_tree(Condition.parse(where).expr)))


def test_a_chain_without_end_is_refused(tmp_path: Path) -> None:
    """Where polars would overflow the stack, and take the process with it, one short line says what to do."""
    path = tmp_path / "where.json"
    path.write_text(json.dumps(CHAINS))
    code = (
        "import json, sys, pathlib; from tasks.reading.conditions import Condition; from models.errors import InputError\n"
        "for name, where in json.loads(pathlib.Path(sys.argv[1]).read_text()).items():\n"
        "    try: Condition.parse(where)\n"
        "    except InputError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    said = done.stdout.splitlines()
    assert len(said) == len(CHAINS)
    assert all(line.startswith("cannot understand the condition") and len(line) < 600 for line in said)


def test_a_list_may_be_long(tmp_path: Path) -> None:
    """Ten thousands of values in one IN are no chain."""
    many = ", ".join(f"'{n:05d}'" for n in range(500, 30_000))
    assert set(read(tmp_path / "in.csv", f"zip IN ({many})")) == {"1", "2", "3"}
    assert set(read(tmp_path / "in.csv", f"zip NOT IN ({many})")) == set()


@pytest.mark.parametrize("links", [60, 100, 200, 400])
@pytest.mark.parametrize("form", ["cases", "sums"])
def test_a_deep_condition_is_worked_out_or_refused(form: str, links: int) -> None:
    """What polars can parse and not read back is one line as well, not a traceback."""
    where = {
        "sums": "+".join(["n"] * links) + " > 1",
        "cases": "CASE " + " ".join(f"WHEN n = {n} THEN true" for n in range(links)) + " ELSE false END",
    }[form]
    if links > 60:
        with pytest.raises(InputError, match="nested too deep"):
            Condition.parse(where).rename({"n": "N"})
        return
    condition = RawCondition(Condition.parse(where).rename({"n": "N"}), pl.DataFrame({"N": [1]}))
    assert condition.judge({"N": [1]}, 1) == [True]


def test_a_condition_is_told_in_visible_characters(tmp_path: Path) -> None:
    """What a condition holds is shown where a row is set aside for it; a NUL that it holds is written out."""
    path = tmp_path / "in.csv"
    path.write_text("id,text\na,x\n", encoding="utf-8")
    settings = WorkloadSettings(timestamp_column="", where="NOT (id || '\x00')")
    source = Source.of(settings, ("text",), location=str(path))
    (row,) = [row for batch in open_partition(source, date(2026, 1, 5)).batches() for row in batch]
    assert isinstance(row, Quarantined)
    assert row.detail.isprintable()
