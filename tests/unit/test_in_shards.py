"""What is said of quoted partitions in shards: which way is faster, which is cheaper, and what will be done (docs/shards.md)."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from models.backfill import Range
from models.economics.quote import Estimate, Quote, empty_quote
from models.economics.sharding import ShardedWork
from models.gpu_time import NS_PER_SECOND
from models.settings import Settings
from models.settings.worker_number import ShardNumber
from tasks.backfill.in_shards import describe_shards
from tasks.backfill.request import BackfillRequest

FIRST = date(2026, 11, 1)
MINUTE = 60 * NS_PER_SECOND
DAY = ShardedWork(100_000, 40 * MINUTE, MINUTE, 2 * NS_PER_SECOND, 3_000_000_000)
SHORT = replace(DAY, work_ns=MINUTE)


def quote(*works: ShardedWork | None) -> Quote:
    """Quote a day for each; None: one that is not cut."""
    days = [
        replace(empty_quote(FIRST + timedelta(days=place)), sharded=work) for place, work in enumerate(works)
    ]
    return Quote.of(days)


BOTH = "4 workers: 11.5 min, $2.25; one worker: 41 min, $2.05; faster: 4 workers, cheaper: one worker"
OWNED = "4 workers: 11.5 min, $2.05; one worker: 41 min, $2.05; faster: 4 workers, cheaper: neither"
TWO_DAYS = "4 workers: 12.5 min, $2.30; one worker: 42 min, $2.10; faster: 4 workers, cheaper: one worker"
SHORT_ONE = "2 workers: 1.8 min, $0.17; one worker: 2 min, $0.10; faster: 2 workers, cheaper: one worker"
ALONE = "one worker in shards: 41.8 min, $2.09; one worker: 41 min, $2.05; faster: one worker, cheaper: one worker"


@pytest.mark.parametrize(
    ("quoted", "asked", "workers", "said"),
    [
        (quote(DAY), "auto", 4, f"{BOTH}; auto cuts it into 16 shards"),
        (quote(DAY), None, 4, f"{BOTH}; not cut; --shards auto would cut it into 16 shards"),
        (quote(DAY), 1, 4, f"{BOTH}; not cut; --shards auto would cut it into 16 shards"),
        (quote(DAY), 16, 4, f"{BOTH}; cut into 16 shards, as asked"),
        (quote(DAY), 16, 1, f"{ALONE}; cut into 16 shards, as asked"),
        (quote(replace(DAY, paid_by_use=False)), "auto", 4, f"{OWNED}; auto cuts it into 16 shards"),
        (quote(SHORT), "auto", 4, f"{SHORT_ONE}; auto cuts nothing: that is not clearly faster"),
        (quote(SHORT), None, 4, f"{SHORT_ONE}; not cut"),
        (quote(DAY, None, SHORT), "auto", 4, f"{TWO_DAYS}; auto cuts 1 of 2 partitions"),
        (quote(DAY), "auto", 1, "one worker: 41 min, $2.05; not cut: no other worker is online to take part"),
        (
            quote(replace(DAY, work_ns=0)),
            "auto",
            4,
            "one worker: 1 min, $0.05; not cut: too small to be cut into shards",
        ),
        (quote(DAY), None, 1, None),
        (quote(None), "auto", 4, None),
    ],
)
def test_which_is_faster_and_which_is_cheaper(
    quoted: Quote, asked: ShardNumber | None, workers: int, said: str | None
) -> None:
    """With a number, auto, and neither; nothing is said where nobody asked and nobody else is there."""
    assert describe_shards(quoted, asked, workers) == said


def test_an_unknown_time_is_said_to_be_unknown() -> None:
    """I3: without an earlier run there is no figure; it is no 0 either."""
    unknown = Quote.of([replace(empty_quote(FIRST), requests=Estimate(10), time=None)])
    assert describe_shards(unknown, "auto", 4) == "in shards: unknown, no run here so far"
    assert describe_shards(unknown, None, 4) is None


@pytest.mark.parametrize(
    ("own", "asked", "spread"), [("auto", None, 1), (None, "auto", 1), (3, None, None), (None, 8, 8)]
)
def test_days_that_are_spread_are_not_cut_by_auto(
    own: ShardNumber | None, asked: ShardNumber | None, spread: object
) -> None:
    """All workers are at work on days; a number that was asked for holds."""
    settings = Settings.model_validate({"workloads": {"sentiment": {"shards": own}}})
    ask = BackfillRequest("sentiment", Range(FIRST, FIRST), shards=asked)
    assert ask.spread(settings).shards == spread
    assert ask.of_partition(FIRST).shards == asked
