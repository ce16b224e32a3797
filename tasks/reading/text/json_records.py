"""JSON objects one after the other: one a line, in an array, or printed over several lines."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

import orjson

from models.records import WHOLE_LINE, Fault
from tasks.reading.failures import input_errors
from tasks.reading.longest import LONGEST_ROW
from tasks.reading.text.json_elements import TO_BRACKET, Elements, after_gap
from tasks.reading.text.lines import AUTO, Broken, TextLines, ends_in_cr, head_and_rest, overlong

_ARRAY = re.compile(rb"\[\s*[\{\]]")
_BETWEEN = b" \t\r\n,\x1e"
"""What may stand between two objects."""
_INTEGERS = 2.0**63
"""orjson reads whole numbers up to here as they are."""

Found = Mapping[str, object] | Broken


def json_records(path: str, encoding: str = AUTO) -> Iterator[Found]:
    """Yield the objects of a file. Raises `InputError`, also for an array that is not closed."""
    with input_errors(path):
        head, chunks = head_and_rest(path, encoding)
        also_cr = ends_in_cr(head, head)
        if _is_by_line(head, also_cr=also_cr):
            yield from _by_line(TextLines(chunks, also_cr=also_cr))
        else:
            yield from _by_bracket(path, chunks)


def _is_by_line(head: bytes, *, also_cr: bool) -> bool:
    """Whether a file holds a value in each line: its first value ends with its line, or nowhere else."""
    lines = (line for line in TextLines([head], also_cr=also_cr) if line.strip(_BETWEEN))
    first = next(lines, b"")
    start = first.lstrip(_BETWEEN)
    if start.startswith(b"["):
        objects = any(line.lstrip(_BETWEEN).startswith(b"{") for line in lines)
        return not _ARRAY.match(head.lstrip(_BETWEEN)) or (objects and _is_json(first))
    if not start.startswith(b"{") or _is_json(start):
        return True
    ends = _objects_in(head.lstrip(_BETWEEN))
    found = next(ends, None)
    # Where nothing is closed, each line costs itself alone.
    return found is None or len(found) <= len(first) or not isinstance(_parse(found), dict)


def _by_bracket(path: str, chunks: Iterator[bytes]) -> Iterator[Found]:
    """Yield the elements of an array, or objects that stand one after the other."""
    for element, number in Elements(path, chunks).all():
        yield (
            overlong(f"the element that begins in line {number}")
            if element is None
            else _row(_parse(element), number)
        )


def _by_line(lines: Iterable[bytes]) -> Iterator[Found]:
    for number, line in enumerate(lines, start=1):
        if line.isspace():
            continue
        if len(line) >= LONGEST_ROW:
            yield overlong(f"line {number}")
            continue
        try:
            found = _load(line)
        except orjson.JSONDecodeError:
            yield from _lenient(line, number)
        else:
            yield _row(found, number)


def _lenient(line: bytes, number: int) -> Iterator[Found]:
    """Take apart a line that is no JSON value: bytes that are not UTF-8, NaN, a comma after it, several objects."""
    found = _row(_parse(line), number)
    if not isinstance(found, Broken) or found.fault.reason != "undecodable":
        yield found
        return
    several = [_row(_parse(one), number) for one in _objects_in(line, whole=True)]
    if several and not any(isinstance(one, Broken) for one in several):
        yield from several
    else:
        yield found


def _objects_in(text: bytes, *, whole: bool = False) -> Iterator[bytes]:
    """Yield the objects that stand one after the other; if `whole`, none unless nothing else is there."""
    found, at = [], 0
    while at < len(text):
        at = after_gap(text, at)
        if at == len(text):
            break
        end = _end(text, at) if text[at : at + 1] == b"{" else None
        if end is None:
            if whole:
                return
            break
        found.append(text[at:end])
        at = end
        if not whole:
            yield found.pop()
    yield from found


def _end(text: bytes, start: int) -> int | None:
    """Return where the value that begins with a bracket ends, None where it does not."""
    depth = 0
    while (mark := TO_BRACKET.match(text, start)) is not None:
        start = mark.end()
        depth += 1 if text[start - 1] in b"{[" else -1
        if depth == 0:
            return start
    return None


def _is_json(text: bytes) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def _load(text: bytes) -> object:
    """Parse a value, whole numbers of more than 64 bits digit by digit: orjson makes floats of them. Raises `JSONDecodeError`."""
    found = orjson.loads(text)
    if found.__class__ is dict:
        for value in found.values():
            if value.__class__ is float and not -_INTEGERS < value < _INTEGERS:
                with suppress(ValueError, RecursionError):
                    return json.loads(text)
    return found


def _parse(text: bytes) -> object:
    """Parse a value that may hold what orjson refuses."""
    try:
        return _load(text)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(text.decode("utf-8", "surrogateescape").strip("\r\n\x1e"))
    except (ValueError, RecursionError) as error:
        where = ""
        if isinstance(error, json.JSONDecodeError):
            where = f": {error.msg.partition(':')[0].lower()} at column {error.colno}"
        return Broken(
            Fault("undecodable", "is not valid JSON", WHOLE_LINE, f"must be one JSON object{where}")
        )


def _row(found: object, number: int) -> Found:
    """Return what a line or an element of an array holds, as a row."""
    if isinstance(found, dict):
        return found
    if isinstance(found, Broken):
        return Broken(found.fault._replace(detail=f"line {number} {found.fault.detail}"))
    return Broken(
        Fault("wrong_type", f"line {number} is not a JSON object", WHOLE_LINE, "must be a JSON object")
    )
