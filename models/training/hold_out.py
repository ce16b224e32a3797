"""How often a trained language model is right on held-out examples: its answers, held to the labels that occur."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.evaluation.intervals import wilson
from models.evaluation.scores import Share
from models.training.batches import Encoded
from models.training.pass_through import PassThrough, spread

ROWS = 32
"""Held-out examples that are asked at once."""


@dataclass(slots=True)
class AnswerTree:
    """The token ids of all answers, as a tree: what may come next, as the engine's grammar says it."""

    next: dict[int, "AnswerTree"] = field(default_factory=dict)

    @classmethod
    def of(cls, answers: Sequence[Sequence[int]]) -> "AnswerTree":
        """Make the tree of answers, each with the token that ends it."""
        root = cls()
        for answer in answers:
            place = root
            for token in answer:
                place = place.next.setdefault(token, cls())
        return root


def measure(
    through: PassThrough, held: Sequence[Encoded], tree: AnswerTree, go_on: Callable[[int], bool]
) -> Share:
    """Return how many of the held-out examples are answered right: greedy, token by token along the tree.

    `go_on` is asked with the number that is measured already, before each group.
    """
    import torch  # noqa: PLC0415

    right = of = 0
    with torch.no_grad():
        head = through.read_head(1)
        while of < len(held) and go_on(of):
            group = held[of : of + ROWS]
            answers = answer(through, head, [one.tail for one in group], tree)
            right += sum(found == one.answer for found, one in zip(answers, group, strict=True))
            of += len(group)
    return Share(right, of, wilson(right, of))


def answer(
    through: PassThrough,
    head: Any,  # noqa: ANN401  transformers is not typed for us
    tails: Sequence[tuple[int, ...]],
    tree: AnswerTree,
) -> list[tuple[int, ...]]:
    """Return the likeliest answer of the tree to each text, chosen token by token."""
    import torch  # noqa: PLC0415

    cache = spread(head, len(tails)) if through.head else through.read_head(len(tails))
    ids, seen, places = through.lay_out(tails)
    hidden = through.read(cache, ids, seen, places)
    rows = torch.arange(len(tails), device=ids.device)
    lengths = torch.tensor([len(one) for one in tails], device=ids.device)
    last = hidden[rows, lengths - 1]
    found: list[tuple[int, ...]] = [() for _ in tails]
    where = [tree for _ in tails]
    while any(one.next for one in where):
        logits = through.logits(last).float()
        for row, one in enumerate(where):
            if one.next:
                allowed = list(one.next)
                token = allowed[int(logits[row, allowed].argmax())]
                found[row], where[row] = (*found[row], token), one.next[token]
        ids = torch.tensor([[one[-1]] for one in found], device=ids.device)
        seen = torch.cat([seen, torch.ones_like(ids)], dim=1)
        places = (len(through.head) + lengths + max(map(len, found)) - 1).unsqueeze(1)
        last = through.read(cache, ids, seen, places)[:, -1]
    return found
