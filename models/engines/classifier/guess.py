"""What a classifier says of a text."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from models.requests import JsonValue


@dataclass(frozen=True, slots=True)
class Guess:
    """A classifier's answer: a label, or a list of labels in the order of the label set.

    `confidence`: the calibrated probability that the answer is right. `probabilities` by label: they sum to 1 for one label, each lies
    in 0..1 for several at once. `tokens`: those of the text, as the embedding model's tokenizer counts them, after it was cut to what the model takes;
    0 where it was read for another head (`models.engines.classifier.embedders`).
    """

    value: JsonValue = field(repr=False)
    confidence: float
    probabilities: Mapping[str, float] = field(repr=False)
    tokens: int
