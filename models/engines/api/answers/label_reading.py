"""A label in the text of an answer: in another spelling, behind "Label:", or in prose that names one label alone.

Only one that is clearly meant is taken. A text that names two labels, denies one, weighs one or takes one back has none.
"""

# ruff: noqa: RUF001 - quotes, dashes and stops of many languages are meant as they stand

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from models.unicode_forms import to_normal_form
from models.workloads.label_spelling import spelling_key, without_hidden

LONGEST_PROSE = 20_000
"""Characters; in a longer text no label is looked for."""

LONGEST_LABEL = 200
"""Characters that a label may have more than any of the set and still be one of them, dressed up."""
NEAR = 100
"""Characters before a label in which stands what says that it is the answer."""
_PAIRS = (
    ('"', '"'), ("'", "'"), ("`", "`"), ("“", "”"), ("„", "“"), ("‘", "’"), ("«", "»"), ("「", "」"), ("**", "**"),
    ("__", "__"), ("*", "*"), ("_", "_"), ("(", ")"), ("[", "]"), ("$", "$"), ("\\boxed{", "}"), ("\\text{", "}"),
)  # fmt: skip
_TAGGED = re.compile(r"<(\w+)>(.*)</\1>", re.DOTALL)
_EMOJI = re.compile(
    "[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\u2600-\u27bf\ufe0f\U0001f300-\U0001faff]+"
)
_FENCE = re.compile(r"^[ \t]*```\w*[ \t]*$", re.MULTILINE)
_BLANKS = re.compile(r"[ \t\r\f\v]{2,}")
_LIST_MARK = re.compile(r"(?:#{1,6}|[-*•>]|\d{1,2}[.)])\s+")
_ENDS = ".!,;:…。！，；："
_SEPARATORS = re.compile(r"[\s_\-]+")
_NAMED = re.compile(r"[^\n:：=]{1,60}?[*_\s]*+(?:[:：=]|->|→|⇒)[*_\s]*(\S.*)", re.DOTALL)
_LEADS = re.compile(r"([^\n]{1,200}?)(?<!\s)(?:\s++[-–—]++\s|\s*+[:,]\s)\s*+(\S.*)", re.DOTALL)
_SENTENCE_ENDS = re.compile(r"\n+|(?<=[.!?;。！？；])\s+|(?<=[。！？；])")
_DENIES = re.compile(
    r"\b(?:not|no|never|neither|nor|none|cannot|without|hardly|barely|nobody|nothing|rather|but|unless|if|whether|either"
    r"|or|and|maybe|perhaps|might|may|could|possible|possibly|options?|choices|unclear|unsure|uncertain|depends|between"
    r"|except|other|than|wrong|incorrect|false|unlikely|excluded|nicht|kein\w*|oder|und|pas|jamais|aucun\w*|ni|ou|et|nunca"
    r"|o|y)\b|n['’]t\b|[?？不没非无]",
    re.IGNORECASE,
)
_TAKES_BACK = re.compile(
    r"\b(?:wait|actually|correction|scratch that|second thought|reconsider\w*|re-?evaluat\w*|however|although|though|instead"
    r"|alternatively|changed? my mind|aber|jedoch|cependant)\b",
    re.IGNORECASE,
)
_SAYS = re.compile(
    r"\b(?:answer|label|sentiment|class\w*|categor\w*|tone|polarity|verdict|intent|topic|prediction|predicted|result|output"
    r"|overall|choice|rating|stance|emotion|choose|chose|text|review|comment|tweet|statement|sentence|passage)\b",
    re.IGNORECASE,
)
_IS = re.compile(
    r"(?:\b(?:is|be|as|was|into|would be|choose|chose)|[:=]|->|→)\s*(?:(?:an?|the)\s+)?$", re.IGNORECASE
)
_GOES_ON = re.compile(
    r"[\"'`”“’»*_)\]]*+\s*+(?:$|[.,;:!)]|(?:because|since|due to|given|as|for|sentiment|label|category|class|in)\b)",
    re.IGNORECASE,
)
_OPENINGS = frozenset({"ok", "okay", "sure", "right", "well", "alright", "certainly"})
"""Words that an answer may begin with and mean nothing by."""
_HEADINGS = frozenset(
    {
        "question",
        "answer",
        "text",
        "review",
        "message",
        "input",
        "output",
        "label",
        "request",
        "response",
        "comment",
    }
    | {"summary", "note", "example", "title", "email", "feedback", "record", "task", "result"}
)
"""Words that may stand before a colon and be no answer."""
_REASONS = re.compile(r"\b(?:because|since|due to|given that)\b", re.IGNORECASE)
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")


def find_spelling(labels: tuple[str, ...], text: str) -> str | None:
    """Return the label that a text is, in quotes, in bold, with a full stop, in other letters' case or with other separators.

    Each way of spelling is tried, the nearest first; one under which two labels are the same tells nothing.
    """
    if len(text) > LONGEST_LABEL + max(map(len, labels)):
        return None
    for normal, known in _spellings(labels):
        found = known.get(normal(text), ())
        if found:
            return found[0] if len(found) == 1 else None
    return None


def find_label(labels: tuple[str, ...], text: str, *, cut: bool) -> str | None:
    """Return the label that a text names and means; None where none is, or where it could be another.

    `cut`: the text ended at the token limit, so that its last sentence may not be whole.
    """
    text = _BLANKS.sub(" ", _FENCE.sub("", _composed(text[: LONGEST_PROSE + 1]))).strip()
    if not text or len(text) > LONGEST_PROSE or _TAKES_BACK.search(text):
        return None
    mentioned = _mentions(labels, text)
    if len(mentioned) != 1:
        return None
    (label,) = mentioned
    return label if _is_meant(labels, label, text, cut=cut) else None


