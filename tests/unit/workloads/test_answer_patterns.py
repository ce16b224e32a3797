"""Patterns of users that backtrack without an end: given up in time, as a rule that the answer broke."""

from typing import Any

import pytest

from models.errors import UsageError
from models.workloads.answer_pattern import AnswerPattern, limit_patterns
from models.workloads.json_schema import AnswerValidator, check_schema

ENDLESS = (
    "(a+)+",
    "(a|aa)+",
    "([a-z]+)*",
    r"(\w+\s?)*",
    "(a*)*b",
    "(?:a|a?)+",
    r"(?=(a+)+$).*",
    "^(([a-z])+.)+[A-Z]([a-z])+$",
)
ANSWER = "a" * 5000 + "!"


@pytest.mark.parametrize("pattern", ENDLESS)
@pytest.mark.parametrize("whole", [True, False])
def test_a_pattern_without_an_end_is_given_up(pattern: str, whole: bool) -> None:
    """Python's own engine would take years for most of them; an answer that does match still does."""
    checked = AnswerPattern(pattern if whole else f"^(?:{pattern})$", whole=whole)
    with limit_patterns(256):
        rule = checked.broken_by(ANSWER)
    assert rule is not None
    assert rule.startswith(f"must match {checked.pattern}")
    assert "\n" not in rule
    assert "aaaa" not in rule


def test_the_values_of_one_answer_share_the_time() -> None:
    """A list of a thousand values takes as long as one; the next answer has its own time."""
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"words": {"type": "array", "items": {"type": "string", "pattern": "^(a|aa)+$"}}},
    }
    validator = AnswerValidator(schema)
    with limit_patterns(5000):
        broken = validator.first_broken({"words": [ANSWER] * 1000})
    assert broken is not None
    assert broken[0] == "words.0"
    assert "given up" in broken[1]
    with limit_patterns(5000):
        assert validator.first_broken({"words": ["aaa"] * 1000}) is None


def test_a_value_longer_than_its_answer_can_be_is_not_tried() -> None:
    """An endpoint that passes over the limit of tokens cannot make the check long."""
    checked = AnswerPattern(".*", whole=True)
    with limit_patterns(10):
        assert checked.broken_by("x" * 1280) is None
        assert "too long" in str(checked.broken_by("x" * 1281))


@pytest.mark.parametrize(
    ("pattern", "value", "matches"),
    [
        ("[A-Z].*[.!?]", "One line,\nand another.", True),
        ("x_{i}", "x_{i}", True),
        ("x{e<=1}", "y", False),
        ("x{e<=1}", "x{e<=1}", True),
        (r"\N{DEGREE SIGN}{2}", "°°", True),
        (r"[{}]+\{a\}", "{}{a}", True),
        ("a{2,3}b{,2}c{1,}", "aabbcc", True),
        (r"(?P<one>\w)(?P=one)", "aa", True),
        (r"(?<=a)b|(?i:AB)", "aB", True),
        (r"(?>a+)b\Z", "aab", True),
        (r"\d{4}-\d{2}", "2026-11", True),
    ],
)
def test_patterns_mean_what_they_mean_in_python(pattern: str, value: str, matches: bool) -> None:
    """Braces are text where Python takes them for text: no match with errors."""
    assert (AnswerPattern(pattern, whole=True).broken_by(value) is None) is matches


@pytest.mark.parametrize("pattern", ["(", "a{99999999999}", "(?<=a+)b", "*"])
def test_what_is_no_pattern_is_refused_at_load(pattern: str) -> None:
    """Of a schema and of the setting alike, in one line."""
    with pytest.raises(ValueError, match="regular expression"):
        AnswerPattern(pattern, whole=True)
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": pattern}}}
    with pytest.raises(UsageError) as told:
        check_schema(schema)
    assert len(str(told.value).splitlines()) == 1


@pytest.mark.parametrize("answer", ["a{99999999999}", "(" * 900, "(" * 100_000, "("])
def test_an_answer_that_is_no_pattern_breaks_its_format(answer: str) -> None:
    """The format `regex` compiles what the answer holds: what cannot be compiled is a broken rule, and stops no run."""
    schema = {"type": "object", "properties": {"a": {"type": "string", "format": "regex"}}}
    assert AnswerValidator(schema).first_broken({"a": answer}) == ("a", 'must satisfy format "regex"')
