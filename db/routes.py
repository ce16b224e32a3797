"""Routes of attempts as people read them: in SQL, as text, and read back."""

import re

from sqlalchemy import ColumnElement, case, func, literal

from db.tables import DailyUsageRow as Usage
from db.tables import LedgerLineRow as Line
from models.errors import UsageError

_ROUTE = re.compile(r"(?:(?P<requested>[^>:]+)>)?(?P<engine>[^>:]+)(?::(?P<reason>.+))?")


def route_of(table: type[Line | Usage]) -> ColumnElement[str]:
    """Write an attempt's route as people read it.

    `vllm`: served as requested. `vllm:low_confidence`: served there, but the record was passed on for
    that reason. `vllm>openai:low_confidence`: served elsewhere than requested, and why.
    """
    there = table.requested + literal(">") + table.engine
    reason = func.coalesce(literal(":") + func.nullif(table.reason, ""), "")
    return case((table.requested == table.engine, table.engine), else_=there) + reason


def route_text(requested: str, engine: str, reason: str | None) -> str:
    """Write a route as people read it: `vllm`, `vllm:low_confidence`, `vllm>openai:low_confidence`."""
    served = engine if requested == engine else f"{requested}>{engine}"
    return f"{served}:{reason}" if reason else served


def parse_route(route: str) -> tuple[str, str, str]:
    """Return requested engine, engine and reason ("": none) of a route. Raises `UsageError`."""
    found = _ROUTE.fullmatch(route)
    if found is None:
        msg = f"{route!r} is no route; write it as the ledger does, such as vllm>openai:low_confidence"
        raise UsageError(msg)
    return found["requested"] or found["engine"], found["engine"], found["reason"] or ""
