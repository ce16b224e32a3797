"""Secrets in every setting, address and variable that can hold one, and commands that fail: none of them comes out anywhere."""

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import cli
from db.session import make_engine, migrate
from models import errors
from models.settings.places import as_variable
from tests.echo_servers import Echoes, echoing
from tests.run_command import run_command as run
from tests.secret_settings import (
    files_below,
    found_in,
    holders,
    names_in,
    planted,
    quoted,
    refused_addresses,
    secret,
)
from tests.secret_situations import (
    AWAY,
    COMMANDS,
    PROXIES,
    QUICK,
    SITUATIONS,
    of_proxies,
    texts_of,
    usual_arguments,
    variables_of,
)

CACHE = Path(cli.__file__).parent / ".cache"
RECORDS = [
    {"id": str(number), "text": f"Lovely {number}, thank you", "timestamp": "2026-01-05T08:00:00Z"}
    for number in range(3)
]
OFTEN = ("run", "doctor", "report", "backfill")
"""Commands that the short suite tries in every situation; the others it tries in the first."""
ON_PREFECT = ("evaluate",)
"""Commands that start a server of Prefect: in processes of their own, and in `on_prefect/test_prefect_secrets.py`."""


@pytest.fixture(scope="module")
def echoes() -> Iterator[Echoes]:
    """Open servers that refuse everything and repeat what they were told."""
    with echoing() as servers:
        yield servers


@pytest.fixture(scope="module")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a ledger without rows."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    engine = make_engine(f"sqlite:///{path}")
    migrate(engine)
    engine.dispose()
    return path


