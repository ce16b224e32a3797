"""The rights that docs/ledger.md grants are enough, and not too many; whatever is refused is one line."""

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

import cli
from models.errors import UsageError
from tests.integration.pipeline.harness import good_rows, run, settings_for, write_records
from tests.ledgers import Postgres

PAGE = Path(__file__).parents[3].joinpath("docs", "ledger.md").read_text("utf-8")
WORD = "hush"
ROLES = ("breakeven_reader", "breakeven_writer", "breakeven_nobody")
READING = (
    "ledger summary",
    "ledger summary --by workload,route,day",
    "ledger runs",
    "ledger lines",
    "ledger evaluations",
    "ledger check",
    "ledger prices",
    "ledger reprice",
    "infrastructure list",
)
WRITING = (
    "infrastructure bill --month 2026-01 --usd 3",
    "infrastructure set --kind A10G --billing reserved --from 2026-01-01",
    "infrastructure labour --from 2026-01-01 --maintenance-hours 1 --setup-hours 1 --engineer-usd-per-hour 1",
    "ledger reprice --price gpt-6-luna=0.3/1.2 --save-from 2026-11-01",
    "report --month 2026-01",
)


@pytest.fixture(scope="module")
def url(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a ledger with a run, in which the documented statements were executed, and a role without rights is."""
    url = postgres.migrated()
    folder = tmp_path_factory.mktemp("run")
    run(settings_for(folder, url), write_records(folder / "in.jsonl", good_rows(5)))
    grants = next(block for block in re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL) if "GRANT" in block)
    with psycopg.connect(
        make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    ) as owner:
        owner.execute(grants.encode())
        owner.execute("CREATE ROLE breakeven_nobody LOGIN PASSWORD 'choose-a-third'")
        owner.commit()
        yield url
        for role in ROLES:
            owner.execute(f"DROP OWNED BY {role}".encode())
            owner.execute(f"DROP ROLE {role}".encode())
    postgres.drop(url)


def of(role: str, url: str) -> str:
    """Return the ledger's URL for a role, with its password."""
    return make_url(url).set(username=role, password=WORD).render_as_string(hide_password=False)


def ended(command: str) -> int:
    """Run a command in this process and return its exit code."""
    with pytest.raises(SystemExit) as end:
        cli.main(command.split())
    return int(end.value.code or 0)


@pytest.mark.parametrize("role", ["breakeven_reader", "breakeven_writer"])
@pytest.mark.parametrize("command", READING)
def test_both_can_read(
    role: str, command: str, url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Every command that only asks works for the reader and the writer."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BREAKEVEN_DATABASE_URL", of(role, url))
    assert ended(command) in ({0, 1} if command == "ledger check" else {0})  # check: the files lie elsewhere


@pytest.mark.parametrize("command", WRITING)
def test_only_the_writer_can_write(
    command: str,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """For the reader each is one line with code 2 that says what is missing; for the writer it works."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.setenv("PREFECT_MEMO_STORE_PATH", str(tmp_path / "prefect" / "memo.toml"))
    monkeypatch.setenv("BREAKEVEN_DATABASE_URL", of("breakeven_reader", url))
    assert ended(command) == 2
    said = capfd.readouterr()
    assert refused(said.err)
    assert "permission denied for table" in said.err
    monkeypatch.setenv("BREAKEVEN_DATABASE_URL", of("breakeven_writer", url))
    assert ended(command) == 0


@pytest.mark.parametrize("command", [*READING, *WRITING])
def test_a_role_without_rights(
    command: str,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """One line with code 2, for commands that read and for those that write."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.setenv("PREFECT_MEMO_STORE_PATH", str(tmp_path / "prefect" / "memo.toml"))
    monkeypatch.setenv("BREAKEVEN_DATABASE_URL", of("breakeven_nobody", url))
    assert ended(command) == 2
    assert refused(capfd.readouterr().err)


def refused(said: str) -> bool:
    """Whether it is one line that names the statements to grant, and holds no password."""
    return (
        said.startswith("error: ")
        and said.count("\n") == 1
        and "docs/ledger.md, Roles" in said
        and WORD not in said
    )


def test_a_run_needs_the_writer(url: str, tmp_path: Path) -> None:
    """The writer runs a partition and publishes it; the reader's run ends before an engine is loaded."""
    source = write_records(tmp_path / "in.jsonl", good_rows(7))
    with pytest.raises(UsageError, match="permission denied"):
        run(settings_for(tmp_path, of("breakeven_reader", url)), source)
    result = run(settings_for(tmp_path, of("breakeven_writer", url)), source, rerun=True)
    assert result.published == 7


def test_no_right_to_make_tables(
    postgres: Postgres,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Where there is no ledger yet, a role that may not make tables is told so."""
    monkeypatch.chdir(tmp_path)
    empty = make_url(postgres.empty())
    monkeypatch.setenv(
        "BREAKEVEN_DATABASE_URL",
        empty.set(username="breakeven_nobody", password=WORD).render_as_string(hide_password=False),
    )
    assert url
    assert ended(WRITING[0]) == 2
    assert refused(capfd.readouterr().err)


def test_a_database_that_is_read_only(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Reading works, writing is one line."""
    monkeypatch.chdir(tmp_path)
    only = make_url(url).update_query_dict({"options": "-cdefault_transaction_read_only=on"})
    monkeypatch.setenv("BREAKEVEN_DATABASE_URL", only.render_as_string(hide_password=False))
    assert ended("ledger runs") == 0
    capfd.readouterr()
    assert ended(WRITING[0]) == 2
    said = capfd.readouterr().err
    assert "read-only transaction" in said
    assert said.count("\n") == 1
