"""How often a trained language model is right on held-out examples: its answers, held to those that occur."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.errors import UsageError
from models.requests import Message
from models.training.base_model import BaseModel
from models.training.batches import Encoded, cut_batch
from models.training.pass_through import PassThrough, spread
from models.workloads.prior import LEAST_PROBABILITY

ROWS = 32
"""Held-out examples between two looks at the clock."""
_BEFORE = "before"
"""The name, in memory, of the adapter that answers now."""


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

    def count(self) -> int:
        """Return how many answers go on from here."""
        return sum(one.count() for one in self.next.values()) or 1


def weigh_tokens(
    prior: Mapping[str, float] | None, answers: Mapping[str, Sequence[int]]
) -> dict[int, float] | None:
    """Return by the one token that tells an answer from the others what its probability is divided by; None: by nothing.

    `answers`: the token ids of each. Raises `UsageError` where one token does not tell them, so that one pass has not all probabilities.
    """
    if prior is None:
        return None
    place, depth = AnswerTree.of(list(answers.values())), 0
    while len(place.next) == 1:
        (place,) = place.next.values()
        depth += 1
    if len(place.next) < place.count() or not answers.keys() <= prior.keys():
        msg = "its prior is divided out of the probabilities of whole labels, which one pass does not tell of these"
        raise UsageError(msg)
    return {tokens[depth]: prior[answer] for answer, tokens in answers.items()}


@dataclass(frozen=True, slots=True)
class AnswersNow:
    """What a new adapter is held against: the plain model behind these constant messages, or with the adapter of a folder on it.

    `prior`: by label, as it is written, what a run divides the plain model's probability of it by; None: it divides nothing.
    """

    prompt: tuple[Message, ...]
    adapter: Path | None = None
    prior: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """Of `of` held-out texts the new one alone answered `only_new` right, what answers now alone `only_old`."""

    only_new: int
    only_old: int
    of: int

    @classmethod
    def count(cls, right: Sequence[bool], right_before: Sequence[bool]) -> "Compared":
        """Count from which texts each answers right, in the same order."""
        pairs = list(zip(right, right_before, strict=True))
        only_new = sum(now and not before for now, before in pairs)
        return cls(only_new, sum(before and not now for now, before in pairs), len(pairs))


def mark(
    through: PassThrough,
    held: Sequence[Encoded],
    tree: AnswerTree,
    go_on: Callable[[int], bool],
    weights: Mapping[int, float] | None = None,
) -> list[bool]:
    """Return whether each of the held-out examples, as far as it gets, is answered right: greedy, token by token along the tree.

    What is written so is the right answer if, and only if, each token of the right answer is the likeliest of those that may stand there:
    one pass over the text with its right answer tells it. `go_on` is asked with the number that is marked already, before each group.
    `weights`: what the probability of a token is divided by first, where the tree has one choice (`weigh_tokens`).
    """
    import torch  # noqa: PLC0415

    right: list[bool] = []
    with torch.no_grad():
        head = through.read_head(1)
        while len(right) < len(held) and go_on(len(right)):
            group = held[len(right) : len(right) + ROWS]
            found: dict[Encoded, bool] = {}
            for some in cut_batch(group):
                found |= zip(some, _mark_some(through, head, some, tree, weights), strict=True)
            right += [found[one] for one in group]
    return right


def _mark_some(
    through: PassThrough,
    head: Any,  # noqa: ANN401  transformers is not typed for us
    some: Sequence[Encoded],
    tree: AnswerTree,
    weights: Mapping[int, float] | None,
) -> Iterator[bool]:
    import torch  # noqa: PLC0415

    cache = spread(head, len(some)) if through.head else through.read_head(len(some))
    hidden = through.read(cache, *through.lay_out([(*one.tail, *one.answer[:-1]) for one in some]))
    for row, one in enumerate(some):
        choices = list(_choices(one, tree))
        places = torch.tensor([at for at, _, _ in choices], device=hidden.device, dtype=torch.long)
        logits = through.logits(hidden[row, places]).float()
        yield all(
            allowed[_likeliest(likely[allowed], allowed, weights)] == token
            for likely, (_, token, allowed) in zip(logits, choices, strict=True)
        )


def _likeliest(
    logits: Any,  # noqa: ANN401  torch is not imported here
    allowed: Sequence[int],
    weights: Mapping[int, float] | None,
) -> int:
    """Return the place of the token that is taken, as `divide_out_prior` has it."""
    if weights is None:
        return int(logits.argmax())
    shares = logits.softmax(0).clamp(min=LEAST_PROBABILITY)
    return int((shares / shares.new_tensor([weights[one] for one in allowed])).argmax())


def _choices(one: Encoded, tree: AnswerTree) -> Iterator[tuple[int, int, list[int]]]:
    """Yield where the tree leaves a choice on the way to the right answer, its token there, and all that may stand there."""
    place = tree
    for number, token in enumerate(one.answer):
        if len(place.next) > 1:
            yield len(one.tail) - 1 + number, token, list(place.next)
        place = place.next[token]


@contextmanager
def answering_now(base: BaseModel, now: AnswersNow) -> Iterator[None]:
    """Let the base answer as it does without the new adapter inside the block. Raises `UsageError` where an adapter cannot be read."""
    from safetensors import SafetensorError  # noqa: PLC0415

    network = base.network
    if now.adapter is None:
        with network.disable_adapter():
            yield
        return
    new = network.active_adapter
    try:
        network.load_adapter(str(now.adapter), adapter_name=_BEFORE)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        msg = f"{now.adapter} cannot be read ({type(error).__name__})"
        raise UsageError(msg) from error
    network.set_adapter(_BEFORE)
    try:
        yield
    finally:
        network.set_adapter(new)
        network.delete_adapter(_BEFORE)