@pytest.fixture
def home(tmp_path: Path, empty_ledger: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a working directory with an input and an empty ledger, in a process that knows no secret yet."""
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(r) + "\n" for r in RECORDS), encoding="utf-8")
    (tmp_path / "cache").mkdir()
    for one in CACHE.iterdir():
        (tmp_path / "cache" / one.name).symlink_to(one)
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("BREAKEVEN_", "PREFECT_")) or name.upper() in {*PROXIES, "NO_PROXY"}:
            monkeypatch.delenv(name)
    shutil.copy(empty_ledger, tmp_path / "ledger.db")
    monkeypatch.setattr(errors, "_known", ())
    monkeypatch.setattr(errors, "_folded", frozenset())
    return tmp_path


def set_all(patch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    """Set variables of the environment."""
    for name, value in variables.items():
        patch.setenv(name, value)


def leaks(home: Path, streams: Mapping[str, str], names: list[str]) -> dict[str, list[str]]:
    """Return where which secrets stand: in what was printed or logged, or in any file below the working directory."""
    places = [(name, text.encode("utf-8", "surrogateescape")) for name, text in streams.items()]
    linked = [one.name for one in CACHE.iterdir()]
    places += [
        (str(path), content)
        for path, content in files_below(home)
        if path.relative_to(home).parts[:2] not in [("cache", one) for one in linked]
        and path.name != "breakeven.toml"
    ]
    return {place: found for place, content in places if (found := found_in(content, names))}


def matrix() -> Iterator[Any]:
    """Yield every command in every situation; the short suite has each command and each situation at least once."""
    for number, situation in enumerate(SITUATIONS):
        for name in sorted(COMMANDS.keys() - ON_PREFECT):
            short = number == 0 or name == OFTEN[number % len(OFTEN)]
            marks = [] if short else [pytest.mark.long]
            yield pytest.param(situation, name, id=f"{situation}: {name}", marks=marks)


@pytest.mark.parametrize(("situation", "name"), [*matrix()])
def test_no_secret_comes_out(
    situation: str,
    name: str,
    home: Path,
    echoes: Echoes,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Not on standard output or standard error, in a log at DEBUG, the ledger, an output, a report or any other file."""
    caplog.set_level(logging.DEBUG)
    variables = variables_of(situation, home, echoes)
    set_all(monkeypatch, variables)
    run(*name.split(), *usual_arguments(name))
    captured = capsys.readouterr()
    streams = {"stdout": captured.out, "stderr": captured.err, "log": caplog.text}
    assert leaks(home, streams, names_in(variables)) == {}
    assert "Traceback" not in captured.err


@pytest.mark.long
@pytest.mark.parametrize("name", ["evaluate", "run", "alerts", "prices update"])
@pytest.mark.parametrize("situation", [*SITUATIONS])
def test_no_secret_comes_out_of_a_process(situation: str, name: str, home: Path, echoes: Echoes) -> None:
    """The same of a process as people start it, with the server of Prefect that it starts, and that one's database."""
    variables = variables_of(situation, home, echoes)
    environment = dict(os.environ) | variables | {"PREFECT_LOGGING_LEVEL": "DEBUG"}
    done = subprocess.run(
        [sys.executable, "-m", "cli", *name.split(), *usual_arguments(name)],
        cwd=home,
        env=environment | {"PYTHONPATH": str(CACHE.parent)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert leaks(home, {"stdout": done.stdout, "stderr": done.stderr}, names_in(variables)) == {}
    assert "Traceback" not in done.stderr
    assert done.returncode in {0, 1, 2}


@pytest.mark.parametrize(
    ("program", "variables"),
    [
        ("flows.deploy", {"PREFECT_API_URL": f"http://u:{quoted('PREFECT_API_URL')}@{AWAY}/api"}),
        ("cli worker", of_proxies("bad") | {"PREFECT_API_URL": f"http://{AWAY}/api"}),
        pytest.param("flows.deploy", of_proxies("bad"), marks=pytest.mark.long),
        pytest.param(
            "cli worker",
            {"PREFECT_API_URL": f"http://u:{quoted('PREFECT_API_URL')}@{AWAY}/api"},
            marks=pytest.mark.long,
        ),
    ],
)
def test_programs_that_make_starts_end_in_one_line(
    program: str, variables: dict[str, str], home: Path
) -> None:
    """`make deploy`, `make worker` and `make collector`: no secret and no traceback."""
    environment = dict(os.environ) | {"PREFECT_API_URL": f"http://{AWAY}/api"} | variables
    done = subprocess.run(
        [sys.executable, "-m", *program.split()],
        cwd=home,
        env=environment | {"PYTHONPATH": str(CACHE.parent)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert leaks(home, {"stdout": done.stdout, "stderr": done.stderr}, names_in(variables)) == {}
    assert done.returncode in {1, 2}
    assert [line for line in done.stderr.splitlines() if line.startswith("error: ")] == [done.stderr.strip()]


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ON_PREFECT and [*texts_of(name)]])
def test_no_argument_that_is_an_address_comes_out(
    name: str,
    home: Path,
    echoes: Echoes,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An address with a password and a signature in each option of each command that takes a text, and a mistyped option."""
    caplog.set_level(logging.DEBUG)
    echoes.status = 403
    set_all(
        monkeypatch, QUICK | {"BREAKEVEN_API_KEY": "k", "BREAKEVEN_API_BASE_URL": f"http://{echoes.http}/v1"}
    )
    set_all(monkeypatch, {"BREAKEVEN_SERVER_URL": f"http://{echoes.http}/v1", "BREAKEVEN_CACHE_DIR": "cache"})
    monkeypatch.setenv("BREAKEVEN_DATABASE_URL", f"sqlite:///{home / 'ledger.db'}")
    address = f"http://u:{quoted('password')}@{echoes.http}/x.csv?X-Amz-Signature={quoted('signature')}"
    for option in [*texts_of(name), "--inpt", "--input="]:
        given = usual_arguments(name)
        if option in given:
            del given[given.index(option) : given.index(option) + 2]
        monkeypatch.setattr(errors, "_known", ())
        own = [option + address] if option.endswith("=") else [option, address]
        run(*name.split(), *given, *own)
        captured = capsys.readouterr()
        streams = {"stdout": captured.out, "stderr": captured.err, "log": caplog.text}
        assert leaks(home, streams, ["password", "signature"]) == {}, option
        assert "Traceback" not in captured.err


@pytest.mark.parametrize("path", [path for path, _ in holders()], ids=".".join)
def test_a_broken_setting_is_not_shown(
    path: tuple[str, ...], home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A value of another kind, a mistyped name, in a variable and in the file, and a file that is no TOML."""
    names = {"workloads": "sentiment", "chat": "room"}
    parts = [names[path[0]] if part == "NAME" else part for part in path]
    value = secret("value")
    head = f"[{'.'.join(parts[:-1])}]\n" if parts[:-1] else ""
    files = [
        f'{head}{parts[-1]} = {{x = "{value}"}}\nseed = "{value}"\n',
        f'{head}{parts[-1]}s = "{value}"\n',
        f'{head}{parts[-1]} = "{value}\n',
        f"{head}{parts[-1]} = {value}\n",
        f'{head}{parts[-1]} = ["{value}"]\n',
    ]
    variables = [as_variable(parts), as_variable([*parts[:-1], f"{parts[-1]}s"]), as_variable([*parts, "X"])]
    for text in files:
        (home / "breakeven.toml").write_text(text, encoding="utf-8")
        check_shown_nothing(home, capsys)
    (home / "breakeven.toml").unlink()
    for name in variables:
        for given in (value, f'{{"x": "{value}"}}', f'["{value}', f'{{"x": {value}'):
            with monkeypatch.context() as patch:
                patch.setenv(name, given)
                check_shown_nothing(home, capsys)


def check_shown_nothing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Read the settings by a command, and see that what it says holds no secret."""
    run("ledger", "runs")
    captured = capsys.readouterr()
    assert leaks(home, {"stdout": captured.out, "stderr": captured.err}, ["value"]) == {}
    assert "Traceback" not in captured.err


def test_every_setting_that_can_hold_a_secret_is_tried(echoes: Echoes) -> None:
    """A new one is planted as well, or this fails."""
    tried = {*names_in(planted(echoes.http, echoes.mail)), *names_in(refused_addresses())}
    names = {"workloads": "sentiment", "chat": "room"}
    wanted = {
        as_variable([names[path[0]] if part == "NAME" else part for part in path]) for path, _ in holders()
    }
    wanted -= {"BREAKEVEN_WORKLOADS__SENTIMENT__QUERY_URL"}
    assert wanted <= tried
