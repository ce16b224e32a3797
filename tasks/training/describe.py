"""What a training has to train on, and what came of it, as people read it."""

import json
from collections.abc import Mapping, Sequence

from models.training.examples import Source
from models.training.trained import TrainedModel
from tasks.documents.amounts import hours, join_words, plural, unit_usd
from tasks.training.examples import TrainingData

SOURCES: Mapping[Source, str] = {
    "labels": "from the labelled file",
    "people": "from the label page",
    "api": "answered by the API",
    "audit": "from audits",
}


def describe_data(found: TrainingData) -> str:
    """Say in one line what is trained on, what is held out, and what was left out."""
    data = found.data
    whose = [f"{data.sources[name]:,} {said}" for name, said in SOURCES.items() if data.sources.get(name)]
    kept = (
        f"{plural(len(data.train), 'text')} to train on, {len(data.holdout):,} held out to measure on "
        f"({join_words(whose)})"
    )
    return "; ".join([kept, *_left_out(found)])


def _left_out(found: TrainingData) -> Sequence[str]:
    data = found.data
    counted = (
        (data.conflicts, "text", "answered in different ways: the most frequent answer was taken"),
        (data.undecided, "text", "left out, since no answer is more frequent than another"),
        (data.outside, "answer", "left out, which the workload cannot give"),
        (found.lost, "answer", "left out, whose text the input does not have any more"),
        (data.not_measured, "held-out answer", "of the API not measured on: people's stand for all"),
    )
    return [f"{plural(count, noun)} {said}" for count, noun, said in counted if count]


def _triage(told: Mapping[str, Mapping[str, int]]) -> str:
    """Say on the held-out texts how often the small model is wrong, and on those that would go past it."""
    right, passed, wrong = (told[name] for name in ("right", "passed", "passed_wrong"))
    of = f"the small model is wrong on {right['of'] - right['count']:,} of {plural(right['of'], 'held-out text')}"
    return f"{of}, and on {wrong['count']:,} of the {passed['count']:,} that it is more likely wrong on than right"


def describe_trained(model: TrainedModel) -> str:
    """Say in one line what was trained and how good it is on what was held out."""
    words = [f"{model.name} of {model.workload}"]
    if model.kind == "triage":
        words.append(_triage(json.loads(model.figures)))
    elif model.accuracy is not None:
        told = json.loads(model.figures)
        interval = (
            ""
            if model.accuracy_low is None or model.accuracy_high is None
            else f" ({model.accuracy_low:.3f} to {model.accuracy_high:.3f})"
        )
        of = f"{model.accuracy:.3f}{interval} of {plural(told['measured'], 'held-out text')}"
        words.append(f"right on {of}" if told["measured_by_people"] else f"answers {of} as the API does")
    if model.served_share is not None and model.threshold is not None:
        words.append(f"sure enough of {100 * model.served_share:.0f} % of them")
    elif model.kind == "classifier":
        words.append("never sure enough to be asked")
    words.append(f"{hours(model.machine_ns)} of the machine, {unit_usd(model.cost_nano)}")
    return ", ".join(words)
