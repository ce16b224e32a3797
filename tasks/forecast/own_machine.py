"""Which machine and which model would serve, and how fast they are: by earlier runs, else by the catalogue's estimate."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from statistics import median

from sqlalchemy.orm import Session

from db import throughput as ledger
from models.catalogue.assumed_terms import references
from models.catalogue.entries import GpuEntry, ModelEntry, find_gpus, find_models, gpu_called, model_called
from models.catalogue.fit import Bits, Precision, RequestTokens, estimate, fit, most_bits, sequences_at_once
from models.catalogue.model_fit import bits_of
from models.catalogue.rates import infrastructure, kind_of
from models.default_model import model_name
from models.economics.demand import Lengths
from models.economics.month import ReferenceRate
from models.economics.owning import EnteredTerms
from models.economics.terms_in_force import is_same_kind
from models.economics.throughput import Throughput, fit_throughput
from models.errors import PriceUnknown, UsageError
from models.gpu_time import NS_PER_SECOND
from models.machine import gpu_name
from models.settings import Settings

GPU = "A10G"
MODEL = "Llama 3.1 8B"
LOAD_SECONDS = 180
"""Loading a model into the engine where no run tells: weights from a disk and kernels, minutes for 8B."""


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


@dataclass(frozen=True, slots=True)
class ServingSpeed:
    """How fast a model answers one workload's prompts, how long a load takes, and what both stand on."""

    throughput: Throughput
    load_ns: int
    basis: str
    load_basis: str


def choose_model(settings: Settings, named: str | None) -> OwnModel:
    """Take the model that is named, else the settings', else a usual one. Raises `UsageError` for one that is unknown."""
    if named is None and settings.model is None:
        (entry,) = find_models([MODEL])
        return _from_catalogue(settings, entry, "assumed; --local-model names another")
    if named is not None:
        several = find_models([named])
        if len(several) > 1:
            msg = f"{named!r} names several models: {', '.join(one.name for one in several)}; choose one"
            raise UsageError(msg)
        return _from_catalogue(settings, several[0], "as asked")
    name = model_name(settings)
    return OwnModel(name, name, model_called(settings.model or ""), bits_of(settings), "of the settings")


def _from_catalogue(settings: Settings, entry: ModelEntry, how: str) -> OwnModel:
    if settings.model is not None and model_called(settings.model) == entry:
        return OwnModel(entry.name, model_name(settings), entry, bits_of(settings), how)
    plain = settings.model_copy(
        update={"model": entry.hub, "model_revision": None, "quantization": None, "lora_adapter": None}
    )
    return OwnModel(entry.name, model_name(plain), entry, None, how)


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
    return infrastructure(settings.model_copy(update={"gpu_kind": None, "gpu_usd_per_hour": None}), None).kind


def rates_of(settings: Settings, machine: Machine, entered: list[EnteredTerms]) -> tuple[ReferenceRate, ...]:
    """Return what the machine costs, the best first: as it was entered, by the settings if it is yours, by the catalogue.

    Raises `PriceUnknown` where nobody knows: nothing is free by accident.
    """
    own = settings.gpu_kind or gpu_name()
    yours = kind_of(own) if own is not None else _cpu(settings)
    if settings.gpu_usd_per_hour is not None and yours != machine.kind:
        settings = settings.model_copy(update={"gpu_usd_per_hour": None})
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


def speed_of(
    machine: Machine,
    model: OwnModel,
    lengths: Lengths,
    daily: int,
    like: ledger.HistoryFilter,
    session: Session | None,
) -> ServingSpeed:
    """Say how fast a model is on a machine with these prompts, `daily` of them a day.

    `like`: which earlier runs tell. Runs with other prompts are taken without their prefix cache. Raises
    `UsageError` where neither a run nor the catalogue tells, and for a model that does not fit.
    """
    load_ns, load_basis = LOAD_SECONDS * NS_PER_SECOND, "assumed"
    if session is not None:
        loads = ledger.list_load_times(session, model.in_ledger, machine.kind)
        speed = fit_throughput(ledger.list_earlier_runs(session, like))
        if loads:
            warm_up = 0 if speed is None else speed.warm_up_ns
            load_ns, load_basis = round(median(loads)) + warm_up, _runs(len(loads))
        if speed is not None:
            if like.workload is None:
                speed = replace(speed, cached_per_request=0.0)
            return ServingSpeed(speed, load_ns, _runs(speed.runs), load_basis)
    estimated, basis = _estimated(machine, model, lengths, daily)
    return ServingSpeed(estimated, load_ns, basis, load_basis)


def _runs(count: int) -> str:
    return f"measured in {count} earlier run{'s' * (count > 1)}"


def _estimated(machine: Machine, model: OwnModel, lengths: Lengths, daily: int) -> tuple[Throughput, str]:
    """Estimate by the architecture and the GPU's figures, with as many sequences as fit, and as there are records."""
    if model.entry is None or machine.gpu is None:
        lacking = machine.kind if machine.gpu is None else model.name
        msg = (
            f"nothing tells how fast {model.name} is on {machine.kind}: no run in the ledger, and {lacking} is not in "
            "the catalogue (breakeven catalog); name others with --local-model and --gpu"
        )
        raise UsageError(msg)
    shape, gpu = model.entry.shape, machine.gpu.figures
    context = max(1, ceil(lengths.input + lengths.output))
    if context > shape.context:
        msg = f"{model.name} takes {shape.context:,} tokens, these prompts and answers have {context:,}; choose another with --local-model"
        raise UsageError(msg)
    bits = model.bits or most_bits(shape, gpu.memory, context)
    sequences = 0 if bits is None else fit(shape, gpu.memory, bits, context).sequences
    if bits is None or not sequences:
        at = "at 16, 8 or 4 bits" if bits is None else f"at {bits} bits"
        msg = f"{model.name} does not fit {machine.kind} {at}; choose others with --local-model and --gpu (breakeven catalog)"
        raise UsageError(msg)
    tokens, precision = RequestTokens(float(lengths.input), float(lengths.output)), Precision(bits)
    running = min(sequences_at_once(shape, gpu.memory, precision, tokens), daily)
    found = estimate(shape, gpu, precision, running, tokens)
    basis = f"estimated: {bits} bits, {running} sequence{'s' * (running > 1)} at once"
    return Throughput(found.input_ns, found.output_ns, 0.0, 0.0, 0), basis
