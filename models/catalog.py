"""Reads the reviewed reference data and says what an hour of this machine costs."""

import os
import tomllib
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from models.economics.pricing import usd_to_nano
from models.errors import PriceUnknown
from models.settings import Settings


@dataclass(frozen=True, slots=True)
class Infrastructure:
    """What the engine runs on and what an hour of it costs, dated and with its source."""

    kind: str
    nano_usd_per_hour: int
    billing_mode: str
    billing_increment_seconds: int
    effective_from: date
    source: str


@cache
def _machines() -> tuple[dict[str, Any], ...]:
    text = files("models").joinpath("catalog.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(text)["machines"])


def infrastructure(settings: Settings, gpu: str | None, cores: int | None = None) -> Infrastructure:
    """Price this machine: the settings' own rate, else the catalogue's.

    `gpu` is the name that the driver reports, None on a machine without one; `cores` defaults to the
    machine's. Raises `PriceUnknown` for a machine that neither knows: nothing is free by accident.
    """
    kind = settings.gpu_kind or gpu or "cpu"
    if settings.gpu_usd_per_hour is not None:
        rate, since, source = settings.gpu_usd_per_hour, date(1970, 1, 1), "settings"
    else:
        entry = _find(kind)
        if entry is None:
            known = ", ".join(str(machine["kind"]) for machine in _machines())
            msg = (
                f"no hourly price is known for {kind!r}; set BREAKEVEN_GPU_USD_PER_HOUR (priced are: {known})"
            )
            raise PriceUnknown(msg)
        kind, since, source = str(entry["kind"]), entry["date"], str(entry["source"])
        if kind == "cpu":
            cores = cores or os.cpu_count() or 1
            kind, rate = f"cpu x{cores}", Decimal(entry["usd_per_core_hour"]) * cores
        else:
            rate = Decimal(entry["usd_per_hour"]) * settings.tensor_parallel_size
    return Infrastructure(
        kind, usd_to_nano(rate), settings.billing_mode, settings.billing_increment_seconds, since, source
    )


def _find(kind: str) -> dict[str, Any] | None:
    found = [m for m in _machines() if m.get("match", m["kind"]).lower() in kind.lower()]
    return max(found, key=lambda m: len(m.get("match", m["kind"])), default=None)
