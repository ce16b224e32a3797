"""The columns derived from output models."""

from enum import StrEnum
from typing import Annotated, Any, Literal

import polars as pl
import pytest
from pydantic import BaseModel, Field, create_model

from tasks.storage.parquet_schema import output_schema


class Colour(StrEnum):
    """An enumeration of strings."""

    RED = "red"


class Attribute(BaseModel):
    """A nested model."""

    name: str
    value: str | None


class Product(BaseModel):
    """One field of every kind that has a column."""

    title: Annotated[str, Field(min_length=1)]
    category: Literal["a", "b"]
    colour: Colour | None
    count: int
    score: float
    good: bool
    bullets: list[str]
    attributes: list[Attribute]
    pair: tuple[int, ...]


def test_every_kind_of_field() -> None:
    """Each field type becomes its column, in the order of the fields, optional ones included."""
    nested = pl.Struct({"name": pl.String(), "value": pl.String()})
    assert list(output_schema(Product).items()) == [
        ("title", pl.String()),
        ("category", pl.String()),
        ("colour", pl.String()),
        ("count", pl.Int64()),
        ("score", pl.Float64()),
        ("good", pl.Boolean()),
        ("bullets", pl.List(pl.String())),
        ("attributes", pl.List(nested)),
        ("pair", pl.List(pl.Int64())),
    ]


@pytest.mark.parametrize("kind", [dict[str, str], str | int, object, Literal["a", 1]])
def test_a_type_without_a_column_is_named(kind: Any) -> None:  # noqa: ANN401 - a type expression
    """A field that no column can hold is an error that names the field."""
    model = create_model("Odd", field=(kind, ...))
    with pytest.raises(TypeError, match=r"Odd\.field"):
        output_schema(model)
