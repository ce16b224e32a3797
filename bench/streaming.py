"""The stream, with commits and the ledger on, against vLLM used bare. See `bench/passes.py` for the ways."""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from statistics import median
from typing import cast

from bench.child import MARK, ROOT, results
from bench.report import Finding, Row, publish
from bench.samples import KINDS, available
from models.settings import Settings

TARGETS: dict[str, float | None] = {
    "raw": 0.97,
    "chunked": 1.1,
    "chunked_window": None,
    "default": 1.3,
}
WAYS = ("stream", "raw", "chunked", "chunked_window")
SHARED = "shared_prefixes"
NAMES = (*KINDS, SHARED)
NOTES = [
    "ratio: seconds of the other way / seconds of the stream, pair by pair; above 1 the stream is faster.",
    "of_sums: the same of the seconds of all pairs together; steadier where the machine's speed changes between passes.",
    "stream reads, renders, tokenizes, parses and commits; the others get token ids and keep nothing.",
    "raw and chunked run on the stream's own engine; chunks of max_num_seqs, or of the window's size.",
    "They get the prompts in the stream's order: where the longest answers fall decides some per cent of so small a sample.",
    "default: vLLM's default settings (but number format and cache size), records in order of arrival.",
    "outside_steps: the part of the stream's time that passes outside the engine's own steps (other_outside: of the other's).",
    "The prefix cache is emptied before every pass; all texts are distinct, so that none is reused.",
]


class Server:
    """An engine in a process of its own that makes a pass when asked."""

    def __init__(self, way: str, folder: str) -> None:
        command = [sys.executable, "-m", "bench.streaming_serve", way, folder]
        self._child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
        )
        self._answer()

    def once(self) -> dict[str, float]:
        """Make one pass and return its figures."""
        if self._child.stdin is None:
            raise RuntimeError(self._child)
        self._child.stdin.write("pass\n")
        self._child.stdin.flush()
        found: dict[str, float] = json.loads(self._answer())
        return found

    def close(self) -> None:
        """Let the process end."""
        if self._child.stdin is not None:
            self._child.stdin.close()
        self._child.wait()

    def _answer(self) -> str:
        for line in self._child.stdout or ():
            if line.startswith(MARK):
                return line.removeprefix(MARK)
        msg = f"bench.streaming_serve ended with exit code {self._child.wait()}"
        raise RuntimeError(msg)


def shared_prefixes(pairs: int) -> Iterator[dict[str, object]]:
    """Yield pairs of passes of our engine and of one with vLLM's default settings, in turns."""
    with ExitStack() as stack:
        servers: dict[str, Server] = {}
        for way in ("stream", "default"):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="breakeven-bench-"))
            servers[way] = Server("ours" if way == "stream" else way, folder)
            stack.callback(servers[way].close)
        for pair in range(pairs):
            order = list(servers) if pair % 2 == 0 else list(servers)[::-1]
            passes: dict[str, object] = {way: servers[way].once() for way in order}
            yield {"workload": SHARED, "pair": pair} | passes


def rows(turns: Sequence[dict[str, object]]) -> list[Row]:
    """Compare the ways of each workload: medians, and the ratio with its spread."""
    found: list[Row] = []
    for workload in dict.fromkeys(str(turn["workload"]) for turn in turns):
        own = [turn for turn in turns if turn["workload"] == workload]
        for other in (way for way in TARGETS if way in own[0]):
            ratios = [figure(turn, other, "seconds") / figure(turn, "stream", "seconds") for turn in own]
            found.append(
                {
                    "workload": workload,
                    "against": other,
                    "pairs": len(own),
                    "window": own[0].get("window"),
                    "records": int(figure(own[0], "stream", "records")),
                    "stream_s": median(figure(turn, "stream", "seconds") for turn in own),
                    "other_s": median(figure(turn, other, "seconds") for turn in own),
                    "ratio": median(ratios),
                    "least": min(ratios),
                    "most": max(ratios),
                    "of_sums": sum(figure(turn, other, "seconds") for turn in own)
                    / sum(figure(turn, "stream", "seconds") for turn in own),
                    "cpu_ratio": median(
                        figure(t, other, "cpu_s") / figure(t, "stream", "cpu_s") for t in own
                    ),
                    "target": target(workload, other),
                    "output_tokens": int(figure(own[0], "stream", "output_tokens")),
                    "cached_share": share(own[0], "stream"),
                    "other_cached": share(own[0], other),
                    "outside_steps": outside_steps(own, "stream"),
                    "other_outside": outside_steps(own, other),
                }
            )
    return found


