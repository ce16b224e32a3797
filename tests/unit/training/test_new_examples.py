"""What no training has had: counted source by source, whatever teachers the newest one had."""

import json
from datetime import UTC, datetime

import pytest

from models.ids import new_id
from models.training.examples import Source
from models.training.new_examples import count_new
from models.training.trained import Teacher, TrainedModel

Sources = dict[Source, int]
NOW: Sources = {"labels": 100, "api": 1_000}


def _trained(teacher: Teacher, sources: Sources) -> TrainedModel:
    told = json.dumps({"sources": sources})
    at, key = datetime(2026, 11, 1, tzinfo=UTC), new_id()
    none = (None,) * 5
    return TrainedModel(
        key, at, "sentiment", "classifier", "base", "1", "f", None, "d", "w", teacher, 1, 1, 0, 1, 1, key, *none,
        "candidate", at, "0", told,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("before", "new"),
    [
        ([], 1_100),
        ([("both", {"labels": 90, "api": 900})], 110),
        ([("labels", {"labels": 95})], 1_005),
        ([("labels", {"labels": 95}), ("both", {"labels": 50, "api": 990})], 15),
        ([("both", {"labels": 60, "api": 5_000})], 40),
        ([("api", {"api": 1_000}), ("labels", {"labels": 80})], 20),
        ([("both", {"labels": 100, "api": 1_000})], 0),
    ],
)
def test_a_source_is_held_against_the_newest_training_that_had_it(
    before: list[tuple[Teacher, Sources]], new: int
) -> None:
    """One of people's labels alone makes an API's answers no newer, and answers that are gone hide no label that has come."""
    assert count_new(NOW, [_trained(*one) for one in before]) == new
