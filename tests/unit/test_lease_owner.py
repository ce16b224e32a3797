"""Who owns a lease, and whether that process is surely gone (I9)."""

import os
import platform
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.runtime.lease import is_dead, this_process

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def owner_of(pid: int) -> str:
    """Name another process of this host as it would name itself."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:  # noqa: PTH123
        started = file.read().rsplit(")", 1)[1].split()[19]
    return f"{platform.node()}:{pid}:{started}"


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


@pytest.mark.parametrize("name", ["elsewhere:1:1", "host:with:colons:1:1", "", "x", ":::", "a:b:c"])
def test_an_owner_elsewhere_must_expire(name: str) -> None:
    """Nothing can be known about a process of another host, or a name that is none of ours."""
    assert not is_dead(name)


@given(st.text() | st.integers().map("{}:1:1".format) | st.text().map(f"{platform.node()}:{{}}:".format))
def test_any_name_has_an_answer(name: str) -> None:
    """Whatever stands in the lease, asking does not fail."""
    assert is_dead(name) in (True, False)
