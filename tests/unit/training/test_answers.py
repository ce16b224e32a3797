"""Examples become one answer for each text, or are left out and counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import UsageError
from models.requests import JsonValue
from models.training.answers import find_classes, resolve_answers, say_left_out, say_rare
from models.training.examples import Example, Source

LABELS = ("a", "b", "c")


def example(text: str, answer: JsonValue, source: Source = "labels") -> Example:
    """Return an example of a labelled file."""
    return Example(text, answer, source)


def test_the_majority_answers_for_a_text() -> None:
    """Two of three say b; blanks make no other text."""
    found = resolve_answers(
        "label", LABELS, [example("x y", "a"), example(" x  y ", "b"), example("x y", "b")]
    )
    assert (found.texts, found.answers) == (("x y",), (frozenset("b"),))
    assert (found.conflicting, found.dropped) == (1, 0)


def test_a_tie_is_dropped_and_counted() -> None:
    """One says a, one says b."""
    found = resolve_answers("label", LABELS, [example("x", "a"), example("x", "b"), example("y", "c")])
    assert (found.texts, found.conflicting, found.dropped) == (("y",), 1, 1)


def test_people_outweigh_any_number_of_an_apis_answers() -> None:
    """A label of the page stands against two answers of the API."""
    examples = [example("x", "a", "api"), example("x", "a", "audit"), example("x", "b", "people")]
    found = resolve_answers("label", LABELS, examples)
    assert (found.answers, found.conflicting) == ((frozenset("b"),), 1)


@pytest.mark.parametrize("answer", ["d", None, 3, ["a"], {"label": "a"}])
def test_an_answer_outside_the_label_set_is_left_out(answer: JsonValue) -> None:
    """Another label, and what is no label at all."""
    found = resolve_answers("label", LABELS, [example("x", answer), example("y", "a")])
    assert (found.texts, found.outside) == (("y",), 1)


@pytest.mark.parametrize("answer", [["a", "d"], "a", [1], None])
def test_a_list_with_a_strange_member_is_left_out(answer: JsonValue) -> None:
    """Several labels: each of them has to be one of the set."""
    found = resolve_answers(
        "labels", LABELS, [example("x", answer), example("y", ["b", "a"]), example("z", [])]
    )
    assert found.answers == (frozenset("ab"), frozenset())
    assert found.outside == 1


def test_what_was_left_out_is_said_without_a_text() -> None:
    """Counts alone."""
    lines: list[str] = []
    examples = [example("secret", "a"), example("secret", "b"), example("hidden", "d")]
    say_left_out(resolve_answers("label", LABELS, examples), lines.append)
    assert lines[0].startswith("1 examples left out")
    assert "1 texts have several answers" in lines[1]
    assert "1 texts without one" in lines[1]
    assert not any("secret" in line or "hidden" in line for line in lines)


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({}, "no example"),
        ({"a": 40}, "have one answer"),
        ({"a": 3, "b": 2}, "too few"),
        ({"a": 40, "b": 4}, "too few"),
    ],
)
def test_what_cannot_be_learnt_is_one_line(counts: dict[str, int], said: str) -> None:
    """Nothing, one class only, five labels, and one label of enough examples."""
    examples = [example(f"{label} {at}", label) for label, count in counts.items() for at in range(count)]
    with pytest.raises(UsageError, match=said) as caught:
        find_classes("label", LABELS, resolve_answers("label", LABELS, examples))
    assert "\n" not in str(caught.value)


def test_a_rare_label_takes_part_and_is_said() -> None:
    """Five of two labels are enough; the third has one example, the fourth none."""
    examples = [example(f"{label} {at}", label) for label in "ab" for at in range(5)] + [example("x", "c")]
    resolved = resolve_answers("label", (*LABELS, "d"), examples)
    assert find_classes("label", (*LABELS, "d"), resolved) == LABELS
    lines: list[str] = []
    say_rare((*LABELS, "d"), resolved, lines.append)
    assert ["1 of 4 labels have no example" in lines[0], "1 of 4 labels have fewer" in lines[1]] == [
        True,
        True,
    ]


def test_several_labels_need_five_with_and_five_without() -> None:
    """One label that four of nine texts have is too rare."""
    few = [example(f"x{at}", ["a"] if at < 4 else []) for at in range(9)]
    enough = [*few, example("x9", ["a"])]
    with pytest.raises(UsageError, match="too few"):
        find_classes("labels", LABELS, resolve_answers("labels", LABELS, few))
    assert find_classes("labels", LABELS, resolve_answers("labels", LABELS, enough)) == ("a",)


@given(
    st.lists(st.tuples(st.sampled_from("vwxyz"), st.sampled_from("abcd"), st.sampled_from(["api", "labels"])))
)
def test_every_text_is_answered_once_or_dropped(rows: list[tuple[str, str, Source]]) -> None:
    """Nothing is lost, nothing twice; an answer is one that some example of its best source gave."""
    examples = [example(*row) for row in rows]
    found = resolve_answers("label", LABELS, examples)
    known = {text for text, label, _ in rows if label in LABELS}
    assert len(set(found.texts)) == len(found.texts)
    assert len(found.texts) + found.dropped == len(known)
    assert found.outside == sum(label == "d" for _, label, _ in rows)
    for text, answer in zip(found.texts, found.answers, strict=True):
        mine = [row for row in rows if row[0] == text and row[1] in LABELS]
        best = "labels" if any(row[2] == "labels" for row in mine) else "api"
        assert answer <= {label for _, label, source in mine if source == best}
