"""How fast a model was in earlier runs, and what that says of a run to come.

The time that an engine is busy is taken to be so much for each input token that is not cached and so much for
each output token. An output token costs more: it is one of a few in its step, where input tokens go by the
thousand. How much more differs by machine and model, and earlier runs of one prompt, which all have
about the same mix, hardly tell. So the fit starts from `OUTPUT_WEIGHT` and leaves it as far as the runs
disagree with it.

A run that loaded the engine was slower than the next one: memory is touched and kernels are made for the first
time. So runs on an engine that was loaded before are looked at alone where they are enough, and what the
others took longer is the warm-up, which goes with a load.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import fsum
from statistics import median

from models.gpu_time import GpuTime

OUTPUT_WEIGHT = 5.0
"""Time of an output token over that of an uncached input token, before any run is looked at.

Measured with SmolLM2-135M on 2 CPU cores: 5 to 8 (bench/results/streaming_*.json)."""
PULL = 0.02
"""How much the start value weighs, in runs that disagree with it by their whole time."""
ENOUGH = 10
"""Runs on a warm engine are looked at alone if they have one in so many of all requests."""


@dataclass(frozen=True, slots=True)
class RunFigures:
    """What one earlier run came to: the local engine's requests and tokens, and its GPU time.

    `api_requests` and `api_output_tokens` are of its answers from the API; `estimated_requests` and
    `estimated_output_tokens` of its local answers as the API's tokenizer would count them. `records`: all that it did, also those
    that no engine was asked about.
    """

    requests: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    time: GpuTime
    api_requests: int = 0
    api_output_tokens: int = 0
    estimated_requests: int = 0
    estimated_output_tokens: int = 0
    records: int = 0


@dataclass(frozen=True, slots=True)
class Throughput:
    """Nanoseconds for an uncached input token and for an output token, and what goes with them.

    `cached_per_request`: input tokens of a request that the prefix cache holds. `idle_share`: time between
    the engine's steps over the time in them. `warm_up_ns`: what a run that loads the engine takes longer
    beside the load; 0 where it is in the other figures. `runs` is the number of runs that it stands on.
    """

    input_ns: float
    output_ns: float
    cached_per_request: float
    idle_share: float
    runs: int
    warm_up_ns: int = 0

    def time(self, requests: int, input_tokens: int, output_tokens: int) -> GpuTime:
        """Return the busy and idle time that so many requests with so many tokens would take."""
        uncached = max(0.0, input_tokens - requests * self.cached_per_request)
        busy = uncached * self.input_ns + output_tokens * self.output_ns
        return GpuTime(busy_ns=round(busy), idle_ns=round(busy * self.idle_share))


@dataclass(frozen=True, slots=True)
class ExpectedTime:
    """Engine time of some records without a load, and of one load with the warm-up after it, nanoseconds."""

    work_ns: int
    load_ns: int


def expect_time(runs: Sequence[RunFigures], loads: Sequence[int], records: int) -> ExpectedTime | None:
    """Return how long so many records take if they are like those of earlier runs, `loads` took so long; None where no run tells."""
    speed, known = fit_throughput(runs), sum(run.records for run in runs)
    if speed is None or not known:
        return None
    requests, inputs, outputs = (
        round(Fraction(records * sum(getattr(run, name) for run in runs), known))
        for name in ("requests", "input_tokens", "output_tokens")
    )
    load_ns = round(median(loads)) if loads else 0
    return ExpectedTime(speed.time(requests, inputs, outputs).total_ns, load_ns + speed.warm_up_ns)


@dataclass(frozen=True, slots=True)
class OutputLength:
    """Mean length of an answer: so many tokens over so many answers. `basis` says where they are from."""

    tokens: int
    answers: int
    basis: str

    def total(self, answers: int) -> int:
        """Return the tokens of so many answers, rounded half up."""
        return (2 * answers * self.tokens + self.answers) // (2 * self.answers)


def measure_output(runs: Sequence[RunFigures]) -> OutputLength | None:
    """Return the mean length of the local engine's answers; None where no run has one."""
    used = [run for run in runs if run.requests]
    if not used:
        return None
    return OutputLength(
        sum(run.output_tokens for run in used), sum(run.requests for run in used), _mean_of(used)
    )