def figure(turn: dict[str, object], way: str, name: str) -> float:
    """Take one figure of one pass."""
    passed = turn[way]
    if not isinstance(passed, dict):
        raise TypeError(passed)
    return float(passed[name])


def share(turn: dict[str, object], way: str) -> float:
    """Return which part of the input tokens the prefix cache served."""
    return figure(turn, way, "cached_tokens") / figure(turn, way, "input_tokens")


def outside_steps(turns: Sequence[dict[str, object]], way: str) -> float | None:
    """Return which part of a way's time passed outside the engine's steps; None where it was not noted."""
    if "step_s" not in cast("dict[str, float]", turns[0][way]):
        return None
    return median(1 - figure(turn, way, "step_s") / figure(turn, way, "seconds") for turn in turns)


def target(workload: str, other: str) -> float | None:
    """Return the least ratio that is asked for; a chunked loop only loses where answers vary in length."""
    return None if other == "chunked" and workload != "enrichment" else TARGETS[other]


def finding(name: str, turns: Sequence[dict[str, object]], ways: Sequence[str] = WAYS) -> Finding:
    """Describe what was measured for one kind of records; a choice of the ways has a file of its own."""
    chosen = "" if ways == WAYS else "".join(f"_{way}" for way in ways if way != "stream")
    settings = Settings()
    used = {
        "pairs": len(turns),
        "commit_records": settings.commit_records,
        "commit_seconds": settings.commit_seconds,
        "ledger": "SQLite, WAL, synchronous=FULL",
        "turns": turns,
    }
    title = f"The stream, with commits and ledger, against bare vLLM: {name}"
    return Finding(f"streaming_{name}{chosen}", title, rows(turns), used, NOTES)


def counted(name: str, turns: Iterable[dict[str, object]], pairs: int) -> list[dict[str, object]]:
    """Collect the turns, and say on standard error how many are done: one can take minutes."""
    done: list[dict[str, object]] = []
    print(f"streaming: {name}, {pairs} pairs", file=sys.stderr)
    for turn in turns:
        done.append(turn)
        print(f"streaming: {name}, {len(done)} of {pairs} pairs", file=sys.stderr)
    return done


def main() -> None:
    """Measure what is named (default: everything whose data are there) and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(NAMES)}; default: all")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--records", type=int, default=0, help="instead of the workload's usual number")
    parser.add_argument("--against", nargs="*", choices=WAYS[1:], default=WAYS[1:], help="default: all")
    options = parser.parse_args()
    if unknown := sorted(set(options.names) - set(NAMES)):
        parser.error(f"no records called {', '.join(unknown)}; there are: {', '.join(NAMES)}")
    for name in options.names or NAMES:
        if not available(name):
            print(f"streaming: {name} skipped, its data are not in ../shared/data")
        elif name == SHARED:
            publish(finding(name, counted(name, shared_prefixes(options.pairs), options.pairs)))
        else:
            ways = ("stream", *(way for way in WAYS if way in options.against))
            turns = results("bench.streaming_run", name, options.pairs, options.records, *ways, quiet=True)
            publish(finding(name, counted(name, turns, options.pairs), ways))


if __name__ == "__main__":
    main()
