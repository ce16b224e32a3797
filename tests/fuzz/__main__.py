"""`make fuzz`: each room in turn, with seeds that nobody has seen before, until the time is over. Prints what went wrong, and the seed."""

import argparse
import sys
import time

from tests.fuzz.watch import ROOMS, watch

SLICE_SECONDS = 60.0
"""How long a room is played before it is the next one's turn: each process begins anew, with a seed of its own."""


def main() -> None:
    """Play; the exit code is 1 if anything was wrong."""
    arguments = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    arguments.add_argument("--seconds", type=float, default=60.0, help="how long altogether")
    arguments.add_argument(
        "--seed", type=int, help="of the first process; default: one that nobody has seen before"
    )
    arguments.add_argument("--only", nargs="*", choices=ROOMS, default=ROOMS)
    given = arguments.parse_args()
    seed = int(time.time()) if given.seed is None else given.seed
    share = min(SLICE_SECONDS, given.seconds / len(given.only))
    ends, played, wrong = time.monotonic() + given.seconds, 0, 0
    while True:
        for room in given.only:
            say(f"--- {room}, seed {seed}, {share:.0f} s")
            found = watch(room, seed, seconds=share)
            played += found.played
            wrong += len(found.findings)
            for finding in found.findings:
                say(f"WRONG {finding}")
            seed += 1
            if time.monotonic() >= ends:
                say(f"{played} cases, {wrong} of them wrong")
                sys.exit(min(wrong, 1))


def say(text: str) -> None:
    """Print at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
