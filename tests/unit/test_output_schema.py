"""The columns derived from output models."""

from enum import StrEnum
from typing import Annotated, Any, Literal

import polars as pl
import pytest
from pydantic import BaseModel, Field, create_model

from models.workloads.json_schema import AnswerValidator
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


def test_a_whole_number_that_no_column_holds_is_no_answer() -> None:
    """A column of whole numbers has 64 bits: one answer with a longer one ended the run, each time anew."""
    schema = {"type": "object", "properties": {"count": {"type": "integer"}}}
    validator, column = AnswerValidator(schema), output_schema(create_model("One", count=(int, ...)))
    for number in (2**63 - 1, -(2**63)):
        assert validator.first_broken({"count": number}) is None
        assert pl.DataFrame({"count": [number]}, schema=column).row(0) == (number,)
    for wrong in (2**63, -(2**63) - 1, 2.0**63, True):
        assert validator.first_broken({"count": wrong}) == ("count", "must be of type integer")
