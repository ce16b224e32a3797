"""JSON in the text of an answer: the whole text, or the one block that prose stands around. Nothing within it is repaired."""

import json
import re
from collections.abc import Iterator
from typing import NoReturn, cast

import orjson

from models.requests import JsonValue

_FENCED = re.compile(r"```[A-Za-z0-9_]*[ \t]*\n(.*)\n[ \t]*```", re.DOTALL)
_BEGINS = re.compile(r'\{\s*"|\[\s*[\[{"]')
"""What begins an object or a list of JSON, and hardly anything in prose."""


class NoJson(ValueError):
    """The text holds no JSON, or more than one that could be meant."""


def decode(text: str) -> JsonValue:
    """Return the value of a text that is JSON. Raises `NoJson`: also where two values stand under one name.

    Stricter than the standard library: no NaN, no endless nesting, no half a surrogate pair.
    """
    try:
        value: JsonValue = orjson.loads(text)
        json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise NoJson from error
    return value


def unfence(text: str) -> str:
    """Return what stands in a Markdown fence that is the whole text; else the text."""
    fenced = _FENCED.fullmatch(text)
    return fenced[1].strip() if fenced else text


def find_block(text: str) -> str:
    """Return the one block of JSON in a text. Raises `NoJson`: none, a broken one, or two that differ.

    A block that is cut off is broken, and so nothing within it is ever taken for the whole.
    """
    blocks = {
        orjson.dumps(decode(text[begin:end]), option=orjson.OPT_SORT_KEYS): text[begin:end]
        for begin, end in _blocks(text)
    }
    if len(blocks) != 1:
        raise NoJson
    return next(iter(blocks.values()))


def without_blocks(text: str) -> str:
    """Return what stands around the blocks of a text, each in a line of its own. Raises `NoJson` as `find_block`."""
    around, at = [], 0
    for begin, end in _blocks(text):
        around.append(text[at:begin])
        at = end
    return "\n".join([*around, text[at:]])


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each block of JSON begins and ends. Raises `NoJson` for a broken one."""
    at = 0
    while (begins := _BEGINS.search(text, at)) is not None:
        try:
            _, at = _DECODER.raw_decode(text, begins.start())
        except (ValueError, RecursionError) as error:
            raise NoJson from error
        yield begins.start(), at


def has_block(text: str) -> bool:
    """Whether a text holds what looks like JSON, or like an object of a programming language."""
    return "{" in text.replace("\\boxed{", "").replace("\\text{", "") or _BEGINS.search(text) is not None


def _once(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    """Make an object. Raises `ValueError` where one name has two values."""
    made = dict(pairs)
    if len(made) != len(pairs) and any(made[name] != value for name, value in pairs):
        raise ValueError
    return made


def _no_number(_: str) -> NoReturn:
    raise ValueError


_DECODER = json.JSONDecoder(object_pairs_hook=cast("None", _once), parse_constant=_no_number)
