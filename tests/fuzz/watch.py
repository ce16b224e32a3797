"""Starts a room as a process of its own and reads what it found; a process that dies of a case is a finding too."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOMS = ("readers", "conditions", "replies", "batches", "page", "settings", "labels")
ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 1_200.0
"""How long a room may take beyond its time: it shrinks what it found."""


@dataclass(slots=True)
class Watched:
    """What came of a room: cases played, and what was wrong, ready to be read."""

    played: int = 0
    findings: list[str] = field(default_factory=list)


def watch(room: str, seed: int, *, examples: int | None = None, seconds: float | None = None) -> Watched:
    """Play a room, by number of cases or by time."""
    amount = ["--examples", str(examples)] if seconds is None else ["--seconds", str(seconds)]
    with tempfile.TemporaryDirectory() as name:
        command = [
            sys.executable,
            "-m",
            "tests.fuzz.child",
            room,
            "--seed",
            str(seed),
            "--folder",
            name,
            *amount,
        ]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": "0", "POLARS_MAX_THREADS": "2", "RAYON_NUM_THREADS": "2"},
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=(seconds or 0.0) + PATIENCE_SECONDS,
        )
        result = Watched()
        for line in _lines(done.stdout):
            if "played" in line:
                result.played = int(str(line["played"]))
            else:
                result.findings.append(
                    f"{room}, seed {line['seed']}, round {line['round']}: {line['kind']} at {line['place']}\n"
                    f"{line['case']}\n{line['details']}"
                )
        if done.returncode != 0:
            current = Path(name, "current")
            case = current.read_text("utf-8", "surrogatepass") if current.exists() else "no case was begun"
            result.findings.append(
                f"{room}, seed {seed}: the process ended with {done.returncode}\n{case}\n{done.stderr[-6_000:]}"
            )
    return result


def _lines(output: str) -> Iterator[dict[str, object]]:
    for line in output.splitlines():
        if line.startswith("{"):
            yield json.loads(line)
