"""Column types that behave the same on SQLite and PostgreSQL."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, LargeBinary, SmallInteger, String, Uuid
from sqlalchemy.types import TypeDecorator, TypeEngine

from models.economics.pricing import HourPrice, LongPromptPrice

# An INTEGER PRIMARY KEY is what numbers itself on SQLite; two bytes a ledger line elsewhere.
SmallKey = SmallInteger().with_variant(Integer(), "sqlite")
WideKey = BigInteger().with_variant(Integer(), "sqlite")


class Key(TypeDecorator[UUID]):
    """UUID: native on PostgreSQL, 16 bytes on SQLite (SQLAlchemy's own would take 32)."""

    impl = Uuid
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the stored type."""
        return dialect.type_descriptor(LargeBinary(16) if dialect.name == "sqlite" else Uuid())

    def process_bind_param(self, value: UUID | None, dialect: Dialect) -> Any:  # noqa: ANN401 - as declared upstream
        """Turn a UUID into what is stored."""
        return value.bytes if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> UUID | None:  # noqa: ANN401, ARG002 - as upstream
        """Turn what is stored into a UUID."""
        return UUID(bytes=value) if isinstance(value, bytes) else value


class LongPrompts(TypeDecorator[tuple[LongPromptPrice, ...]]):
    """Prices of long prompts, as a JSON list; NULL where there are none."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: tuple[LongPromptPrice, ...] | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - as upstream
        """Write them down."""
        return json.dumps(value, separators=(",", ":")) if value else None

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[LongPromptPrice, ...]:  # noqa: ARG002 - as upstream
        """Read them back."""
        return () if value is None else tuple(LongPromptPrice(*one) for one in json.loads(value))


class HourPrices(TypeDecorator[tuple[HourPrice, ...]]):
    """Prices of single hours, as a JSON list; NULL where all hours cost the same."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: tuple[HourPrice, ...] | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - as upstream
        """Write them down."""
        return json.dumps(value, separators=(",", ":")) if value else None

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[HourPrice, ...]:  # noqa: ARG002 - as upstream
        """Read them back."""
        return () if value is None else tuple(_read_hour(one) for one in json.loads(value))


def _read_hour(values: list[Any]) -> HourPrice:
    hour = HourPrice(*values)
    return hour._replace(long_prompts=tuple(LongPromptPrice(*one) for one in hour.long_prompts))


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetime in UTC, in and out, also on SQLite, which stores no time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn into UTC. Raises `ValueError` for a naive datetime: its zone would be a guess."""
        if value is None:
            return None
        if value.tzinfo is None:
            msg = f"naive datetime {value}: give it a time zone"
            raise ValueError(msg)
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn into an aware datetime in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)
