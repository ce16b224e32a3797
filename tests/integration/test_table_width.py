"""Every command that prints a table keeps to the width of a pipe, or to COLUMNS, and breaks no figure."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pytest

import cli
from bench.history import Year, write_history
from db.session import make_engine
from tests.ledgers import new_sqlite

COMMANDS = (
    "ledger summary",
    "ledger summary --by workload,engine,model,route",
    "ledger runs",
    "ledger lines --limit 20",
    "ledger prices",
    "ledger reprice --by workload,model",
    "infrastructure list",
    "catalog --gpu A10G",
    "catalog",
)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Make a ledger of two months with a few runs of every kind."""
    made = new_sqlite(tmp_path_factory.mktemp("ledger") / "ledger.db")
    engine = make_engine(made)
    write_history(engine, Year(months=2, records=4, days=(3,)))
    engine.dispose()
    return made


def printed(capsys: pytest.CaptureFixture[str], command: Sequence[str]) -> tuple[str, str]:
    """Run the command in this process; return what it writes."""
    with pytest.raises(SystemExit) as end:
        cli.main(command)
    said = capsys.readouterr()
    assert not end.value.code, said.err
    return said.out, said.err


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("width", [None, 80, 100])
def test_tables_fit(
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    width: int | None,
) -> None:
    """No line is wider than the pipe; money that the table shows is the same, and whole, as in CSV."""
    monkeypatch.setenv("BREAKEVEN_DATABASE_URL", url)
    monkeypatch.setenv("COLUMNS", "" if width is None else str(width))
    table, _ = printed(capsys, command.split())
    assert max(map(len, table.splitlines())) <= (width or 120)
    if command == "catalog":  # a table of its own
        return
    rows = list(csv.DictReader(io.StringIO(printed(capsys, [*command.split(), "--format", "csv"])[0])))
    money = [row["cost_usd"] for row in rows if row.get("cost_usd")]
    shown = table.split()
    missing = [one for one in money if f"{float(one):.6f}" not in shown]
    assert not missing


def test_a_forecast_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its tables of months, ways and candidates fit 80 characters, sums and all; sentences of a pipe are not broken."""
    monkeypatch.setenv("COLUMNS", "80")
    path = tmp_path / "p.csv"
    path.write_text("prompt\nhello\n", encoding="utf-8")
    out, _ = printed(capsys, ["forecast", "--input", str(path), "--daily", "5000000", "--from", "2027-01"])
    first, rest = out.split("\n", 1)
    table, sentences = rest.split("The API at once", 1)
    assert len(first) > 80
    assert max(map(len, table.splitlines())) <= 80
    assert sum(line.startswith("20") for line in table.splitlines()) == 2 * 12
    assert all(word.startswith("$") for word in table.split() if "$" in word)
    assert max(map(len, sentences.splitlines())) > 80
