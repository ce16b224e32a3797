"""Workers of a machine, watched: they are programs of the shell here, and Prefect is not asked."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prefect.settings import PREFECT_WORKER_QUERY_SECONDS, temporary_settings

from flows.workers import polling
from models import machine
from models.errors import BreakevenError, Interrupted, UsageError
from models.gpus import VISIBLE
from tasks.workers import crew
from tasks.workers.crew import watch_crew
from tasks.workers.groups import end_at_once, list_members
from tasks.workers.locks import DeviceLocks
from tasks.workers.places import WorkerPlace
from tasks.workers.watched_worker import TRIES, WatchedWorker
from tests.fake_gpus import path_with_gpus

ENVIRONMENT = {"PATH": os.environ["PATH"]}
ENDLESS = "while :; do sleep 0.05; done"
RUN = ["sh", "-c", ENDLESS, "prefect.engine"]
"""A program that looks like a flow run's process."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look more often."""
    monkeypatch.setattr(crew, "TICK_SECONDS", 0.02)


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """Hear the signals to stop as in a terminal: of a job in the background the shell has some ignored."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in crew.STOP_SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def locks(tmp_path: Path) -> Iterator[DeviceLocks]:
    """Give locks of a folder that is not there yet."""
    locks = DeviceLocks(tmp_path / "state" / "workers", "host")
    yield locks
    locks.close()


def worker(locks: DeviceLocks, script: str, device: str = "gpu0") -> WatchedWorker:
    """Make a worker that is a script of the shell; it is started again at once."""
    place = WorkerPlace(f"host-{device}", "gpu", 1, (device,), {"DEVICE": device})
    return WatchedWorker(place, ["sh", "-c", script], locks, (0.0,))


def signal_when(ready: Callable[[], bool], *numbers: int) -> None:
    """Send signals to this process, one after the other, when something is so."""

    def send() -> None:
        until(ready)
        for number in numbers:
            os.kill(os.getpid(), number)
            time.sleep(0.3)

    threading.Thread(target=send, daemon=True).start()


def until(ready: Callable[[], object]) -> None:
    """Wait for something."""
    deadline = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def watch(*workers: WatchedWorker) -> None:
    """Watch workers where the server always answers."""
    watch_crew(workers, ENVIRONMENT, lambda: True, lambda: None)


def test_a_worker_that_cannot_start_is_given_up(
    locks: DeviceLocks, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Not an endless loop: after some tries in a row there is one line, and where none is left the command fails."""
    starts = tmp_path / "starts"
    with pytest.raises(BreakevenError, match="host-gpu0: could not be kept running"):
        watch(worker(locks, f"echo $DEVICE >> {starts}; exit 3"))
    assert starts.read_text(encoding="utf-8") == "gpu0\n" * TRIES
    said = capfd.readouterr().err.splitlines()
    assert said[0] == "host-gpu0 ended with exit code 3: started again in 0 s"
    assert said[-1].startswith(f"host-gpu0 ended with exit code 3, the {TRIES}th time in a row: given up")
    assert len(said) == TRIES


