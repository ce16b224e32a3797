"""Output streams that no run dies of: broken pipes, full disks, closed ones, at whatever prints."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from flows.streams import find_lost, guard

PROJECT = Path(__file__).resolve().parents[2]
WAYS = """
import logging, os, sys, warnings
from contextlib import suppress
from flows.streams import guard_streams
guard_streams()
from rich.console import Console
logging.basicConfig(stream=sys.stderr)
for _ in range(3):
    print("x" * 100_000)
    print("y", flush=True)
    sys.stdout.writelines(["a", "b"])
    sys.stderr.write("z" * 100_000)
    logging.getLogger("vllm").error("a line")
    Console(stderr=True).print("a line of rich")
    Console().print("another one")
    warnings.warn("careful")
    with suppress(OSError):  # as a library in C does
        os.write(2, b"a line")
with open(sys.argv[1], "x") as file:
    file.write("published")
"""


def run(tmp_path: Path, redirection: str, source: str = WAYS) -> tuple[int, bool]:
    """Run a program with its output led elsewhere; return its exit code and whether it got to its end."""
    program, end = tmp_path / "program.py", tmp_path / "end"
    program.write_text(source, encoding="utf-8")
    command = ["bash", "-c", f'"$0" "$1" "$2" {redirection}', sys.executable, str(program), str(end)]
    env = {"PYTHONPATH": str(PROJECT), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, env=env, check=False, capture_output=True, timeout=60)
    return done.returncode, end.exists() and end.read_text(encoding="utf-8") == "published"


@pytest.mark.parametrize(
    "redirection",
    [
        "> /dev/full 2>&1",
        "> /dev/full",
        "2> /dev/full",
        ">&-",
        "2>&-",
        ">&- 2>&- <&-",
        "2> >(exec true) > >(exec true); wait",
        "| true; exit ${PIPESTATUS[0]}",
        "2>&1 | true; exit ${PIPESTATUS[0]}",
    ],
)
def test_what_cannot_be_printed_ends_nothing(tmp_path: Path, redirection: str) -> None:
    """`print`, logging, rich, warnings and libraries print into nothing, and the program ends well."""
    assert run(tmp_path, redirection) == (0, True)


def test_a_closed_standard_error_is_no_place_for_a_file(tmp_path: Path) -> None:
    """The first file that is opened does not become standard error: what is written there does not get into it."""
    source = """
import os, sys
from flows.streams import open_streams
open_streams()
file = open(sys.argv[1], "x")
assert file.fileno() > 2
os.write(2, b"from a library in C")
file.write("published")
"""
    assert run(tmp_path, "2>&-", source) == (0, True)


def test_a_handler_of_before_is_guarded_as_well(tmp_path: Path) -> None:
    """Prefect's console handler, made with the bare stream, raises SystemExit no more when its pipe is broken."""
    source = """
import logging, sys
from prefect.logging.handlers import PrefectConsoleHandler
log = logging.getLogger("bare")
log.addHandler(PrefectConsoleHandler(stream=sys.stderr))
from flows.streams import guard_streams
guard_streams()
for _ in range(3):
    log.error("a line")
with open(sys.argv[1], "x") as file:
    file.write("published")
"""
    assert run(tmp_path, "2> >(exec true); wait", source) == (0, True)


def test_what_a_terminal_cannot_show_is_spelled_out() -> None:
    """A stream that is not UTF-8 loses nothing: the character stands there by its number."""
    kept = io.BytesIO()
    stream = io.TextIOWrapper(kept, encoding="latin-1")
    guard(stream)
    print("5 €", file=stream, flush=True)
    assert kept.getvalue() == b"5 \\u20ac\n"
    assert find_lost(stream) is None
