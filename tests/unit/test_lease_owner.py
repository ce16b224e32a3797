"""Who owns a lease, and whether that process is surely gone (I9)."""

import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.runtime import lease
from tasks.runtime.lease import is_dead, lives, this_process

NO_PROCESS = 2**22 + 7  # above the largest number that a kernel gives
SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def owner_of(pid: int) -> str:
    """Name another process of this host as it would name itself."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:  # noqa: PTH123
        started = file.read().rsplit(")", 1)[1].split()[19]
    return f"{this_process().rsplit(':', 2)[0]}:{pid}:{started}"


def test_a_living_owner_is_not_dead() -> None:
    """The process of this test lives, and names itself by its pid."""
    assert f":{os.getpid()}:" in this_process()
    assert not is_dead(this_process())


def test_a_killed_owner_is_dead_even_before_its_parent_noticed() -> None:
    """A killed process is gone at once, though it stays a zombie until it is waited for."""
    with subprocess.Popen(SLEEP) as process:
        owner = owner_of(process.pid)
        assert not is_dead(owner)
        process.kill()
        deadline = time.monotonic() + 10
        while not is_dead(owner) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert is_dead(owner)
        assert process.returncode is None  # nobody has waited for it
    assert is_dead(owner)


def test_another_process_with_the_same_pid_is_not_the_owner() -> None:
    """The start time tells a reused pid apart."""
    host, pid, started = this_process().rsplit(":", 2)
    assert is_dead(f"{host}:{pid}:{int(started) + 1}")


@pytest.mark.parametrize("name", ["elsewhere:1:1", "host:with:colons:1:1", "", "x", ":::", "a:b:c", "a::1:1"])
def test_an_owner_elsewhere_must_expire(name: str) -> None:
    """Nothing can be known about a process of another host, or a name that is none of ours."""
    assert not is_dead(name)
    assert not lives(name)


def test_an_owner_of_an_earlier_version_must_expire() -> None:
    """It named its host alone, which another machine or container can have as well."""
    assert not is_dead(f"{platform.node()}:{NO_PROCESS}:1")
    assert not is_dead(f"{platform.node()}:{os.getpid()}:1")


@pytest.mark.parametrize("differs", ["machine", "boot", "namespace"])
def test_the_same_name_on_another_machine_is_another_owner(
    differs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One host name, but another machine id, boot or process namespace: its pids say nothing here."""
    ours = this_process()
    gone = f"{ours.rsplit(':', 2)[0]}:{NO_PROCESS}:1"
    assert is_dead(gone)
    (tmp_path / "id").write_text("5a0c1f3c-0000-4000-8000-000000000001\n", encoding="ascii")
    if differs == "namespace":
        (tmp_path / "pid").symlink_to("pid:[4026539999]")
        monkeypatch.setattr(lease, "_NAMESPACES", (tmp_path / "pid",))
        monkeypatch.setattr(Path, "exists", lambda _: True)
    else:
        value = (tmp_path / "id",) if differs == "machine" else tmp_path / "id"
        monkeypatch.setattr(lease, f"_{differs.upper()}", value)
    assert this_process().split(":")[0] == ours.split(":")[0]
    assert this_process() != ours
    assert not is_dead(gone)
    assert not lives(ours)


def test_a_container_without_a_machine_id_knows_its_own_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The boot and the process namespace say enough; a dead owner there is taken over at once."""
    monkeypatch.setattr(lease, "_MACHINE", (tmp_path / "none",))
    alone, pid, _ = this_process().rsplit(":", 2)
    assert is_dead(f"{alone}:{NO_PROCESS}:1")
    assert not is_dead(f"{alone}:{pid}:{this_process().rsplit(':', 1)[1]}")


def test_without_proc_every_owner_must_expire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel tells nothing of processes, nobody is judged by them, not by an empty place either."""
    monkeypatch.setattr(lease, "_BOOT", tmp_path / "none")
    assert this_process().split(":")[-3] == ""
    assert not is_dead(f"{platform.node()}::{NO_PROCESS}:1")
    assert not is_dead(this_process())


def test_a_process_that_is_hidden_is_not_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a process of another user /proc may say nothing, though it lives: its number is taken, so nobody knows."""
    place = this_process().rsplit(":", 2)[0]
    read = Path.read_text

    def hidden(path: Path, *how: str, **named: str) -> str:
        if path.name == "stat":
            raise FileNotFoundError
        return read(path, *how, **named)

    monkeypatch.setattr(Path, "read_text", hidden)
    assert not is_dead(f"{place}:1:5")
    assert is_dead(f"{place}:{NO_PROCESS}:5")


def test_a_real_process_namespace_is_another_place() -> None:
    """Two containers of one machine and one host name: each says of the other's owner that it must expire."""
    command = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c"]
    ask = "from tasks.runtime.lease import this_process; print(this_process())"
    made = subprocess.run([*command, ask], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip("no right to make a process namespace")
    owner = made.stdout.strip()
    assert owner.split(":")[0] == platform.node()
    assert not is_dead(owner)
    own = f"{this_process().rsplit(':', 2)[0]}:{NO_PROCESS}:1"
    said = f"from tasks.runtime.lease import is_dead; print(is_dead({own!r}))"
    asked = subprocess.run([*command, said], capture_output=True, text=True, check=True)
    assert asked.stdout.strip() == "False"


@given(st.text() | st.integers().map("{}:1:1".format) | st.text().map(f"{platform.node()}:{{}}:".format))
def test_any_name_has_an_answer(name: str) -> None:
    """Whatever stands in the lease, asking does not fail."""
    assert is_dead(name) in (True, False)
