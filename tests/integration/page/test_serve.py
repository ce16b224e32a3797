"""The server: loopback alone, quick to start, ends cleanly, says in one line what is wrong."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.page.books import fill
from tests.integration.page.harness import SECONDS, Served, serving, start


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a ledger in a file."""
    folder = tmp_path_factory.mktemp("served")
    url = f"sqlite:///{folder / 'ledger.db'}"
    fill(url)
    with serving(url, folder) as served:
        yield served


def test_it_imports_neither_prefect_nor_an_engine() -> None:
    """What takes seconds to load is not loaded for a look at the ledger."""
    heavy = {"prefect", "vllm", "torch", "polars", "openai", "pandas"}
    code = f"import sys, tasks.page.serve; print(*({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_it_listens_on_loopback_alone(served: Served) -> None:
    """Another address of the same machine is refused."""
    port = int(served.host.partition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        pass
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.2", port), timeout=5):
        pass


def test_other_names_are_refused(served: Served) -> None:
    """A web site that points a name of its own at this machine reads nothing; the browser is told to stay here."""
    assert served.get(Host="evil.example").status_code == 400
    answer = served.get()
    assert answer.status_code == 200
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/?since=yesterday", "is not a day; write it as 2026-11-24"),
        ("/?since=2026-11-02&until=2026-11-01", "is before since"),
        ("/lines?route=>", "is no route"),
        ("/lines?after=1", "go back to the first page"),
    ],
)
def test_an_address_that_makes_no_sense(served: Served, path: str, says: str) -> None:
    """Whoever writes an address by hand is told what is wrong with it."""
    answer = served.get(path)
    assert answer.status_code == 400
    assert says in answer.text


def test_a_port_that_is_taken(served: Served, tmp_path: Path) -> None:
    """One line names the port and what to do; the exit code is that of bad usage."""
    port = served.host.partition(":")[2]
    process = start(served.database_url, tmp_path, "--port", port)
    _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 2
    assert errors.startswith(f"error: cannot listen on 127.0.0.1:{port}")
    assert errors.endswith("name another --port, or 0 for any that is free\n")
    assert errors.count("\n") == 1


def test_a_database_that_is_none(tmp_path: Path) -> None:
    """What can never become a ledger is said before anything is served."""
    process = start("mysql://here/ledger", tmp_path, "--port", "0")
    _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 2
    assert errors.startswith("error: the ledger cannot be kept in 'mysql'")
    assert errors.count("\n") == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, -signal.SIGTERM)])
def test_it_ends_cleanly(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """Ctrl-C is how it is meant to end; there is no traceback, and no file is made, not even the ledger."""
    with serving(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path) as served:
        assert "run a workload first" in served.get().text
        found, errors = served.stop(number)
    assert found == code
    assert errors == ("stopped\n" if number == signal.SIGINT else "")
    assert list(tmp_path.iterdir()) == []
