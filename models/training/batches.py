"""What an adapter is trained on, as token ids: prompts, answers, and which come when."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from models.engines.vllm.tokenizer import PROBES
from models.requests import JsonValue, Message
from models.training.base_model import BaseModel
from models.training.examples import Example

LONGEST = 2_048
"""Tokens of a prompt with its answer that are trained on; longer ones are left out."""
MICRO_TOKENS = 4_096
"""Tokens that go through the model at once, blanks between them included: it bounds the memory of a step."""
TOGETHER = 4
"""Batches that are made of examples drawn at once, each of like lengths."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of what follows the constant head of the prompt: the text's part of it, and the answer with its end."""

    tail: tuple[int, ...] = field(repr=False)
    answer: tuple[int, ...] = field(repr=False)

    @property
    def length(self) -> int:
        """Tokens of both; the last one of the answer is never read."""
        return len(self.tail) + len(self.answer) - 1


@dataclass(frozen=True, slots=True)
class Encoder:
    """Makes token ids as the engine would be sent them, behind the head that all prompts begin with."""

    base: BaseModel
    prompt: tuple[Message, ...]
    head: tuple[int, ...] = field(repr=False)

    @classmethod
    def of(cls, base: BaseModel, prompt: tuple[Message, ...]) -> "Encoder":
        """Find the head: what prompts of very different texts begin with, one token less than the shortest of them at most."""
        prompts = [base.chat.prompt_token_ids((*prompt, Message("user", probe))) for probe in PROBES]
        shortest = min(map(len, prompts)) - 1
        same = next((at for at in range(shortest) if len({one[at] for one in prompts}) > 1), shortest)
        return cls(base, prompt, tuple(prompts[0][:same]))

    def encode(self, text: str, answer: str) -> Encoded | None:
        """Return a text and its answer, None where they are longer than can be trained on, or the head is not theirs."""
        ids = self.base.chat.prompt_token_ids((*self.prompt, Message("user", text)))
        written = self.write(answer)
        if tuple(ids[: len(self.head)]) != self.head or len(ids) == len(self.head):
            return None
        if len(ids) + len(written) > min(LONGEST, self.base.context):
            return None
        return Encoded(tuple(ids[len(self.head) :]), written)

    def write(self, answer: str) -> tuple[int, ...]:
        """Return the tokens of an answer, with the one that ends it."""
        tokenizer = self.base.tokenizer
        return (*tokenizer(answer, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id)


def read_label(answer: JsonValue) -> str | None:
    """Return an answer that may be a label, None for lists, objects and numbers."""
    return answer if isinstance(answer, str) else None


def are_labels(examples: Sequence[Example]) -> bool:
    """Whether answers are labels rather than texts of their own: words that come again and again."""
    answers = [read_label(one.answer) for one in examples]
    return bool(answers) and None not in answers and 2 * len(set(answers)) <= len(answers)


def draw(examples: Sequence[Example], seed: int, *, balanced: bool) -> Iterator[int]:
    """Yield places of examples without an end: all of them in a new order each time round; balanced: label by label.

    The same for the same seed, so that a training goes on where it was.
    """
    chance = random.Random(seed)  # noqa: S311  an order that can be had again
    groups: dict[str, list[int]] = {}
    for place, one in enumerate(examples):
        groups.setdefault(str(one.answer) if balanced else "", []).append(place)
    waiting: dict[str, list[int]] = {name: [] for name in sorted(groups)}
    while True:
        turn = list(waiting)
        chance.shuffle(turn)
        for name in turn:
            if not waiting[name]:
                waiting[name] = list(groups[name])
                chance.shuffle(waiting[name])
            yield waiting[name].pop()


def make_batches(drawn: Iterator[Encoded], size: int, seed: int) -> Iterator[Sequence[Encoded]]:
    """Yield batches of what is drawn, those of `TOGETHER` batches sorted by length first: fewer blanks go through the model."""
    chance = random.Random(seed)  # noqa: S311  an order that can be had again
    while True:
        some = sorted(islice(drawn, size * TOGETHER), key=lambda one: one.length)
        batches = [some[at : at + size] for at in range(0, len(some), size)]
        chance.shuffle(batches)
        yield from batches


def cut_batch(batch: Sequence[Encoded], most: int = MICRO_TOKENS) -> Iterator[Sequence[Encoded]]:
    """Yield the examples of a batch in groups of like lengths that fit the memory, blanks included."""
    ordered = sorted(batch, key=lambda one: one.length)
    start = 0
    for end in range(1, len(ordered) + 1):
        if end == len(ordered) or ordered[end].length * (end + 1 - start) > most:
            yield ordered[start:end]
            start = end
