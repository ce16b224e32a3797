"""The product beside other ways to answer the same records: `python -m bench.peers`.

`vllm run-batch`, `ray.data.llm` and a plain script get the same messages, model, sampling and grammar, each in a fresh
process and in an environment of its own with the same version of vLLM; the product reads, accounts and publishes besides.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from bench.peer_environments import python_of
from bench.peer_job import KINDS, Job
from bench.peer_run import Place, Timed, run
from bench.peer_ways import PEERS, PREFECT, PRODUCT, Answers
from bench.prefect_server import prefect_server
from bench.report import Finding, Row, publish
from bench.texts import write_messages
from models.default_model import MODEL_NAME
from models.settings import Settings

USUAL = tuple(name for name in PEERS if name != PREFECT)
NOTES = [
    "start_s: until the engine gets its first request; records_s: from then until its last answer; rest_s: until the process has ended.",
    "Each run is a process of its own; the peers take turns. caches: empty in the first turn, then what the turn before left.",
    "product_to_this: seconds of the product / seconds of this peer, whole runs; below 1 the product is faster.",
    "tokens_per_s: output tokens. cpu_s: of the processes that were waited for, so not of those of Ray.",
    "agree: the share of the product's answers that this peer gave as well.",
    "The product also reads the records, computes label probabilities, writes ledger lines and publishes a Parquet file.",
]


def measure(options: argparse.Namespace, folder: Path) -> Finding:
    """Run every peer `repeats` times, in turns, and compare them."""
    records = folder / "records.parquet"
    if options.input is None:
        write_messages(records, options.records)
    else:
        shutil.copyfile(options.input, records)
    job = Job.make(options.kind, records, options.model, own=options.arguments == "own")
    found: dict[tuple[str, str], list[Timed]] = {}
    failed: dict[tuple[str, str], str] = {}
    with ExitStack() as stack:
        further: Mapping[str, str] = {}
        if PREFECT in options.peers:
            further = stack.enter_context(prefect_server("ours"))
        for turn in range(options.repeats):
            caches = "warm" if turn else "empty"
            for name in _turned(options.peers, turn):
                place = Place(
                    folder / f"{name}-{turn}",
                    folder / f"{name}-caches",
                    Settings().cache_dir.resolve(),
                    options.limit,
                    further if name == PREFECT else {},
                )
                try:
                    timed = once(name, job, place)
                except (RuntimeError, OSError) as error:
                    failed[name, caches] = str(error)
                    say(f"{name}, caches {caches}: {error}")
                    continue
                found.setdefault((name, caches), []).append(timed)
                say(f"{name}, caches {caches}: {timed.total_s:.1f} s")
    return finding(options, job, rows(found, failed))


def once(name: str, job: Job, place: Place) -> Timed:
    """Run one peer once. Raises `RuntimeError` with the reason where it fails."""
    peer = PEERS[name]
    python = python_of(peer.environment, place.product_cache) if peer.environment else Path(sys.executable)
    return run(peer, python, job, place)


def _turned(names: Sequence[str], turn: int) -> list[str]:
    first = turn % len(names)
    return [*names[first:], *names[:first]]


def rows(
    found: Mapping[tuple[str, str], Sequence[Timed]], failed: Mapping[tuple[str, str], str]
) -> list[Row]:
    """Make a row of each peer and state of its caches; one that failed has its reason in the place of figures."""
    table: list[Row] = []
    for name, caches in sorted(
        found.keys() | failed.keys(), key=lambda one: (one[1], list(PEERS).index(one[0]))
    ):
        times = found.get((name, caches), ())
        product = found.get((PRODUCT, caches), ())
        row: dict[str, object] = {"peer": PEERS[name].title, "caches": caches}
        if times:
            row |= _figures(times) | _beside(times, product)
        if (name, caches) in failed:
            row["failed"] = failed[name, caches]
        table.append(row)
    return table


def _figures(times: Sequence[Timed]) -> dict[str, object]:
    records_s = median(one.records_s for one in times)
    return {
        "runs": len(times),
        "total_s": median(one.total_s for one in times),
        "start_s": median(one.startup_s for one in times),
        "first_answer_s": median(one.first_answer_s for one in times),
        "records_s": records_s,
        "rest_s": median(one.rest_s for one in times),
        "cpu_s": median(one.cpu_s for one in times),
        "records_per_s": len(times[0].answers) / records_s,
        "tokens_per_s": times[0].output_tokens / records_s,
    }


def _beside(times: Sequence[Timed], product: Sequence[Timed]) -> dict[str, object]:
    if not product:
        return {}
    ratio = median(one.total_s for one in product) / median(one.total_s for one in times)
    return {"product_to_this": ratio, "agree": agreement(product[0].answers, times[0].answers)}


def agreement(ours: Answers, theirs: Answers) -> float:
    """Return the share of our answers that the other gave as well, white space around them left out."""
    same = sum(answer.strip() == theirs.get(key, "").strip() for key, answer in ours.items())
    return same / len(ours) if ours else 0.0


def finding(options: argparse.Namespace, job: Job, table: Sequence[Row]) -> Finding:
    """Describe what was measured."""
    used = {
        "records": len(job.keys),
        "kind": job.kind,
        "model": job.model or MODEL_NAME,
        "repeats": options.repeats,
        "vllm arguments of the peers": options.arguments,
        "arguments": {name: value for name, value in job.arguments.items() if name != "model"},
    }
    title = f"Side by side: {len(job.keys)} records, {job.kind}, {job.model or MODEL_NAME}, peers with {options.arguments} arguments"
    return Finding(f"peers_{job.kind}_{options.arguments}", title, table, used, NOTES)


def say(line: str) -> None:
    """Say on standard error what was done: a run takes a minute."""
    print(f"peers: {line}", file=sys.stderr, flush=True)


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=200, help="made-up messages")
    parser.add_argument("--input", type=Path, help="a Parquet file with id and text, in their place")
    parser.add_argument("--kind", choices=list(KINDS), default="label")
    parser.add_argument("--model", help="a Hugging Face id or a folder; default: the product's default model")
    parser.add_argument("--peers", nargs="+", choices=list(PEERS), default=list(USUAL))
    parser.add_argument("--repeats", type=int, default=2, help="turns; the first has empty caches")
    parser.add_argument(
        "--arguments",
        choices=["ours", "own"],
        default="ours",
        help="of vLLM in the peers: those that the product found, or vLLM's own but number format and cache size",
    )
    parser.add_argument("--limit", type=float, default=1800, help="seconds that one run may take")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="breakeven-bench-", ignore_cleanup_errors=True) as folder:
        publish(measure(options, Path(folder)))


if __name__ == "__main__":
    main()
