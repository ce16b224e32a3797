"""Patterns of our own against texts that strangers write: each reads a text once, whatever it is made of."""

from collections.abc import Callable

import httpx2
import pytest

from models.engines.api.answers.json_reading import NoJson, find_block, unfence, without_blocks
from models.engines.api.answers.label_reading import find_label, find_spelling, names_another
from models.engines.api.answers.reasoning_marks import without_reasoning
from models.engines.api.errors.delay_headers import retry_after, used_up
from models.engines.api.errors.error_codes import error_code, is_id
from models.engines.api.errors.error_hints import read_hints
from models.engines.api.reply_limits import MOST_VALUES, parse_json
from models.errors import one_line
from models.evaluation.wording import normalise_answer, normalise_text
from models.grounding.stated import StatedText
from models.workloads.answer_checks import count_sentences
from models.workloads.label_spelling import LabelSpellings

LONG = 100_000
LABELS = ("positive", "very negative", "mixed bag")
PIECES = (
    *(
        " ",
        "\u2003",
        "\n",
        "\t \n",
        "a",
        "1",
        "1.",
        "1,",
        ".",
        "!",
        "-",
        " - ",
        "*",
        "_",
        "=",
        "= ",
        ":",
        ": ",
        '{"',
        "{ ",
        "[ ",
    ),
    *(
        '"',
        '\\"',
        "`",
        "```\n",
        "<b>",
        "</b>",
        "<think>",
        "[THINK]",
        "<think></think>",
        "<|channel|>",
        "<!--",
        "<td",
        "&amp;",
    ),
    *(
        "\u0301\u0316",
        "\uff9e\u0316",
        "好",
        "不",
        "positive ",
        "very ",
        "very\u2003",
        "label is positive ",
        "try again in ",
        "exceed",
    ),
    *(
        "violat",
        "system role not",
        "max_tokens ",
        "retry in 1s and ",
        "r=0 ",
        "1s",
        " ->",
        "wait ",
        "(",
        "( ",
    ),
)
ENDS = ("\u0001", "</think>", "[/THINK]")


def _find_json(text: str) -> object:
    try:
        return find_block(text), without_blocks(text)
    except NoJson:
        return None


def _parse(text: str) -> object:
    try:
        return parse_json(b"," * (MOST_VALUES + 1) + text.encode())
    except (ValueError, httpx2.HTTPError):
        return None


READERS: dict[str, Callable[[str], object]] = {
    "label": lambda text: find_label(LABELS, text[:20_000], cut=False),
    "label of a text that was cut": lambda text: find_label(LABELS, text[:20_000], cut=True),
    "spelling": lambda text: find_spelling(LABELS, text),
    "other label": lambda text: names_another(LABELS, "positive", text),
    "spellings": LabelSpellings(LABELS).find,
    "fence": unfence,
    "JSON": _find_json,
    "reasoning": lambda text: without_reasoning(text, free=False),
    "reasoning of a free text": lambda text: without_reasoning(text, free=True),
    "hints": lambda text: read_hints(
        {"error": {"message": text, "param": text, "retry_after": text, "type": text}}
    ),
    "code": lambda text: (error_code(text), is_id(text)),
    "headers": lambda text: (
        retry_after({"retry-after": text, "date": text}, 0.0),
        used_up({"x-ratelimit-reset": text, "ratelimit": text}, refused=True),
    ),
    "body": _parse,
    "line": lambda text: one_line(f"x{text}"),
    "sentences": count_sentences,
    "wording": lambda text: (normalise_text(text), normalise_answer(text)),
    "stated": lambda text: StatedText(text[-30_000:]).states("a positive 12 1234 x"),
    "stated answer": lambda text: StatedText("positive").states(text[-30_000:]),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_long_text_is_read_once(reader: str) -> None:
    """Each piece, 100,000 characters of it: a second in all, where the square takes minutes for one of them."""
    read = READERS[reader]
    for piece in PIECES:
        long = piece * (LONG // len(piece))
        for end in ENDS if reader.startswith("reasoning") else ENDS[:1]:
            read(long + end)
