"""When a partition is cut: clearly faster, never for one worker, no shard smaller than it is worth; what it costs more is said."""

import logging
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.economics.sharding import CLEARLY, ROUNDS, WORTH, ShardedWork, choose_shards
from models.gpu_time import NS_PER_HOUR, NS_PER_SECOND
from models.settings.worker_number import check_shards
from models.settings.workload import WorkloadSettings
from models.shards import MOST_SHARDS
from tasks.display.decisions import show_decisions

MINUTE = 60 * NS_PER_SECOND
HOURLY = 3_000_000_000
WORKS = st.builds(
    ShardedWork,
    st.integers(0, 10**6),
    st.floats(0, 20 * NS_PER_HOUR).map(round),  # spread over the whole range, where integers are mostly small
    st.integers(0, 10 * MINUTE),
    st.integers(0, 10 * MINUTE),
    st.just(HOURLY),
    st.booleans(),
    st.booleans(),
)
DAY = ShardedWork(100_000, 40 * MINUTE, MINUTE, 2 * NS_PER_SECOND, HOURLY)


@given(WORKS, st.integers(1, 40))
def test_what_is_chosen_is_worth_it(work: ShardedWork, workers: int) -> None:
    """A cut saves a clear part of the time, asks for no more workers than there are, and no shard is too small."""
    choice = choose_shards(work, workers)
    plan = choice.plan
    if workers == 1:
        assert choice.cut is None
    if not choice.takes_cut:
        assert plan.shards == plan.workers == 1
        return
    assert plan.elapsed_ns <= CLEARLY * choice.whole.elapsed_ns
    assert 2 <= plan.workers <= workers
    assert plan.workers <= plan.shards <= min(MOST_SHARDS, work.records, max(ROUNDS) * workers)
    assert work.work_ns >= plan.shards * WORTH * work.beside_ns
    assert plan.shards <= workers or plan.shards % workers == 0


@given(WORKS, st.integers(1, 60), st.integers(1, 20))
def test_a_plan_does_all_the_work(work: ShardedWork, shards: int, workers: int) -> None:
    """Nobody is faster than all together can be, or slower than one; what machines are held for has all work, loads and readings in it."""
    plan, alone = work.in_shards(shards, workers), work.in_shards(shards, 1)
    assert plan.elapsed_ns <= alone.elapsed_ns
    assert plan.elapsed_ns * plan.workers >= plan.machine_ns
    loads = work.load_ns * (plan.workers - work.is_loaded)
    beside = shards * work.beside_ns if shards > 1 else 0
    assert plan.machine_ns >= work.work_ns // shards * shards + beside + loads


@given(WORKS, st.integers(2, 40))
def test_more_workers_cost_more_where_they_are_paid_by_use(work: ShardedWork, workers: int) -> None:
    """Each loads the model; a machine that is paid anyway costs nothing more."""
    choice = choose_shards(work, workers)
    if choice.cut is None:
        return
    more = choice.cost_nano(choice.cut) - choice.cost_nano(choice.whole)
    assert more >= 0 if work.paid_by_use else more == 0


@pytest.mark.parametrize(
    ("work", "workers", "shards", "used"),
    [
        (DAY, 4, 16, 4),  # a long day: four for each worker
        (DAY, 1, 1, 1),
        (replace(DAY, work_ns=7 * MINUTE), 4, 12, 4),  # shards of half a minute and more
        (replace(DAY, work_ns=2 * MINUTE), 8, 3, 3),
        (replace(DAY, work_ns=MINUTE), 8, 1, 1),  # others would have loaded when it is nearly done
        (replace(DAY, work_ns=10 * MINUTE), 40, 15, 15),  # more would only load
        (replace(DAY, read_ns=10 * MINUTE), 4, 1, 1),  # each shard reads too long
        (replace(DAY, records=3), 4, 3, 3),
        (replace(DAY, load_ns=0, work_ns=0), 4, 1, 1),
    ],
)
def test_days_of_different_sizes(work: ShardedWork, workers: int, shards: int, used: int) -> None:
    """A long one is cut for all workers, a middling one for some, a short one not."""
    plan = choose_shards(work, workers).plan
    assert (plan.shards, plan.workers) == (shards, used)


def test_a_known_day() -> None:
    """Four workers and one: a load of a minute each, sixteen shards of two and a half minutes, of which this process takes four."""
    choice = choose_shards(DAY, 4)
    each = 150 * NS_PER_SECOND + 3 * NS_PER_SECOND
    assert choice.whole.elapsed_ns == MINUTE + 40 * MINUTE
    assert choice.plan.elapsed_ns == 15 * NS_PER_SECOND + MINUTE + 4 * each
    assert (
        choice.plan.machine_ns == 4 * MINUTE + 16 * each + 15 * NS_PER_SECOND
    )  # this process waits for the others
    assert choice.cost_nano(choice.whole) < choice.cost_nano(choice.plan)


@pytest.mark.parametrize(("given", "read"), [("auto", "auto"), (8, 8), ("8", 8), (None, None), (1000, 1000)])
def test_a_number_of_shards_or_auto(given: object, read: object) -> None:
    """As a file and as the environment give it."""
    assert WorkloadSettings.model_validate({"shards": given}).shards == read


@pytest.mark.parametrize("given", [0, -1, 1001, "some", "1001", True, 2.0])
def test_what_is_no_number_of_shards(given: object) -> None:
    """It is refused, in the settings and on the command line."""
    for refuse in (
        lambda: WorkloadSettings.model_validate({"shards": given}),
        lambda: check_shards(int, given),
    ):
        with pytest.raises(ValueError, match="auto, or a whole number from 1 to 1000"):
            refuse()


def test_decisions_are_shown_while_a_run_is_at_work(capsys: pytest.CaptureFixture[str]) -> None:
    """In a line on standard error; afterwards they are logged as before."""
    log = logging.getLogger("tasks.planning.shards")
    before = (log.level, log.propagate, list(log.handlers))
    with show_decisions():
        log.info("cut into %s shards", 3)
    assert capsys.readouterr().err == "cut into 3 shards\n"
    assert (log.level, log.propagate, list(log.handlers)) == before
