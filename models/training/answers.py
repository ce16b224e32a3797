"""Examples of a label workload, made fit to train on: one answer for each text, from the workload's own labels."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from models.engines.classifier.head import HeadKind
from models.errors import UsageError
from models.requests import JsonValue
from models.training.examples import Example

Answer = frozenset[str]
"""Labels of a text: one, or for several at once any number."""
LEAST_EXAMPLES = 5
"""Of a label, so that it is learnt and measured on some."""
_PEOPLE = frozenset(("labels", "people"))
"""Sources that outweigh any number of answers of an API."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """Distinct texts with an answer each, and how many examples, or texts, were left out.

    `outside`: examples whose answer is not of the label set. `conflicting`: texts that have several answers; `dropped` of them none
    that most of its examples have.
    """

    texts: tuple[str, ...] = field(repr=False)
    answers: tuple[Answer, ...] = field(repr=False)
    outside: int
    conflicting: int
    dropped: int


def resolve_answers(kind: HeadKind, labels: Sequence[str], examples: Iterable[Example]) -> Resolved:
    """Give each text one answer: that of people before that of an API, then what most examples say; else it is dropped.

    Texts that differ in blanks alone are one.
    """
    known = frozenset(labels)
    votes: dict[str, dict[bool, Counter[Answer]]] = defaultdict(lambda: {True: Counter(), False: Counter()})
    outside = 0
    for example in examples:
        answer = _read(kind, example.answer)
        if answer is None or not answer <= known:
            outside += 1
        else:
            votes[" ".join(example.text.split())][example.source in _PEOPLE][answer] += 1
    found: dict[str, Answer] = {}
    conflicting = 0
    for text, by_source in votes.items():
        counted = (by_source[True] or by_source[False]).most_common(2)
        conflicting += len(by_source[True] | by_source[False]) > 1
        if len(counted) == 1 or counted[0][1] > counted[1][1]:
            found[text] = counted[0][0]
    return Resolved(tuple(found), tuple(found.values()), outside, conflicting, len(votes) - len(found))


def say_left_out(resolved: Resolved, say: Callable[[str], None]) -> None:
    """Say in a line each what examples were left out."""
    if resolved.outside:
        say(f"{resolved.outside:,} examples left out: their answer is not of the workload's labels")
    if resolved.conflicting:
        say(
            f"{resolved.conflicting:,} texts have several answers: people's count before an API's, then the most frequent; "
            f"{resolved.dropped:,} texts without one were left out"
        )


def find_classes(kind: HeadKind, labels: Sequence[str], resolved: Resolved) -> tuple[str, ...]:
    """Return the labels that have examples, in the label set's order.

    Raises `UsageError` in one line where no two kinds of answers have five examples each.
    """
    counts = Counter(label for answer in resolved.answers for label in answer)
    texts = len(resolved.texts)
    if not texts:
        msg = "no example to train on: label some (`breakeven label WORKLOAD`), or name a labelled file (`--labels FILE`)"
        raise UsageError(msg)
    if len(set(resolved.answers)) == 1:
        msg = f"all {texts:,} examples have one answer: a classifier needs examples of two labels at least"
        raise UsageError(msg)
    if kind == "labels":
        enough = sum(min(count, texts - count) >= LEAST_EXAMPLES for count in counts.values()) + 1
    else:
        enough = sum(count >= LEAST_EXAMPLES for count in counts.values())
    if enough < 2:  # noqa: PLR2004  two answers are the least to tell apart
        msg = (
            f"{texts:,} examples are too few: a classifier needs {LEAST_EXAMPLES} of each of two labels at least; "
            "label more (`breakeven label WORKLOAD`)"
        )
        raise UsageError(msg)
    return tuple(label for label in labels if counts[label])


def say_rare(labels: Sequence[str], resolved: Resolved, say: Callable[[str], None]) -> None:
    """Say how many labels have no examples, or hardly any."""
    counts = Counter(label for answer in resolved.answers for label in answer)
    never = sum(not counts[label] for label in labels)
    rare = sum(0 < counts[label] < LEAST_EXAMPLES for label in labels)
    if never:
        say(f"{never:,} of {len(labels):,} labels have no example: the classifier never answers with them")
    if rare:
        say(f"{rare:,} of {len(labels):,} labels have fewer than {LEAST_EXAMPLES} examples: hardly learnt")


def as_answer(value: JsonValue) -> Answer:
    """Return what is guessed, or given, as the labels that it holds."""
    return frozenset(str(one) for one in (value if isinstance(value, list) else [value]))


def _read(kind: HeadKind, answer: object) -> Answer | None:
    """Return an example's labels, None where it is no such answer."""
    if kind == "label":
        return frozenset((answer,)) if isinstance(answer, str) else None
    if not isinstance(answer, list):
        return None
    names = [one for one in answer if isinstance(one, str)]
    return frozenset(names) if len(names) == len(answer) else None
