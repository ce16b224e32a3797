"""Columns and rules that many tables have, named as `db.base` names them."""

import sqlalchemy as sa
from alembic import op


def whole(*names: str, nullable: bool = False, default: str | None = None) -> list[sa.Column[int]]:
    """Columns of whole numbers of eight bytes."""
    return [sa.Column(name, sa.BigInteger(), server_default=default, nullable=nullable) for name in names]


def not_negative(table: str, *columns: str) -> list[sa.CheckConstraint]:
    """None of the columns is below 0."""
    return [sa.CheckConstraint(f"{name} >= 0", name=op.f(f"ck_{table}_{name}")) for name in columns]


def refers(table: str, **columns: str) -> list[sa.ForeignKeyConstraint]:
    """Each column holds the `id` of a row of the table that it is given with."""
    return [
        sa.ForeignKeyConstraint([name], [f"{to}.id"], name=op.f(f"fk_{table}_{name}"))
        for name, to in columns.items()
    ]
