"""One room in a process of its own: hypothesis draws cases, the guard plays them, findings are written as lines of JSON.

`python -m tests.fuzz.child ROOM --seed 1 --seconds 60` or `--examples 200`. `--case FILE` plays the one whose `repr` it holds.
"""

import argparse
import json
import logging
import os
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.guard import Finding, Guard, limit_memory

ROUND = 100
"""Examples of a round: each has a seed of its own, so that a late one is reached at once."""


def main() -> None:
    """Play until the time is over, or so many examples."""
    arguments = argparse.ArgumentParser(prog="python -m tests.fuzz.child", description=__doc__)
    arguments.add_argument("room")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--seconds", type=float)
    arguments.add_argument("--examples", type=int, default=ROUND)
    arguments.add_argument("--folder", type=Path)
    arguments.add_argument("--case", type=Path)
    given = arguments.parse_args()
    for name in [name for name in os.environ if name.startswith("BREAKEVEN_")]:
        del os.environ[name]
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        room = import_module(f"tests.fuzz.rooms.{given.room}")
        limit_memory()
        with room.open_room(folder) as play:
            guard: Guard[Any] = Guard(play, (given.folder or folder) / "current")
            if given.case is not None:
                guard(eval(given.case.read_text("utf-8", "surrogatepass"), vars(room)))  # noqa: S307  a file that the harness wrote
                return
            _explore(guard, room.CASES, given.seed, given.seconds, given.examples)
    _say({"played": guard.played})


def _explore(guard: Guard[Any], cases: Any, first: int, seconds: float | None, examples: int) -> None:  # noqa: ANN401  a strategy of any case
    began, number = time.monotonic(), 0
    while True:
        count = ROUND if seconds is not None else min(ROUND, examples - number * ROUND)
        if (finding := _round(guard, cases, first * 100_000 + number, count)) is not None:
            guard.found.add((finding.kind, finding.place))
            guard.costly.append(finding)
        while guard.costly:
            _say({"seed": first, "round": number} | guard.costly.pop().as_dict())
        number += 1
        if number * ROUND >= examples if seconds is None else time.monotonic() - began >= seconds:
            return


def _round(guard: Guard[Any], cases: Any, number: int, count: int) -> Finding | None:  # noqa: ANN401
    """Play one round; return the smallest case that went wrong."""
    guard.failing = None

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    @given(cases)
    def run(case: Any) -> None:  # noqa: ANN401
        guard(case)

    try:
        run()
    except Exception:
        if guard.failing is None:
            raise
    return guard.failing


def _say(line: dict[str, Any]) -> None:
    sys.__stdout__.write(json.dumps(line) + "\n")  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]


if __name__ == "__main__":
    main()
