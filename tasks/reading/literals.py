"""What a condition's literals say of the columns that they stand beside: `zip = '01234'` means text."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Literal, cast

import polars as pl

from tasks.reading.timestamps import seconds_of

Sort = Literal["text", "number", "truth", "moment"]
_SIDE_BY_SIDE = ("Binary", "IsIn")


def to_tree(expr: pl.Expr) -> object:
    """Return an expression as JSON values. Raises `ValueError` for one that is nested very deep."""
    tree: object = json.loads(expr.meta.serialize(format="json"))  # with whole numbers of any size
    return tree


def from_tree(tree: object) -> pl.Expr:
    """Return the expression of `to_tree`."""
    return pl.Expr.deserialize(StringIO(json.dumps(tree)), format="json")


def rename_columns(tree: object, found: Mapping[str, str]) -> object:
    """Return a tree with its columns renamed."""
    if isinstance(tree, list):
        return [rename_columns(part, found) for part in tree]
    if not isinstance(tree, dict):
        return tree
    if "Literal" in tree:
        return tree
    return {
        key: found.get(part, part)
        if key == "Column" and isinstance(part, str)
        else rename_columns(part, found)
        for key, part in tree.items()
    }


def sorts_of(expr: pl.Expr) -> dict[str, Sort]:
    """Return what columns must be, by name, for the literals beside them; without those of which two things are said."""
    said: dict[str, set[Sort]] = {}
    for name, sort in _pairs(to_tree(expr)):
        said.setdefault(name, set()).add(sort)
    return {name: next(iter(sorts)) for name, sorts in said.items() if len(sorts) == 1}


def beside_numbers(expr: pl.Expr) -> set[str]:
    """Return the columns that are compared with a number."""
    return {name for name, sort in _pairs(to_tree(expr)) if sort == "number"}


def _pairs(tree: object) -> Iterator[tuple[str, Sort]]:
    if isinstance(tree, list):
        for part in tree:
            yield from _pairs(part)
    if not isinstance(tree, dict) or "Literal" in tree:
        return
    for key, part in tree.items():
        if key == "BinaryExpr":
            yield from _beside([part["left"], part["right"]])
        elif key == "Function":
            yield from _of_function(part["input"], part["function"])
        yield from _pairs(part)


def _of_function(inputs: Sequence[object], function: object) -> Iterator[tuple[str, Sort]]:
    if isinstance(function, dict) and "StringExpr" in function:
        if (name := _column(inputs[0])) is not None:
            yield name, "text"
    elif function == "Coalesce" or any(word in json.dumps(function) for word in _SIDE_BY_SIDE):
        yield from _beside(inputs)


def _beside(parts: Sequence[object]) -> Iterator[tuple[str, Sort]]:
    names = [name for part in parts if (name := _column(part)) is not None]
    sorts = [sort for part in parts if names and (sort := _sort(part)) is not None]
    yield from ((name, sort) for name in names for sort in sorts)


def _column(tree: object) -> str | None:
    return tree["Column"] if isinstance(tree, dict) and isinstance(tree.get("Column"), str) else None


def _sort(tree: object) -> Sort | None:
    """Return what a part is that looks at no column, None for any other, and for what polars cannot work out."""
    if _looks_at_column(tree):
        return None
    try:
        kind = pl.select(from_tree(tree)).dtypes[0]
    except pl.exceptions.PolarsError:  # `Condition.check` says it
        return None
    if isinstance(kind, pl.List) and isinstance(kind.inner, pl.DataType):
        kind = kind.inner
    if kind.is_numeric():
        return "number"
    if kind.is_temporal():
        return "moment"
    return "text" if kind == pl.String else "truth" if kind == pl.Boolean else None


def _looks_at_column(tree: object) -> bool:
    if isinstance(tree, list):
        return any(map(_looks_at_column, tree))
    if not isinstance(tree, dict) or "Literal" in tree:
        return False
    return "Column" in tree or any(map(_looks_at_column, tree.values()))


def fit_moments(tree: object, kinds: Mapping[str, pl.DataType]) -> object:
    """Return a tree whose literals beside columns of dates and times are moments of their zone; `kinds`: the columns' types.

    Text is read as timestamps are; a moment without a zone is UTC.
    """
    if isinstance(tree, list):
        parts = [fit_moments(part, kinds) for part in tree]
        beside = [kinds.get(_column(part) or "") for part in parts]
        moments = [kind for kind in beside if isinstance(kind, pl.Date | pl.Datetime)]
        return [_moment(part, moments[0]) for part in parts] if moments else parts
    if not isinstance(tree, dict):
        return tree
    if set(tree) == {"BinaryExpr"}:
        both = tree["BinaryExpr"]
        left, right = cast("list[object]", fit_moments([both["left"], both["right"]], kinds))
        return {"BinaryExpr": {**both, "left": left, "right": right}}
    return {key: fit_moments(part, kinds) for key, part in tree.items()}


def _moment(tree: object, kind: pl.DataType) -> object:
    """Return a literal of text or of a moment without a zone as one that compares with this type; any other part as it is."""
    literal = tree.get("Literal") if isinstance(tree, dict) else None
    scalar = literal.get("Scalar") if isinstance(literal, dict) else None
    if not isinstance(scalar, dict):
        return tree
    if "String" in scalar:
        second = seconds_of([scalar["String"]]).item()
        moment = None if second is None else datetime.fromtimestamp(second, UTC)
    elif "Datetime" in scalar and scalar["Datetime"][1:] == ["Microseconds", None]:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=scalar["Datetime"][0])
    else:
        return tree
    if moment is None:
        return tree
    if not isinstance(kind, pl.Datetime) or kind.time_zone is None:
        return to_tree(pl.lit(moment.replace(tzinfo=None)))
    return to_tree(pl.lit(moment).dt.convert_time_zone(kind.time_zone))
