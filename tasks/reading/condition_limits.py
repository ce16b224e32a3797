"""What a condition may be: of one row alone, and not so long or so deep that working it out takes the process with it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from models.errors import InputError

LONGEST = 2**20
"""Characters of a condition at most: a list of some ten thousand values fits in."""
_OPERATORS = 1200
"""polars works a chain out by recursion: from some thousand links on it overflows the stack, and the process is gone."""
_DEPTH = 250
_CHAIN = 20
"""So many terms that AND or OR joins are made a tree of their own, which is as deep as their logarithm."""
_SHOWN = 200
_TOKENS = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|--[^\n]*|/\*.*?\*/
    |(?P<operator>\b(?:and|or|xor|not|is|like|ilike|rlike|regexp|between|when|collate|case|over|in)\b
        |(?<=[\w)'"\]])\s*-|[+*/%|&^<>=!~:@\#\[]+)""",
    re.DOTALL | re.VERBOSE | re.IGNORECASE,
)
_PARTS: Mapping[str, tuple[str, ...]] = {
    "BinaryExpr": ("left", "right"),
    "Function": ("input",),
    "Cast": ("expr",),
    "Ternary": ("predicate", "truthy", "falsy"),
    "Eval": ("expr",),  # what is said of the members of a list is of one row as well
    "Alias": (),
    "Column": (),
    "Literal": (),
}
"""The kinds of expressions that look at one row, and where the expressions stand that they are made of."""
_OF_MANY = frozenset(
    {
        *(
            "NullCount",
            "Quantile",
            "Correlation",
            "Rank",
            "Shift",
            "ShiftAndFill",
            "Range",
            "DropNulls",
            "DropNans",
        ),
        *(
            "Unique",
            "UniqueCounts",
            "ValueCounts",
            "ApproxNUnique",
            "Mode",
            "Skew",
            "Kurtosis",
            "ArgUnique",
            "ArgMin",
        ),
        *(
            "ArgMax",
            "ArgSort",
            "Product",
            "CumCount",
            "CumSum",
            "CumProd",
            "CumMin",
            "CumMax",
            "Diff",
            "PctChange",
        ),
        *(
            "Interpolate",
            "InterpolateBy",
            "Entropy",
            "EwmMean",
            "EwmStd",
            "EwmVar",
            "Random",
            "SearchSorted",
            "Hist",
        ),
        *("RLE", "RLEID", "TopK", "TopKBy", "Reverse", "Repeat", "RollingExpr", "RollingExprBy", "FfiPlugin"),
        *(
            "FillNullWithStrategy",
            "BackwardFill",
            "ForwardFill",
            "GatherEvery",
            "ExtendConstant",
            "PeakMin",
            "PeakMax",
        ),
    }
)
_TRUTH_OF_MANY = ("Any", "All", "IsUnique", "IsDuplicated", "IsFirstDistinct", "IsLastDistinct")
"""Functions of the values of several rows."""


def shown(text: str) -> str:
    """Return a condition for a message, of a long one the beginning."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def check_size(text: str) -> None:
    """See that polars can take a condition apart. Raises `InputError`."""
    if len(text) > LONGEST:
        msg = f"cannot understand the condition {shown(text)!r}: it has {len(text):,} characters, more than {LONGEST:,}"
        raise InputError(msg)
    if sum(found["operator"] is not None for found in _TOKENS.finditer(text)) > _OPERATORS:
        raise too_deep(text)


def take_apart(text: str, tree: object) -> object:
    """Return the tree of a condition, less deep where AND or OR joins many terms. Raises `InputError`.

    Refused is what looks at other rows: an aggregate, a window, a subquery, all columns.
    """
    made = _balanced(tree)
    waiting: list[tuple[object, int]] = [(made, 0)]
    while waiting:
        node, depth = waiting.pop()
        if depth > _DEPTH:
            raise too_deep(text)
        parts = list(_parts_of(node))
        if parts and parts[0] is None:
            msg = (
                f"the condition {shown(text)!r} must be of one row alone: it may hold no aggregate, no window, no subquery "
                "and no wildcard"
            )
            raise InputError(msg)
        waiting += [(part, depth + 1) for part in parts]
    return made


def too_deep(text: str) -> InputError:
    """Say that a condition has too many terms, or too deep ones."""
    return InputError(
        f"cannot understand the condition {shown(text)!r}: it has too many terms, or they are nested too deep; give a list "
        "of values as column IN (…)"
    )


def _parts_of(node: object) -> Iterator[object]:
    """Yield the expressions that one is made of; first None for one that looks at more than one row."""
    kind, body = _kind_of(node)
    if kind not in _PARTS or (kind == "Function" and _is_of_many(body["function"])):
        yield None
        return
    if kind == "Alias":
        yield body[0]
    for name in _PARTS[kind]:
        part = body[name]
        if isinstance(part, list):
            yield from part
        else:
            yield part


def _kind_of(node: object) -> tuple[str, Any]:
    if isinstance(node, dict) and len(node) == 1:
        return next(iter(node.items()))
    return str(node), None


def _is_of_many(function: object) -> bool:
    kind, body = _kind_of(function)
    if kind == "Boolean":
        return _kind_of(body)[0] in _TRUTH_OF_MANY
    return kind in _OF_MANY or (kind == "StringExpr" and _kind_of(body)[0] == "ConcatVertical")


def _balanced(tree: object) -> object:
    """Return a tree in which terms that one AND or OR joins are halved again and again."""
    kind, body = _kind_of(tree)
    if kind == "BinaryExpr":
        terms = _terms(tree, body["op"]) if body["op"] in ("And", "Or") else []
        if len(terms) > _CHAIN:
            return _joined([_balanced(term) for term in terms], body["op"])
    return tree


def _terms(tree: object, operator: str) -> list[object]:
    """Return what the same operator joins, in its order."""
    found: list[object] = []
    waiting = [tree]
    while waiting:
        kind, body = _kind_of(waiting[-1])
        node = waiting.pop()
        if kind == "BinaryExpr" and body["op"] == operator:
            waiting += [body["right"], body["left"]]
        else:
            found.append(node)
    return found


def _joined(terms: Sequence[object], operator: str) -> object:
    if len(terms) == 1:
        return terms[0]
    half = len(terms) // 2
    left, right = _joined(terms[:half], operator), _joined(terms[half:], operator)
    return {"BinaryExpr": {"left": left, "op": operator, "right": right}}
