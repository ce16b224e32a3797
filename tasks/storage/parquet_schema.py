"""The Parquet columns of a workload's output model."""

from collections.abc import Sequence
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

import polars as pl
from pydantic import BaseModel

_SCALARS: dict[type, pl.DataType] = {
    str: pl.String(),
    bool: pl.Boolean(),
    int: pl.Int64(),
    float: pl.Float64(),
}


def output_schema(model: type[BaseModel]) -> dict[str, pl.DataType]:
    """Derive the columns of an output model, in the order of its fields.

    str, Literal and Enum of strings become String; lists List; nested models Struct; an optional
    field is the same column with nulls. Raises `TypeError` for a type that has no column.
    """
    return {
        name: _column(field.annotation, f"{model.__name__}.{name}")
        for name, field in model.model_fields.items()
    }


def _column(kind: object, where: str) -> pl.DataType:
    if isinstance(kind, type):
        if kind in _SCALARS:
            return _SCALARS[kind]
        if issubclass(kind, BaseModel):
            return pl.Struct(output_schema(kind))
        if issubclass(kind, Enum):
            return _common([type(member.value) for member in kind], where)
    return _generic(get_origin(kind), get_args(kind), where)


def _generic(origin: object, arguments: tuple[object, ...], where: str) -> pl.DataType:
    if origin is Annotated:
        return _column(arguments[0], where)
    if origin is Literal:
        return _common([type(value) for value in arguments if value is not None], where)
    if origin in (Union, UnionType):
        return _common([kind for kind in arguments if kind is not NoneType], where)
    if origin in (list, set, frozenset, Sequence) or (origin is tuple and arguments[1:] == (...,)):
        return pl.List(_column(arguments[0], where))
    msg = f"{where}: an output field of this type has no column; use str, int, float, bool, list or a model"
    raise TypeError(msg)


def _common(kinds: Sequence[object], where: str) -> pl.DataType:
    """One column for several types: they must agree."""
    columns = [_column(kind, where) for kind in kinds]
    if not columns or any(column != columns[0] for column in columns):
        msg = f"{where}: an output field must have one type besides None"
        raise TypeError(msg)
    return columns[0]