def names_another(labels: tuple[str, ...], label: str, text: str) -> bool:
    """Whether a text that stands around an answer with this label names another one."""
    return bool(_mentions(labels, _composed(text)) - {label})


def _is_meant(labels: tuple[str, ...], label: str, text: str, *, cut: bool) -> bool:
    """Whether a text, which names this label alone, means it."""
    sentences = [one.strip() for one in _SENTENCE_ENDS.split(text) if one and one.strip()]
    if not cut and _means(labels, label, text):
        return True
    if _spaced(label) in _OPENINGS and _pattern(labels).match(sentences[0]):
        return False
    if _leads(labels, label, sentences[0]):
        return True
    if any(_denied(labels, one) for one in sentences if _mentions(labels, one)):
        return False
    whole = sentences[:-1] if cut else sentences
    edges = whole[:1] if cut else [whole[0], whole[-1]]
    return any(_means(labels, label, one) for one in edges) or any(_says(labels, label, one) for one in whole)


def _means(labels: tuple[str, ...], label: str, sentence: str) -> bool:
    """Whether a sentence is the label alone, or behind a name and a colon."""
    if find_spelling(labels, sentence) == label:
        return True
    named = _NAMED.fullmatch(sentence)
    if named is None or _DENIES.search(sentence[: named.start(1)]):
        return False
    return find_spelling(labels, named[1]) == label


def _leads(labels: tuple[str, ...], label: str, sentence: str) -> bool:
    """Whether a sentence is the label, a dash or a colon, and then words about it that do not begin with its denial."""
    led = _LEADS.fullmatch(sentence)
    if led is None or find_spelling(labels, led[1]) != label or _spaced(label) in _HEADINGS:
        return False
    return led[2][0].isalpha() and not _DENIES.search(" ".join(led[2].split()[:4]))


def _says(labels: tuple[str, ...], label: str, sentence: str) -> bool:
    """Whether a sentence says that the answer is the label; not where the label itself could be the denial of another."""
    if not _SAYS.search(sentence) or (
        _DENIES.search(label) and any(one != label and one in label for one in labels)
    ):
        return False
    for found in _pattern(labels).finditer(sentence):
        before = sentence[max(0, found.start() - NEAR) : found.start()].rstrip("\"'`“„‘«*_([")
        if _IS.search(before) and _GOES_ON.match(sentence, found.end()):
            return True
    return False


def _denied(labels: tuple[str, ...], sentence: str) -> bool:
    """Whether a sentence denies or weighs what it names: by a word that is no part of the label, nor of the reasons given for it."""
    claim, _, _ = _REASONS.sub("\0", sentence).partition("\0")
    return (
        _DENIES.search(_pattern(labels).sub(" ", claim if _mentions(labels, claim) else sentence)) is not None
    )


def _mentions(labels: tuple[str, ...], text: str) -> set[str]:
    """Return the labels that a text names, the longest where one is a part of another."""
    same = _same(labels)
    found = _pattern(labels).finditer(text)
    return {label for one in found for label in same.get(_spaced(one[0]), labels)}


@lru_cache(maxsize=16)
def _pattern(labels: tuple[str, ...]) -> re.Pattern[str]:
    """Return the pattern that finds any label as a word, the longest first."""
    longest_first = sorted(map(_composed, labels), key=len, reverse=True)
    return re.compile("|".join(map(_word, longest_first)), re.IGNORECASE)


def _word(label: str) -> str:
    inner = r"[\s_\-]+".join(map(re.escape, filter(None, _SEPARATORS.split(label)))) or re.escape(label)
    return inner if _CJK.search(label) else rf"(?<!\w){inner}(?!\w)"


@lru_cache(maxsize=16)
def _same(labels: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    return _group(labels, _spaced)


@lru_cache(maxsize=16)
def _spellings(
    labels: tuple[str, ...],
) -> Sequence[tuple[Callable[[str], str], dict[str, tuple[str, ...]]]]:
    """Return the ways to spell a label, the nearest first, each with the labels that look so."""
    ways = (
        spelling_key,
        _undressed,
        _ended,
        lambda text: _folded(_undressed(text)),
        lambda text: _folded(_ended(text)),
        _spaced,
    )
    return [(way, _group(labels, way)) for way in ways]


def _group(labels: Iterable[str], normal: Callable[[str], str]) -> dict[str, tuple[str, ...]]:
    groups: dict[str, tuple[str, ...]] = {}
    for label in labels:
        groups[normal(label)] = (*groups.get(normal(label), ()), label)
    groups.pop("", None)
    return groups


def _undressed(text: str) -> str:
    """Take off quotes, brackets, marks of Markdown and a tag that stand around a text."""
    bare = _EMOJI.sub("", text).strip() or text.strip()
    while True:
        inner = _LIST_MARK.sub("", bare, count=1) if _LIST_MARK.match(bare) else bare
        if tagged := _TAGGED.fullmatch(inner):
            inner = tagged[2].strip()
        for opens, closes in _PAIRS:
            if len(inner) > len(opens) + len(closes) and inner.startswith(opens) and inner.endswith(closes):
                inner = inner[len(opens) : -len(closes)].strip()
        if inner == bare:
            return bare
        bare = inner


def _ended(text: str) -> str:
    """Take off what ends a sentence as well, within the marks and behind them."""
    return _undressed(_undressed(_undressed(text).rstrip(_ENDS)).rstrip(_ENDS))


def _composed(text: str) -> str:
    """Return a text in one form of Unicode, without marks that nobody sees."""
    return to_normal_form("NFC", without_hidden(text))


def _folded(text: str) -> str:
    return to_normal_form("NFKC", text).casefold()


def _spaced(text: str) -> str:
    return _SEPARATORS.sub(" ", _folded(_ended(text))).strip()
