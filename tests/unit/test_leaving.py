"""A process that had an engine ends at once, with its exit code, all output and all that was to be done at its end."""

import subprocess
import sys

import pytest

PROCESS = """
import atexit, sys, threading, time, types
from commands.leaving import leave_at_once, leave_with

class Model:
    def __del__(self):
        print("taken apart")

leave_at_once()
atexit.register(print, "at the end")
threading.Thread(target=lambda: (time.sleep(0.1), print("the thread"))).start()
model = Model()
if sys.argv[1] == "torch":
    sys.modules["torch"] = types.ModuleType("torch")
if sys.argv[2] != "unsaid":
    leave_with(3)
print("said", end=" ")
sys.exit(3)
"""


@pytest.mark.parametrize(
    ("module", "said", "taken_apart"),
    [("torch", "said", False), ("none", "said", True), ("torch", "unsaid", True)],
)
def test_only_a_process_that_had_an_engine_ends_at_once(module: str, said: str, taken_apart: bool) -> None:
    """Threads and callbacks come before it, and nothing that was written is lost."""
    done = subprocess.run(
        [sys.executable, "-c", PROCESS, module, said], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout.split("\n")[:2] == ["said the thread", "at the end"]
    assert ("taken apart" in done.stdout) is taken_apart
