"""From earlier runs to the time of the next: one run tells its own rate, several tell what a token takes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.economics.throughput import (
    OUTPUT_WEIGHT,
    OutputLength,
    RunFigures,
    fit_throughput,
    measure_api_output,
    measure_output,
)
from models.gpu_time import GpuTime


def run(
    uncached: int, output: int, busy_ns: int, idle_ns: int = 0, requests: int = 10, load_ns: int = 0
) -> RunFigures:
    """Build a run whose requests each have 200 cached tokens."""
    cached = 200 * requests
    return RunFigures(requests, cached + uncached, cached, output, GpuTime(load_ns, busy_ns, idle_ns))


RUNS = st.builds(
    run, st.integers(1, 10**6), st.integers(0, 10**5), st.integers(1, 10**12), requests=st.integers(1, 10**4)
)


@given(RUNS)
def test_one_run_foretells_itself(one: RunFigures) -> None:
    """Asked for the very run that it stands on, the throughput gives its busy time."""
    speed = fit_throughput([one])
    assert speed is not None
    again = speed.time(one.requests, one.input_tokens, one.output_tokens)
    assert again.busy_ns == pytest.approx(one.time.busy_ns, rel=1e-9, abs=1)


@given(st.lists(RUNS, min_size=1, max_size=8), st.integers(1, 1000))
def test_times_are_in_proportion(runs: list[RunFigures], times: int) -> None:
    """Rates are never negative, and `times` as much of everything takes `times` as long."""
    speed = fit_throughput(runs)
    assert speed is not None
    assert speed.input_ns >= 0
    assert speed.output_ns >= 0
    one, many = speed.time(100, 10**6, 10**4), speed.time(100 * times, times * 10**6, times * 10**4)
    assert many.busy_ns == pytest.approx(times * one.busy_ns, rel=1e-6, abs=times)


@pytest.mark.parametrize("weight", [1, 3, 8, 20])
def test_runs_of_different_mixes_tell_the_rates(weight: int) -> None:
    """With runs that differ in their mix, what an output token takes is found, whatever the start value says."""
    mixes = [(10_000, 100), (10_000, 5_000), (1_000, 4_000), (50_000, 20), (3_000, 3_000)]
    runs = [run(uncached, output, 1000 * (uncached + weight * output)) for uncached, output in mixes]
    speed = fit_throughput(runs)
    assert speed is not None
    assert speed.input_ns == pytest.approx(1000, rel=0.1)
    assert speed.output_ns == pytest.approx(1000 * weight, rel=0.1)


def test_runs_of_one_mix_keep_the_start_value() -> None:
    """Runs of one prompt, all of the same mix, cannot tell input from output: the ratio stays as assumed."""
    runs = [run(10_000, 500, busy) for busy in (10**9, 11 * 10**8, 9 * 10**8)]
    speed = fit_throughput(runs)
    assert speed is not None
    assert speed.output_ns / speed.input_ns == pytest.approx(OUTPUT_WEIGHT, rel=0.1)
    assert speed.time(10, 12_000, 500).busy_ns == pytest.approx(10**9, rel=0.02)


def test_noise_in_one_mix_is_not_taken_for_rates() -> None:
    """Runs whose mixes differ by a hair and whose times by a tenth do not turn one of the rates upside down."""
    speed = fit_throughput([run(10_000, 500, 10**9), run(10_000, 510, 11 * 10**8), run(10_000, 490, 10**9)])
    assert speed is not None
    assert 0.5 * OUTPUT_WEIGHT < speed.output_ns / speed.input_ns < 2 * OUTPUT_WEIGHT


def test_cached_tokens_and_idle_time() -> None:
    """Tokens in the prefix cache take no time, never less than none; idle time goes with busy time."""
    speed = fit_throughput([run(1_000, 0, 10**9, 2 * 10**8), run(1_000, 0, 10**9, 4 * 10**8)])
    assert speed is not None
    assert speed.cached_per_request == 200
    assert speed.time(10, 2_000, 0) == GpuTime()
    assert speed.time(10, 1_000, 0) == GpuTime()
    assert speed.time(10, 3_000, 0) == GpuTime(0, 10**9, 3 * 10**8)


def test_a_run_that_loaded_tells_of_the_warm_up() -> None:
    """With runs on a warm engine the rates are theirs, and what the run that loaded took longer is the warm-up."""
    cold = run(1_000, 0, 15 * 10**8, load_ns=30 * 10**9)
    speed = fit_throughput([run(1_000, 0, 10**9), run(2_000, 0, 2 * 10**9), cold])
    assert speed is not None
    assert speed.time(10, 3_000, 0).busy_ns == pytest.approx(10**9, rel=1e-6)
    assert speed.runs == 2
    assert speed.warm_up_ns == pytest.approx(5 * 10**8, rel=1e-6)
    faster = fit_throughput([run(1_000, 0, 10**9), replace(cold, time=GpuTime(1, 10**8, 0))])
    assert faster is not None
    assert faster.warm_up_ns == 0


def test_runs_that_loaded_count_where_there_are_few_others() -> None:
    """If every run loaded the engine, or the others are too small to tell, those that loaded set the rates."""
    cold = run(1_000, 0, 15 * 10**8, load_ns=1, requests=100)
    for others in ([], [run(10, 0, 10**7, requests=9)]):
        speed = fit_throughput([*others, cold])
        assert speed is not None
        assert (speed.runs, speed.warm_up_ns) == (1 + len(others), 0)
    enough = fit_throughput([run(1_000, 0, 10**9, requests=12), cold])
    assert enough is not None
    assert enough.runs == 1


def test_without_a_busy_run_nothing_is_known() -> None:
    """No runs, and runs that were all reuse or all API, tell nothing: unknown, not zero."""
    for runs in ([], [replace(run(1, 1, 1), requests=0)], [run(1, 1, 0)], [run(0, 0, 10**9)]):
        assert fit_throughput(runs) is None
    assert measure_output([]) is None
    assert measure_api_output([run(1, 0, 1)]) is None


def test_output_lengths() -> None:
    """Means are over answers, not over runs; what the API itself answered counts before estimates."""
    runs = [
        RunFigures(10, 0, 0, 30, GpuTime(), estimated_requests=9, estimated_output_tokens=18),
        RunFigures(30, 0, 0, 50, GpuTime(), estimated_requests=1, estimated_output_tokens=7),
    ]
    assert measure_output(runs) == OutputLength(80, 40, "mean of 2 runs")
    assert measure_api_output(runs) == OutputLength(25, 10, "mean of 2 runs")
    runs.append(RunFigures(0, 0, 0, 0, GpuTime(), api_requests=4, api_output_tokens=26))
    assert measure_output(runs) == OutputLength(80, 40, "mean of 2 runs")
    assert measure_api_output(runs) == OutputLength(26, 4, "mean of 1 run on the API")


@given(st.integers(0, 10**6), st.integers(1, 10**4), st.integers(0, 10**6))
def test_a_length_in_total(tokens: int, answers: int, wanted: int) -> None:
    """The total is the mean times the answers, to half a token, and exact for the answers it stands on."""
    length = OutputLength(tokens, answers, "")
    assert abs(length.total(wanted) * answers - wanted * tokens) * 2 <= answers
    assert length.total(answers) == tokens
