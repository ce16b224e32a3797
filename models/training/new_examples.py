"""How many of the examples there are now no training has had."""

import json
from collections.abc import Iterable, Mapping

from models.training.examples import Source
from models.training.trained import Teacher, TrainedModel

_TEACHER: Mapping[Source, Teacher] = {"labels": "labels", "people": "labels", "api": "api", "audit": "api"}
"""Whose answers a source holds."""


def count_new(sources: Mapping[Source, int], before: Iterable[TrainedModel]) -> int:
    """Count what each source has more than the newest training that learnt from it had; all of a source that none learnt from.

    `before`: the trainings of one kind, the newest first. What a source has lost is not taken off another: a training of fewer teachers
    makes nothing new that an earlier one had, and one of more hides nothing.
    """
    trained = list(before)
    return sum(max(count - _had(source, trained), 0) for source, count in sources.items())


def _had(source: Source, trained: Iterable[TrainedModel]) -> int:
    newest = next((one for one in trained if one.teacher in {"both", _TEACHER[source]}), None)
    return 0 if newest is None else int(json.loads(newest.figures).get("sources", {}).get(source, 0))
