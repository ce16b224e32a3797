"""What all tables share: names of constraints, column types, and the checks that many have."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, Double, MetaData
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.schema import SchemaItem

from db.columns import Key, UtcDateTime


class Base(DeclarativeBase):
    """Names every constraint, so that migrations can address it on both databases."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {UUID: Key, datetime: UtcDateTime, float: Double}


def not_negative(*columns: str) -> list[SchemaItem]:
    """Check that none of the columns is below 0."""
    return [CheckConstraint(f"{column} >= 0", name=column) for column in columns]


def one_of(column: str, *values: str) -> CheckConstraint:
    """Check that a column has one of these values."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(value) for value in values)})", name=column)