def test_pauses_grow_and_a_steady_worker_begins_anew(
    locks: DeviceLocks, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The clock is the test's: deaths in a row take longer pauses, one after a long time the first."""
    now = [1000.0]
    monkeypatch.setattr("tasks.workers.watched_worker.time.monotonic", lambda: now[0])
    place = WorkerPlace("host-gpu0", "gpu", 1, ("gpu0",), {})
    one = WatchedWorker(place, ["true"], locks)
    for steady, pause in ((0, 1), (0, 2), (0, 4), (100, 1), (0, 2)):
        one.look(ENVIRONMENT, lambda: True)
        assert one.pid is not None
        os.waitid(os.P_PID, one.pid, os.WEXITED | os.WNOWAIT)
        now[0] += steady
        one.look(ENVIRONMENT, lambda: True)
        assert f"started again in {pause} s" in capfd.readouterr().err
        now[0] += pause - 0.5
        one.look(ENVIRONMENT, lambda: True)
        assert one.pid is None
        now[0] += 1


def test_a_second_signal_ends_at_once_what_does_not_listen(locks: DeviceLocks, tmp_path: Path) -> None:
    """Worker and run ignore the polite signal: they are killed, none of another's processes is."""
    pid = tmp_path / "pid"
    other = subprocess.Popen(RUN)
    script = f"trap '' TERM; (sh -c \"{ENDLESS}\" prefect.engine) & echo $$ > {pid}; {ENDLESS}"
    signal_when(pid.exists, signal.SIGHUP, signal.SIGTERM, signal.SIGINT)
    with pytest.raises(Interrupted) as stopped:
        watch(worker(locks, script))
    assert stopped.value.exit_code in {
        128 + signal.SIGTERM,
        128 + signal.SIGINT,
    }  # whichever was handled last
    assert list_members(int(pid.read_text(encoding="ascii"))) == []
    assert other.poll() is None
    other.kill()
    other.wait()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_the_first_signal_is_one_for_worker_and_run(locks: DeviceLocks, tmp_path: Path) -> None:
    """Each gets it once; a worker that ends when its run has ended is waited for."""
    noted = tmp_path / "noted"
    run = f"trap 'echo run >> {noted}; exit' TERM; echo began >> {noted}; {ENDLESS}"
    script = (
        f"trap 'echo worker >> {noted}; stop=1' TERM; sh -c \"{run}\" prefect.engine & "
        "while [ -z $stop ] || kill -0 $! 2>/dev/null; do sleep 0.05; done"
    )
    signal_when(noted.exists, signal.SIGTERM)
    watch(worker(locks, script))
    assert sorted(noted.read_text(encoding="utf-8").split()) == ["began", "run", "worker"]


def test_a_run_of_an_earlier_watcher_keeps_its_device(
    locks: DeviceLocks, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its worker and who watched it are gone: the next worker waits for its end, and ends it not."""
    before = subprocess.Popen(RUN, start_new_session=True)
    locks.take("gpu0")
    locks.note("gpu0", before.pid)
    locks.close()
    starts = tmp_path / "starts"
    next_one = worker(locks, f"echo started >> {starts}; {ENDLESS}")
    assert "a run of an earlier worker is still at work here" in capfd.readouterr().err
    next_one.look(ENVIRONMENT, lambda: True)
    assert next_one.pid is None
    assert next_one.ask_to_stop()
    next_one.end_at_once()
    assert before.poll() is None
    end_at_once(before.pid)
    before.wait()
    until(lambda: not list_members(before.pid))
    next_one.look(ENVIRONMENT, lambda: True)
    until(starts.exists)
    next_one.end_at_once()


def test_a_device_that_is_taken_is_refused_also_when_its_watcher_is_gone(
    locks: DeviceLocks, tmp_path: Path
) -> None:
    """The worker holds it on, whoever started it."""
    one = worker(locks, ENDLESS)
    one.look(ENVIRONMENT, lambda: True)
    with pytest.raises(
        UsageError, match=f"gpu0 of this machine has a worker already, of process {os.getpid()}"
    ):
        DeviceLocks(tmp_path / "state" / "workers", "host").take("gpu0")
    locks.close()
    (file,) = (tmp_path / "state" / "workers").iterdir()
    file.write_text(f"{2**22 + 1} {one.pid}\n", encoding="ascii")  # no process has this number
    with pytest.raises(UsageError, match="whose `breakeven worker` is gone: it ends with its run"):
        DeviceLocks(tmp_path / "state" / "workers", "host").take("gpu0")
    one.end_at_once()
    DeviceLocks(tmp_path / "state" / "workers", "host").take("gpu0")


def test_what_a_worker_asks_of_its_gpu_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the GPUs of a machine differ, its price and memory are those of the one that it was given."""
    monkeypatch.setenv("PATH", path_with_gpus(tmp_path))
    assert [one.number for one in machine.list_gpus()] == ["0", "1"]
    for given, name in (
        (None, "NVIDIA A10G"),
        ("0", "NVIDIA A10G"),
        ("1,0", "NVIDIA L4"),
        ("", "NVIDIA A10G"),
    ):
        monkeypatch.delenv(VISIBLE, raising=False)
        if given is not None:
            monkeypatch.setenv(VISIBLE, given)
        assert machine.gpu_name.__wrapped__() == name


def test_workers_ask_often_unless_it_is_set() -> None:
    """A helper of a day in shards is waited for; what the user has set goes to the workers as it is."""
    assert polling() == {"PREFECT_WORKER_QUERY_SECONDS": "2"}
    with temporary_settings({PREFECT_WORKER_QUERY_SECONDS: 30}):
        assert polling() == {}


def test_without_a_server_the_command_ends_in_a_line(tmp_path: Path) -> None:
    """No worker is started, and nothing is left."""
    done = subprocess.run(
        [sys.executable, "-m", "cli", "worker"],
        env=os.environ | {"PREFECT_API_URL": "http://127.0.0.1:9/api", "PREFECT_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: no Prefect API answers at http://127.0.0.1:9/api: start one with")
    assert done.stderr.count("\n") == 1
