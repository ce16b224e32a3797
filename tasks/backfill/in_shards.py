"""How long quoted partitions take in shards and on one worker, and what either costs."""

from collections.abc import Sequence
from dataclasses import replace

from models.default_model import uses_server
from models.economics.quote import Quote
from models.economics.sharding import ShardChoice, ShardedWork, ShardPlan, choose_shards
from models.gpu_time import GpuTime
from models.settings.worker_number import ShardNumber
from tasks.documents.amounts import hours, plural, usd
from tasks.planning.checks import Checked
from tasks.planning.shards import why_whole


def sharded_work(
    checked: Checked,
    time: GpuTime | None,
    load_ns: int | None,
    requests: int,
    read_ns: int,
    *,
    paid_by_use: bool,
) -> ShardedWork | None:
    """Say what a quoted partition comes to as it could be cut; None where it cannot, or earlier runs do not tell how long it takes."""
    whole = why_whole(checked, refreshes=checked.request.refresh) is not None or uses_server(checked.settings)
    if whole or time is None or load_ns is None or not requests:
        return None
    rate = checked.machine.nano_usd_per_hour
    return ShardedWork(requests, time.total_ns, load_ns, read_ns, rate, paid_by_use)


NOBODY_ELSE = "no other worker is online to take part"


def describe_shards(
    quote: Quote, asked: ShardNumber | None, workers: int, alone: str = NOBODY_ELSE
) -> str | None:
    """Say in a line what shards come to on so many workers, which way is faster and which is cheaper, and what will be done.

    `asked` as in the settings: None, they are not cut. The partitions follow each other, under one load of this process's engine.
    `alone`: why there is one worker. None where there is nothing to say: nobody asked and nobody else is there, or nothing of it is ever cut.
    """
    is_set = asked not in (None, 1)
    if not is_set and workers == 1:
        return None
    works = [one.sharded for one in quote.partitions if one.sharded is not None]
    if not works:
        unknown = any(one.requests.value and one.time is None for one in quote.partitions)
        return "in shards: unknown, no run here so far" if unknown and is_set else None
    works = [replace(one, is_loaded=place > 0) for place, one in enumerate(works)]
    choices = [choose_shards(one, workers) for one in works]
    cut = _plans(choices, asked, workers)
    whole = f"one worker: {_together(choices, [one.whole for one in choices])}"
    if all(plan.shards == 1 for plan in cut):
        why = alone if workers == 1 else "too small to be cut into shards"
        return f"{whole}; not cut: {why}"
    return f"{_compare(choices, cut)}; {_what_is_done(choices, cut, asked)}"


def _plans(choices: Sequence[ShardChoice], asked: ShardNumber | None, workers: int) -> list[ShardPlan]:
    """Return how the partitions would be cut: as is set, else as is best; also where that is clearly better for none of them."""
    if isinstance(asked, int) and asked > 1:
        works = [(one.work, min(asked, one.work.records)) for one in choices]
        return [work.in_shards(number, min(number, workers)) for work, number in works]
    if any(one.takes_cut for one in choices):
        return [one.plan for one in choices]
    return [one.cut or one.whole for one in choices]


def _compare(choices: Sequence[ShardChoice], cut: Sequence[ShardPlan]) -> str:
    whole = [one.whole for one in choices]
    many = plural(max(plan.workers for plan in cut), "worker")
    times = [sum(plan.elapsed_ns for plan in plans) for plans in (cut, whole)]
    costs = [_cost(choices, plans) for plans in (cut, whole)]
    many = "one worker in shards" if many == "1 worker" else many
    faster = "neither" if times[0] == times[1] else many if times[0] < times[1] else "one worker"
    cheaper = "neither" if usd(costs[0]) == usd(costs[1]) else many if costs[0] < costs[1] else "one worker"
    return (
        f"{many}: {_together(choices, cut)}; one worker: {_together(choices, whole)}; faster: {faster}, "
        f"cheaper: {cheaper}"
    )


def _together(choices: Sequence[ShardChoice], plans: Sequence[ShardPlan]) -> str:
    return f"{hours(sum(plan.elapsed_ns for plan in plans))}, {usd(_cost(choices, plans))}"


def _cost(choices: Sequence[ShardChoice], plans: Sequence[ShardPlan]) -> int:
    return sum(choice.cost_nano(plan) for choice, plan in zip(choices, plans, strict=True))


def _what_is_done(choices: Sequence[ShardChoice], cut: Sequence[ShardPlan], asked: ShardNumber | None) -> str:
    if isinstance(asked, int) and asked > 1:
        return f"cut into {max(plan.shards for plan in cut)} shards, as asked"
    taken = [choice.plan for choice in choices if choice.takes_cut]
    which = f"{len(taken)} of {plural(len(choices), 'partition')}" if len(choices) > 1 else "it"
    into = f" into {taken[0].shards} shards" if len(choices) == 1 and taken else ""
    if asked == "auto":
        return f"auto cuts {which}{into}" if taken else "auto cuts nothing: that is not clearly faster"
    return f"not cut; --shards auto would cut {which}{into}" if taken else "not cut"
