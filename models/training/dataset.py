"""Examples of several sources merged to what is trained on and what is held out: each text once, on one side."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from models.requests import JsonValue
from models.training.examples import Example, Side, Source, side_of

PEOPLE: frozenset[Source] = frozenset({"labels", "people"})
"""Sources whose answers people gave: where there is one for a text, those of an API do not count."""
ENOUGH_HELD_OUT = 50
"""Held-out answers of people from which on they alone are measured on, though an API's are trained on as well."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """What is trained on and what is held out, each text once and in an order that no file decides.

    `sources` counts the texts of `train` and `holdout` by where their answers are from. What else there was is counted: `repeated`
    answers that said the same again, `conflicts` are texts with different answers of which most won, `undecided` those of which none did,
    `outside` answers that the workload cannot give, `not_measured` held-out answers of an API that people's stand in for.
    """

    train: tuple[Example, ...] = field(repr=False)
    holdout: tuple[Example, ...] = field(repr=False)
    sources: dict[Source, int]
    repeated: int = 0
    conflicts: int = 0
    undecided: int = 0
    outside: int = 0
    not_measured: int = 0

    @property
    def digest(self) -> str:
        """32 hex digits over texts and answers of both sides, whatever files they came in and in whatever order."""
        digest = blake2b(digest_size=16)
        for side, examples in (("train", self.train), ("holdout", self.holdout)):
            digest.update(f"{side} {len(examples)}\0".encode())
            for one in examples:
                for part in (plain(one.text), canonical_answer(one.answer)):
                    coded = part.encode("utf-8", "surrogatepass")
                    digest.update(len(coded).to_bytes(8))
                    digest.update(coded)
        return digest.hexdigest()

    @property
    def measured_by_people(self) -> bool:
        """Whether all that is measured on was answered by people."""
        return all(one.source in PEOPLE for one in self.holdout)


def merge(examples: Iterable[Example], outside: int = 0) -> Dataset:
    """Merge examples of any sources, of which a text may have many.

    Of a text that people answered only their answers count. The most frequent answer is taken; where two are equally frequent the text is
    left out. Texts that differ in blanks alone are one text.
    """
    by_text: dict[str, list[Example]] = {}
    for one in examples:
        by_text.setdefault(plain(one.text), []).append(one)
    sides: dict[Side, list[Example]] = {"train": [], "holdout": []}
    repeated = conflicts = undecided = 0
    for text in sorted(by_text, key=_order):
        every = by_text[text]
        asked = [one for one in every if one.source in PEOPLE] or every
        counted = Counter(canonical_answer(one.answer) for one in asked)
        (best, count), *others = counted.most_common()
        if others and others[0][1] == count:
            undecided += 1
            continue
        conflicts += bool(others)
        repeated += count - 1
        sides[side_of(text)].append(next(one for one in asked if canonical_answer(one.answer) == best))
    holdout, left = _measured(sides["holdout"])
    sources = Counter(one.source for one in (*sides["train"], *holdout))
    return Dataset(
        tuple(sides["train"]), holdout, dict(sources), repeated, conflicts, undecided, outside, left
    )


def plain(text: str) -> str:
    """Return a text without the blanks that make no other text."""
    return " ".join(text.split())


def canonical_answer(answer: JsonValue) -> str:
    """Return JSON that is equal for equal answers; the order of a list of labels is that of the label set already."""
    return json.dumps(answer, sort_keys=True, ensure_ascii=False)


def _measured(holdout: Sequence[Example]) -> tuple[tuple[Example, ...], int]:
    """Return what is measured on, and how many held-out examples are not: enough answers of people stand for all."""
    own = tuple(one for one in holdout if one.source in PEOPLE)
    if len(own) >= ENOUGH_HELD_OUT:
        return own, len(holdout) - len(own)
    return tuple(holdout), 0


def _order(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16, person=b"order").digest()
