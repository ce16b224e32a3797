"""`make chaos`: many storms. Prints each seed, so that a storm that went wrong can be gone through again."""

import argparse
import sys
import tempfile
import time
import traceback
from contextlib import ExitStack
from pathlib import Path

from tests.chaos import database
from tests.chaos.crew import Crew
from tests.chaos.shard_storm import ShardStorm
from tests.chaos.spread_storm import spread_weather
from tests.chaos.storm import Storm, weather

KINDS = ["sqlite", "postgresql", "spread", "shards-sqlite", "shards-postgresql"]
ON_DEMAND = ["spread-shards-sqlite", "spread-shards-postgresql"]
"""Only where `--only` names them: minutes each."""
SHARDS = 4
"""Into how many the days of a spread storm over shards are cut."""


def main() -> None:
    """Go through the storms; the exit code is 1 if something was wrong after one of them."""
    arguments = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    arguments.add_argument("--seeds", nargs="*", type=int, help="default: five that nobody has seen before")
    arguments.add_argument("--seconds", type=float, default=30.0, help="how long each storm lasts")
    arguments.add_argument(
        "--only",
        nargs="*",
        choices=[*KINDS, *ON_DEMAND],
        default=KINDS,
    )
    given = arguments.parse_args()
    seeds = given.seeds or [int(time.time()) + number for number in range(5)]
    failures = 0
    with ExitStack() as stack:
        on_server = any(kind.endswith("postgresql") for kind in given.only)
        server = stack.enter_context(database.server()) if on_server else None
        crew = Crew(Path(stack.enter_context(tempfile.TemporaryDirectory())) / "log")
        stack.callback(crew.close)

        def go(kind: str, seed: int, folder: Path) -> str:
            on_file = server is None or not kind.endswith("postgresql")
            make = database.sqlite if on_file else lambda _: database.postgresql(server)
            if kind.startswith("spread"):
                return spread_weather(seed, given.seconds, folder, make, SHARDS if "shards" in kind else None)
            storm = ShardStorm if kind.startswith("shards") else Storm
            return weather(seed, given.seconds, folder, make, crew, storm)

        for seed, kind in ((seed, kind) for seed in seeds for kind in given.only):
            say(f"--- {kind}, seed {seed}, {given.seconds:.0f} s")
            try:
                with tempfile.TemporaryDirectory(prefix="bkchaos", ignore_cleanup_errors=True) as name:
                    say(go(kind, seed, Path(name) / "storm"))
            except AssertionError as error:
                failures += 1
                say(f"FAILED, again with: python -m tests.chaos --only {kind} --seeds {seed}")
                say("".join(traceback.format_exception(error, limit=-2)))
    say(f"{failures} of {len(seeds) * len(given.only)} storms left something wrong")
    sys.exit(min(failures, 1))


def say(text: str) -> None:
    """Print at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
