"""Examples to train on, and which of them are held out."""

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Literal

from models.requests import JsonValue

Source = Literal["labels", "api", "audit", "people"]
"""Where an answer is from: a labelled file, a published answer of an API, an audit, the label page."""
Side = Literal["train", "holdout"]
HOLDOUT_SHARE = 0.2
"""Share of texts that are held out: never trained on, and all that a trained model is measured on."""
_SCALE = 2**64


@dataclass(frozen=True, slots=True)
class Example:
    """A text and its answer: a label, a list of labels, an object or a text."""

    text: str = field(repr=False)
    answer: JsonValue = field(repr=False)
    source: Source

    @property
    def side(self) -> Side:
        """The side on which its text is."""
        return side_of(self.text)


def side_of(text: str) -> Side:
    """Return the side of a text: by its hash alone, so that the same text is on one side in every file, month and training.

    Blanks around it and runs of blanks in it make no other text.
    """
    plain = " ".join(text.split()).encode("utf-8", "surrogatepass")
    place = int.from_bytes(blake2b(plain, digest_size=8, person=b"hold-out").digest())
    return "holdout" if place < HOLDOUT_SHARE * _SCALE else "train"
