"""Reads the reviewed reference data and says what an hour of this machine costs."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from models.catalogue.entries import best_named, machines
from models.default_model import uses_server
from models.economics.month import Rate, ReferenceRate
from models.economics.pricing import usd_to_nano
from models.engines.server.address import ServerAddress
from models.errors import PriceUnknown
from models.settings import Settings

SPOT_RATE = "BREAKEVEN_SPOT__USD_PER_HOUR"
_CORES = re.compile(r"cpu x([0-9]+)")


@dataclass(frozen=True, slots=True)
class Infrastructure:
    """What the engine runs on and what an hour of it costs, dated and with its source."""

    kind: str
    nano_usd_per_hour: int
    billing_mode: str
    billing_increment_seconds: int
    effective_from: date
    source: str


def engine_machine(settings: Settings, gpu: str | None) -> Infrastructure:
    """Price the machine of the local engine: this one, or that of an own server elsewhere, which the settings must name.

    `gpu` as in `infrastructure`. Raises `PriceUnknown`, and what `ServerAddress.of` raises.
    """
    if uses_server(settings):
        address = ServerAddress.of(settings.server_url, settings.server_hosts)
        kind, rate = settings.gpu_kind or "", own_rate(settings)
        if not address.on_this_machine and (not kind or (kind.lower().startswith("cpu") and rate is None)):
            msg = (
                f"the server {address.host} is on another machine, whose hours have a price: set BREAKEVEN_GPU_KIND "
                "to what it has (such as L4), and BREAKEVEN_GPU_USD_PER_HOUR to what it costs"
            )
            raise PriceUnknown(msg)
    return infrastructure(settings, gpu)


def infrastructure(settings: Settings, gpu: str | None, cores: int | None = None) -> Infrastructure:
    """Price this machine: the settings' own rate, else the catalogue's, which knows none of spot machines.

    `gpu` is the name that the driver reports, None on a machine without one; `cores` defaults to the
    machine's. Raises `PriceUnknown` for a machine that neither knows: nothing is free by accident.
    """
    kind = settings.gpu_kind or gpu or "cpu"
    if (own := own_rate(settings)) is not None:
        rate, since, source = own, date(1970, 1, 1), "settings"
    elif settings.billing_mode == "spot":
        msg = f"no spot price is known for {kind!r}; set {SPOT_RATE} to what an hour costs"
        raise PriceUnknown(msg)
    else:
        entry = _find(kind)
        if entry is None:
            known = ", ".join(str(machine["kind"]) for machine in machines())
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


def own_rate(settings: Settings) -> Decimal | None:
    """Return the settings' own rate of an hour in the mode that they name; None: they have none."""
    return settings.spot.usd_per_hour if settings.billing_mode == "spot" else settings.gpu_usd_per_hour


def kind_of(name: str) -> str:
    """Return the catalogue's name of a machine, the name itself where the catalogue does not know it."""
    entry = _find(name)
    return name if entry is None or entry["kind"] == "cpu" else str(entry["kind"])


def reference_rates(kind: str) -> list[ReferenceRate]:
    """Return what the catalogue says that one machine of a kind costs, at most one rate for each billing mode."""
    entry = _find(kind)
    if entry is None:
        return []
    rates = []
    source = f"{entry['source']}, {entry['date']}"
    if (usd := _usd_per_hour(entry, kind)) is not None:
        rates.append(ReferenceRate("on_demand", Rate(nano_per_hour=usd_to_nano(usd)), source, kind=kind))
    if (month := entry.get("reserved_usd_per_month")) is not None:
        source = f"{entry['reserved_source']}, {entry['reserved_date']}"
        rates.append(
            ReferenceRate("reserved", Rate(nano_per_month=usd_to_nano(Decimal(month))), source, kind=kind)
        )
    return rates


def list_offers() -> list[dict[str, object]]:
    """Return every price of the catalogue as a row, with its date and source; `used`: it is in sums."""
    return [row for machine in machines() for row in _offers(machine)]


def _offers(machine: Mapping[str, Any]) -> Iterator[dict[str, object]]:
    hour = machine.get("usd_per_hour") or machine["usd_per_core_hour"]
    offer = "on demand" if "usd_per_hour" in machine else "on demand, each core"
    kind = str(machine["kind"])
    yield _offer(kind, offer, machine, per_hour=[hour], used=True)
    if (month := machine.get("reserved_usd_per_month")) is not None:
        reserved = {"date": machine["reserved_date"], "source": machine["reserved_source"]}
        yield _offer(kind, "reserved", reserved, per_month=[month], used=True)
    for one in machine.get("others", ()):
        per_hour, per_month = one.get("usd_per_hour", ()), one.get("usd_per_month", ())
        yield _offer(kind, str(one["offer"]), one, per_hour, per_month)


def _offer(
    kind: str,
    offer: str,
    said: Mapping[str, Any],
    per_hour: Sequence[str] = (),
    per_month: Sequence[str] = (),
    *,
    used: bool = False,
) -> dict[str, object]:
    return {
        "machine": kind,
        "offer": offer,
        "usd_per_hour": " to ".join(per_hour) or None,
        "usd_per_month": " to ".join(per_month) or None,
        "used": "yes" if used else "no",
        "date": said["date"],
        "source": said["source"],
    }


OFFER_COLUMNS = ("machine", "offer", "usd_per_hour", "usd_per_month", "used", "date", "source")


def _usd_per_hour(entry: Mapping[str, Any], kind: str) -> Decimal | None:
    """Price an hour of a machine; of a CPU machine only where its name says how many cores it has."""
    if "usd_per_hour" in entry:
        return Decimal(entry["usd_per_hour"])
    cores = _CORES.fullmatch(kind)
    return None if cores is None else Decimal(entry["usd_per_core_hour"]) * int(cores[1])


def _find(kind: str) -> Mapping[str, Any] | None:
    entry: Mapping[str, Any] | None = best_named(
        ((str(one.get("match", one["kind"])), one) for one in machines()), kind
    )
    return entry
