"""n-gram speculation, off and on in turns on two loaded engines of one process: whether it pays, and whether answers stay the same.

`python -m bench.speculation [PAIRS [RECORDS [NAME…]]]` (RECORDS 0: as many as the cases below say) asks the same records by each engine, a pair of passes at a time, the order turned
round each time, the prefix cache emptied before each. It prints seconds, processor seconds and their ratios by kind of
answer, and how many answers, usages and confidences are the same.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import isclose
from pathlib import Path

import polars as pl

from bench.passes import cpu_seconds, forget_prefixes, inner
from bench.report import Finding, publish
from bench.samples import KINDS, sample
from models import workloads
from models.engines.vllm.engine import VllmEngine
from models.ids import new_id
from models.requests import Completion, Request
from models.settings import Settings
from tasks.runtime.shared_engine import load_vllm

NGRAM = {
    "method": "ngram",
    "num_speculative_tokens": 4,
    "prompt_lookup_max": 4,
    "prompt_lookup_min": 2,
}
SMALL = {"max_model_len": 2048, "max_num_seqs": 8, "cpu_kv_cache_gib": 1}
CLOSE = 1e-3
"""Confidences that differ by less are the same: sums of floats in another order."""


@dataclass(frozen=True, slots=True)
class Case:
    """A workload, the data set that its records come from, and how many make a pass."""

    workload: str
    data: str
    records: int


CASES = (
    Case("sentiment", "sentiment", 64),
    Case("rewriting", "enrichment", 6),
    Case("enrichment", "enrichment", 6),
    Case("summarization", "enrichment", 6),
)


@dataclass(frozen=True, slots=True)
class Found:
    """One pair of passes."""

    workload: str
    seconds_off: float
    seconds_on: float
    cpu_off: float
    cpu_on: float
    output_tokens: int
    answers: int
    same_answers: int
    same_usage: int
    close_confidences: int
    furthest_confidence: float


def requests_for(case: Case, folder: Path) -> list[tuple[str, str]]:
    """Return key and text of the records of a case."""
    chosen = sample(case.data, folder, case.records)
    columns = KINDS[case.data].text_columns
    rows = pl.read_parquet(chosen.source).iter_rows(named=True)
    return [(row["id"], "\n".join(str(row[name]) for name in columns)) for row in rows]


def ask(
    engine: VllmEngine, case: Case, texts: Sequence[tuple[str, str]]
) -> tuple[float, float, dict[str, Completion]]:
    """Make one pass; return its seconds, its processor seconds and the completions by record."""
    workload = workloads.build(case.workload, Settings())
    requests = [
        Request(new_id(), key, workload.messages(text), workload.output_format, workload.max_tokens)
        for key, text in texts
    ]
    forget_prefixes(inner(engine))
    start, cpu = time.perf_counter(), cpu_seconds()
    done = {one.request.record_key: one for one in engine.stream(iter(requests))}
    return time.perf_counter() - start, cpu_seconds() - cpu, done


def compare(
    case: Case, texts: Sequence[tuple[str, str]], off: VllmEngine, on: VllmEngine, *, turned: bool
) -> Found:
    """Make a pair of passes, `on` first where it is turned round."""
    if turned:
        second, first = ask(on, case, texts), ask(off, case, texts)
    else:
        first, second = ask(off, case, texts), ask(on, case, texts)
    plain, drafted = first[2], second[2]
    distance = [abs((plain[key].confidence or 0) - (drafted[key].confidence or 0)) for key in plain]
    return Found(
        case.workload,
        first[0],
        second[0],
        first[1],
        second[1],
        sum(one.usage.output_tokens for one in plain.values() if one.usage),
        len(plain),
        sum(plain[key].text == drafted[key].text for key in plain),
        sum(_tokens(plain[key]) == _tokens(drafted[key]) for key in plain),
        sum(isclose(one, 0, abs_tol=CLOSE) for one in distance),
        max(distance),
    )


def _tokens(completion: Completion) -> tuple[int, int] | None:
    usage = completion.usage
    return None if usage is None else (usage.input_tokens, usage.output_tokens)


def summary(found: Sequence[Found]) -> dict[str, object]:
    """Sum up the pairs of one workload: medians of the ratios, off by on."""
    return {
        "workload": found[0].workload,
        "pairs": len(found),
        "output_tokens": found[0].output_tokens,
        "seconds_off": round(statistics.median(one.seconds_off for one in found), 2),
        "seconds_on": round(statistics.median(one.seconds_on for one in found), 2),
        "off/on": round(statistics.median(one.seconds_off / one.seconds_on for one in found), 3),
        "off/on_cpu": round(statistics.median(one.cpu_off / one.cpu_on for one in found), 3),
        "same_answers": f"{found[-1].same_answers} of {found[-1].answers}",
        "same_usage": f"{found[-1].same_usage} of {found[-1].answers}",
        "close_confidences": f"{found[-1].close_confidences} of {found[-1].answers}",
        "furthest_confidence": max(one.furthest_confidence for one in found),
    }


def main() -> None:
    """Load two engines, ask them in turns, print and keep the figures."""
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    records = int(sys.argv[2]) if len(sys.argv) > 2 else 0  # noqa: PLR2004
    names = sys.argv[3:] or [case.workload for case in CASES]
    off, on = load({}), load({"engine": {"speculative_config": NGRAM}})
    rows = []
    with tempfile.TemporaryDirectory(prefix="breakeven-bench-") as folder:
        for case in CASES:
            if case.workload in names:
                texts = requests_for(replace(case, records=records or case.records), Path(folder))
                for engine in (off, on):
                    ask(engine, case, texts[:2])  # the grammar is compiled, threads are started
                rows.append(measure(case, texts, off, on, pairs))
    publish(
        Finding(
            "speculation",
            "n-gram speculation, off and on in turns",
            rows,
            {**SMALL, "speculative_config": NGRAM},
            ["off/on: medians over the pairs; above 1, speculation is faster"],
        )
    )


def load(more: dict[str, object]) -> VllmEngine:
    """Load the default model."""
    engine = load_vllm(Settings.model_validate(SMALL | more))
    if not isinstance(engine, VllmEngine):
        msg = "another engine was loaded"
        raise TypeError(msg)
    return engine


def measure(
    case: Case, texts: Sequence[tuple[str, str]], off: VllmEngine, on: VllmEngine, pairs: int
) -> dict[str, object]:
    """Make the pairs of one workload and sum them up."""
    found = []
    for pair in range(pairs):
        found.append(compare(case, texts, off, on, turned=pair % 2 == 1))
        print(asdict(found[-1]), flush=True)
    return summary(found)


if __name__ == "__main__":
    main()
