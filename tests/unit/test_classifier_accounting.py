"""A classifier's time and cost go to its own lines, the local engine's to its own, and both sum to the machine's (I10)."""

from datetime import UTC, datetime
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from models.engines.classifier.request import ClassifierRequest
from models.gpu_time import GpuTime, MachineTime, TimeToCarry, gpu_cost_nano
from models.ids import new_id
from models.ledger.accounting import (
    Finished,
    GpuMeter,
    LineKeys,
    came_because,
    divide_lap,
    ledger_lines,
)
from models.requests import Choice, Completion, Message, Request, Usage
from tests.unit.test_accounting import PRICE, counter

RATE = 1_006_000_000
KINDS = ("classifier", "vllm", "reuse")
NS = st.integers(0, 10**11)


def keys() -> LineKeys:
    """Make the keys of a run with a classifier."""
    return LineKeys(new_id(), 1, 2, 3, RATE, 4, PRICE, requested="classifier", classifier_id=9)


def finished(
    kind: str,
    engine_ns: int = 7,
    outcome: Literal["ok", "escalated", "invalid_output"] = "ok",
    reason: str | None = None,
    came: str | None = None,
) -> Finished:
    """Make an attempt of an engine, or one that is reused."""
    id_, messages, output = new_id(), (Message("user", "abcd"),), Choice(("x",))
    request: Request = (
        ClassifierRequest(id_, str(id_), messages, output, 4, text="abcd")
        if kind == "classifier"
        else Request(id_, str(id_), messages, output, 4)
    )
    reuses = new_id() if kind == "reuse" else None
    completion = Completion(request, text="x", usage=Usage(10, 0, 0), engine_ns=engine_ns, reuses=reuses)
    return Finished(completion, datetime.now(UTC), outcome, reason, came=came)


@given(
    st.lists(st.tuples(st.sampled_from(KINDS), NS), min_size=1, max_size=12),
    st.builds(GpuTime, NS, NS, NS),
    st.builds(GpuTime, NS, NS),
    NS,
)
def test_each_engine_carries_its_own_time(
    items: list[tuple[str, int]], local: GpuTime, classifier: GpuTime, before: int
) -> None:
    """Lines of each engine sum to its part of the lap, to the nanosecond, and all of them to its cost, to the nano-dollar."""
    engines = {kind for kind, _ in items}
    time = MachineTime(
        local if "vllm" in engines else GpuTime(), classifier if "classifier" in engines else GpuTime()
    )
    meter = GpuMeter(RATE)
    meter.add(GpuTime(busy_ns=before))
    nano = meter.add(time.total)
    own, classified = divide_lap(time, nano)
    lines = ledger_lines([finished(*item) for item in items], *own, keys(), counter(), classified)
    for engine, part in (("vllm", time.local), ("classifier", time.classifier)):
        assert sum(line.gpu_ns or 0 for line in lines if line.engine == engine) == part.total_ns
    assert sum(line.cost_nano or 0 for line in lines) == nano
    assert meter.cost_nano == gpu_cost_nano(before + time.total.total_ns, RATE)
    for line in lines:  # what `ledger check` calls a silent zero
        assert line.cost_nano or gpu_cost_nano(line.gpu_ns or 0, RATE) <= 2


LAPS = st.builds(MachineTime, st.builds(GpuTime, NS, NS, NS), st.builds(GpuTime, NS, NS))


@given(st.lists(st.tuples(LAPS, st.booleans(), st.booleans())))
def test_no_time_is_lost_between_commits(commits: list[tuple[MachineTime, bool, bool]]) -> None:
    """What commits carry and what is left in the end is all of the time; nothing is carried by records of another engine."""
    time, carried = TimeToCarry(), MachineTime()
    for lap, local, classifier in commits:
        taken = time.take(lap, local=local, classifier=classifier)
        assert local or not taken.local.total_ns
        assert classifier or not taken.classifier.total_ns
        carried += taken
    left = time.take(MachineTime(), local=True, classifier=True)
    assert carried + left == sum((lap for lap, _, _ in commits), start=MachineTime())
    assert time.take(MachineTime(), local=True, classifier=True) == MachineTime()


def test_lines_name_their_model_and_route() -> None:
    """All were first sent to the classifier; a line of the local engine says why the record came, or why it went on."""
    unsure = finished("classifier", outcome="escalated", reason="low_confidence")
    items = [
        finished("classifier"),
        unsure,
        finished("vllm", came=came_because([unsure])),
        finished("vllm", outcome="escalated", reason="invalid_output", came="low_confidence"),
        finished("vllm", outcome="invalid_output", came="low_confidence"),
    ]
    lines = ledger_lines(items, 5, 5, keys(), counter())
    assert {line.requested for line in lines} == {"classifier"}
    assert [(line.engine, line.model_id, line.reason) for line in lines] == [
        ("classifier", 9, None),
        ("classifier", 9, "low_confidence"),
        ("vllm", 2, "low_confidence"),
        ("vllm", 2, "invalid_output"),
        ("vllm", 2, "low_confidence"),
    ]
    assert [line.counterfactual_nano == 0 for line in lines] == [False, True, False, True, True]


def test_nobody_came_from_where_no_classifier_was() -> None:
    """Attempts of the local engine before say nothing of why a record came."""
    assert came_because([finished("vllm", outcome="escalated", reason="complex")]) is None


@given(st.builds(GpuTime, NS, NS, NS), NS)
def test_idle_time_is_not_counted_twice(time: GpuTime, ns: int) -> None:
    """What a classifier took comes off the idle time alone, and never below nothing."""
    less = time.less_idle(ns)
    assert (less.load_ns, less.busy_ns) == (time.load_ns, time.busy_ns)
    assert less.idle_ns == max(time.idle_ns - ns, 0)
