"""Which machine and which model would serve, and what the machine costs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from db import throughput as ledger
from models.catalogue.assumed_terms import references
from models.catalogue.entries import GpuEntry, ModelEntry, find_gpus, find_models, gpu_called, model_called
from models.catalogue.fit import Bits
from models.catalogue.model_fit import bits_of
from models.catalogue.rates import infrastructure, kind_of
from models.default_model import model_name, trained_weights
from models.economics.month import ReferenceRate
from models.economics.owning import EnteredTerms
from models.economics.terms_in_force import is_same_kind
from models.errors import PriceUnknown, UsageError
from models.machine import gpu_name
from models.settings import Settings
from models.settings.spot import SpotSettings

GPU = "A10G"
MODEL = "Llama 3.1 8B"


@dataclass(frozen=True, slots=True)
class Machine:
    """A kind of machine as the ledger calls it, its GPU's figures (None: a CPU, or not in the catalogue), who chose it."""

    kind: str
    gpu: GpuEntry | None
    how: str


@dataclass(frozen=True, slots=True)
class OwnModel:
    """A model by its name, as runs in the ledger call it, with its shape (None: not known), and who chose it."""

    name: str
    in_ledger: str
    entry: ModelEntry | None
    bits: Bits | None
    how: str


def choose_model(settings: Settings, named: str | None) -> OwnModel:
    """Take the model that is named, else the settings', else a usual one. Raises `UsageError` for one that is unknown.

    A quantization that is set without a model counts for the one that is taken.
    """
    if named is None and settings.model is None and trained_weights(settings) is None:
        (entry,) = find_models([MODEL])
        return _from_catalogue(settings, entry, "assumed; --local-model names another")
    if named is not None:
        several = find_models([named])
        if len(several) > 1:
            msg = f"{named!r} names several models: {', '.join(one.name for one in several)}; choose one"
            raise UsageError(msg)
        return _from_catalogue(settings, several[0], "as asked")
    return model_of(settings)


def model_of(settings: Settings) -> OwnModel:
    """Return the model that the settings name; an adapter has the shape of its base."""
    name, trained = model_name(settings), trained_weights(settings)
    known_as = (settings.model or "") if trained is None else trained.base
    return OwnModel(name, name, model_called(known_as), bits_of(settings), "of the settings")


def _from_catalogue(settings: Settings, entry: ModelEntry, how: str) -> OwnModel:
    if settings.model is not None and model_called(settings.model) == entry:
        return OwnModel(entry.name, model_name(settings), entry, bits_of(settings), how)
    changes: dict[str, object] = {"model": entry.hub, "model_revision": None, "lora_adapter": None}
    if settings.model is not None:  # they belong to the settings' model, not to this one
        changes |= {"quantization": None, "dtype": "auto"}
    taken = settings.model_copy(update=changes)
    bits = bits_of(taken) if taken.quantization or taken.dtype != "auto" else None
    return OwnModel(entry.name, model_name(taken), entry, bits, how)


def choose_machine(
    settings: Settings, named: str | None, session: Session | None, likes: Sequence[ledger.HistoryFilter]
) -> Machine:
    """Take the machine that is named, the settings' or this one's GPU, one that earlier runs used, else a usual one.

    `likes`: runs that would tell of this machine without a GPU. Raises `UsageError` for a GPU that is unknown.
    """
    if named is not None:
        return _named(settings, named)
    if (own := settings.gpu_kind or gpu_name()) is not None:
        how = "this machine's" if settings.gpu_kind is None else "of the settings"
        return Machine(kind_of(own), gpu_called(own), how)
    here = _cpu(settings)
    if session is not None and any(
        ledger.list_earlier_runs(session, replace(like, machine=here), limit=1) for like in likes
    ):
        return Machine(here, None, "earlier runs were on it; --gpu names another")
    return Machine(GPU, gpu_called(GPU), "assumed; --gpu names another")


def _named(settings: Settings, name: str) -> Machine:
    if name.lower().startswith("cpu"):
        return Machine(_cpu(settings) if name.lower() == "cpu" else name, None, "as asked")
    known = gpu_called(name)
    if known is None and settings.gpu_kind is not None and is_same_kind(settings.gpu_kind, name):
        return Machine(kind_of(settings.gpu_kind), None, "as asked")
    (entry,) = [known] if known is not None else find_gpus([name])
    return Machine(entry.kind, entry, "as asked")


def _cpu(settings: Settings) -> str:
    """Name this machine without a GPU as the ledger does."""
    return infrastructure(
        settings.model_copy(update={"gpu_kind": None, "gpu_usd_per_hour": None, "billing_mode": "on_demand"}),
        None,
    ).kind


def own_kind(settings: Settings) -> str:
    """Return the kind of this machine, by the settings or by what is in it."""
    own = settings.gpu_kind or gpu_name()
    return kind_of(own) if own is not None else _cpu(settings)


def rates_of(settings: Settings, machine: Machine, entered: list[EnteredTerms]) -> tuple[ReferenceRate, ...]:
    """Return what the machine costs, the best first: as it was entered, by the settings if it is yours, by the catalogue.

    Raises `PriceUnknown` where nobody knows: nothing is free by accident.
    """
    named = settings.gpu_usd_per_hour, settings.spot.usd_per_hour
    if named != (None, None) and own_kind(settings) != machine.kind:
        settings = settings.model_copy(update={"gpu_usd_per_hour": None, "spot": SpotSettings()})
    found = [
        one
        for one in references(entered, settings, [machine.kind])
        if one.kind is None or is_same_kind(one.kind, machine.kind)
    ]
    if not found:
        msg = (
            f"no price is known for {machine.kind}; set BREAKEVEN_GPU_KIND and BREAKEVEN_GPU_USD_PER_HOUR, or "
            "enter it: breakeven infrastructure set"
        )
        raise PriceUnknown(msg)
    return tuple(found)
