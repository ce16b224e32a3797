"""The rollup worked out line by line: a second program of it, which shares nothing with the first."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

WAY = (
    *("run_id", "day", "prompt_id", "model_id", "requested", "engine", "reason", "outcome", "batched"),
    *("price_id", "infrastructure_id", "counterfactual_price_id"),
)
PLAIN = (
    *("input_tokens", "cached_tokens", "output_tokens", "estimated", "gpu_ns", "cost_nano"),
    *("reasoning_tokens", "cache_write_tokens"),
    *("counterfactual_input_tokens", "counterfactual_output_tokens", "counterfactual_nano"),
)
USAGE = (
    *("attempts", "records", "late_records", "engine_records", *PLAIN, "known_tokens", "upper_bound_nano"),
    *("unknown_cost", "counterfactual_cached_tokens", "unknown_counterfactual"),
    "counterfactual_cache_write_tokens",
)


def recomputed(lines: Sequence[Row[Any]]) -> dict[tuple[object, ...], Counter[str]]:
    """Sum lines by the way they went, one by one: another program of the rollup."""
    found: dict[tuple[object, ...], Counter[str]] = {}
    records: set[tuple[object, ...]] = set()
    on_engines: set[tuple[object, ...]] = set()
    for line in sorted(lines, key=lambda line: line.attempt):
        values = {**line._mapping, "day": line.at.date(), "batched": line.batch_id is not None}
        values["reason"] = line.reason or ""
        sums = found.setdefault(tuple(values[name] for name in WAY), Counter(dict.fromkeys(USAGE, 0)))
        record = (line.run_id, line.record_key)
        sums["attempts"] += 1
        sums["records"] += record not in records
        sums["late_records"] += record not in records and line.attempt != 1
        sums["engine_records"] += (*record, line.engine) not in on_engines
        records.add(record)
        on_engines.add((*record, line.engine))
        for name in PLAIN:
            sums[name] += values[name] or 0
        sums["known_tokens"] += line.input_tokens is not None
        sums["unknown_cost"] += line.cost_nano is None
        sums["unknown_counterfactual"] += line.counterfactual_nano is None
        if line.price_id is not None and line.input_tokens is None:
            sums["upper_bound_nano"] += line.cost_nano or 0
        if (line.counterfactual_input_tokens or 0) > 0:
            for name in ("cached_tokens", "cache_write_tokens"):
                own = values[name] if line.engine == "openai" else None
                instead = values[f"counterfactual_{name}"]
                sums[f"counterfactual_{name}"] += (own if instead is None else instead) or 0
    return found