def measure_api_output(runs: Sequence[RunFigures]) -> OutputLength | None:
    """Return the mean length of the API's answers, else of the local ones by the API's tokenizer; None: neither."""
    if used := [run for run in runs if run.api_requests]:
        tokens, answers = (
            sum(run.api_output_tokens for run in used),
            sum(run.api_requests for run in used),
        )
        return OutputLength(tokens, answers, f"{_mean_of(used)} on the API")
    if used := [run for run in runs if run.estimated_requests]:
        tokens = sum(run.estimated_output_tokens for run in used)
        return OutputLength(tokens, sum(run.estimated_requests for run in used), _mean_of(used))
    return None


def _mean_of(runs: Sequence[RunFigures]) -> str:
    return f"mean of {len(runs)} run{'s' * (len(runs) > 1)}"


def fit_throughput(runs: Sequence[RunFigures]) -> Throughput | None:
    """Fit the throughput to earlier runs; None where none of them kept the engine busy.

    Least squares of the relative error of each run's busy time, a long run counting more than a short one,
    drawn to the ratio of all times to all tokens with `PULL`.
    """
    used = [run for run in runs if run.requests and run.time.busy_ns and _weight(run)]
    if not used:
        return None
    warm = [run for run in used if not run.time.load_ns]
    if ENOUGH * sum(run.requests for run in warm) < sum(run.requests for run in used):
        return _fit(used)
    speed = _fit(warm)
    longer = [_measure_excess(run, speed) for run in used if run.time.load_ns]
    return replace(speed, warm_up_ns=round(median(longer)) if longer else 0)


def _measure_excess(run: RunFigures, speed: Throughput) -> int:
    """Return by how much a run took longer than it would have on a warm engine, nanoseconds."""
    uncached = run.input_tokens - run.cached_tokens
    return max(0, round(run.time.busy_ns - uncached * speed.input_ns - run.output_tokens * speed.output_ns))


def _fit(used: Sequence[RunFigures]) -> Throughput:
    busy = sum(run.time.busy_ns for run in used)
    base = busy / fsum(_weight(run) for run in used)
    inputs, outputs = _factors(used, base, busy / len(used))
    return Throughput(
        base * inputs,
        base * OUTPUT_WEIGHT * outputs,
        median(run.cached_tokens / run.requests for run in used),
        median(run.time.idle_ns / run.time.busy_ns for run in used),
        len(used),
    )


def _weight(run: RunFigures) -> float:
    return run.input_tokens - run.cached_tokens + OUTPUT_WEIGHT * run.output_tokens


def _factors(runs: Sequence[RunFigures], base: float, mean_busy: float) -> tuple[float, float]:
    """Return by how much the times of an input and of an output token differ from their start values."""
    rows = [
        (
            base * (run.input_tokens - run.cached_tokens) / run.time.busy_ns,
            base * OUTPUT_WEIGHT * run.output_tokens / run.time.busy_ns,
            run.time.busy_ns / mean_busy,
        )
        for run in runs
    ]
    xx = fsum(w * x * x for x, _, w in rows) + PULL
    yy = fsum(w * y * y for _, y, w in rows) + PULL
    xy = fsum(w * x * y for x, y, w in rows)
    xt = fsum(w * x for x, _, w in rows) + PULL
    yt = fsum(w * y for _, y, w in rows) + PULL
    scale = xx * yy - xy * xy  # positive: the pull stands on the diagonal
    inputs, outputs = (xt * yy - yt * xy) / scale, (yt * xx - xt * xy) / scale
    if inputs < 0:
        return 0.0, yt / yy
    if outputs < 0:
        return xt / xx, 0.0
    return inputs, outputs
