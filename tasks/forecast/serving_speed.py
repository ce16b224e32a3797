"""How fast a model serves a workload on a machine: by earlier runs, else by the catalogue's estimate and its error."""

from dataclasses import dataclass, replace
from statistics import median

from sqlalchemy.orm import Session

from db import throughput as ledger
from models.catalogue.fit import (
    SEQUENCES,
    Bits,
    Precision,
    RequestTokens,
    estimate,
    fit,
    most_bits,
    sequences_at_once,
)
from models.catalogue.model_fit import kv_bits_of
from models.catalogue.published import SpeedError, speed_error
from models.default_model import uses_server
from models.economics.demand import Lengths
from models.economics.throughput import Throughput, fit_throughput
from models.errors import UsageError
from models.gpu_time import NS_PER_SECOND
from models.settings import Settings
from tasks.forecast.own_machine import Machine, OwnModel

LOAD_SECONDS = 180
"""Loading a model into the engine where no run tells: weights from a disk and kernels, minutes for 8B."""


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """What the settings say of the engine that counts for its speed.

    `most`: sequences at once. `utilization`: share of the GPU's memory. `gpus`: that share the model. `longest`:
    tokens of a prompt with its answer at most; None: as many as the model takes.
    """

    most: int
    utilization: float
    kv_bits: Bits
    gpus: int
    longest: int | None

    @classmethod
    def of(cls, settings: Settings) -> "EngineLimits":
        """Read them from the settings."""
        return cls(
            settings.server_concurrency if uses_server(settings) else settings.max_num_seqs or SEQUENCES,
            settings.gpu_memory_utilization,
            kv_bits_of(settings),
            settings.tensor_parallel_size,
            settings.max_model_len,
        )


@dataclass(frozen=True, slots=True)
class ServingSpeed:
    """How fast a model answers one workload's prompts, how long a load takes, and what both stand on.

    `error`: by how much an estimate can be off; None: it was measured.
    """

    throughput: Throughput
    load_ns: int
    basis: str
    load_basis: str
    error: SpeedError | None = None


def find_speed(
    machine: Machine,
    model: OwnModel,
    limits: EngineLimits,
    lengths: Lengths,
    like: ledger.HistoryFilter,
    session: Session | None,
) -> ServingSpeed:
    """Say how fast a model is on a machine with these prompts.

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
                speed = replace(speed, cached_per_request=float(lengths.prefix))
            return ServingSpeed(speed, load_ns, _runs(speed.runs), load_basis)
    estimated, basis = _estimate(machine, model, limits, lengths)
    return ServingSpeed(estimated, load_ns, basis, load_basis, speed_error())


def _runs(count: int) -> str:
    return f"measured in {count} earlier run{'s' * (count > 1)}"


def _estimate(
    machine: Machine, model: OwnModel, limits: EngineLimits, lengths: Lengths
) -> tuple[Throughput, str]:
    """Estimate by the architecture and the GPU's figures, with as many sequences as fit.

    Fewer records a day than that take longer each, and seconds together; a break-even lies at more.
    """
    if model.entry is None or machine.gpu is None:
        lacking = machine.kind if machine.gpu is None else model.name
        msg = (
            f"nothing tells how fast {model.name} is on {machine.kind}: no run in the ledger, and {lacking} is not in "
            "the catalogue (breakeven catalog); name others with --local-model and --gpu"
        )
        raise UsageError(msg)
    shape, gpu = model.entry.shape, machine.gpu.figures.joined(limits.gpus)
    tokens = RequestTokens(float(lengths.input), float(lengths.output))
    _check_length(model, limits, tokens)
    bits = model.bits or most_bits(shape, gpu.memory, tokens.whole)
    precision = Precision(bits or 16, limits.kv_bits)
    room = fit(shape, gpu.memory, precision.bits, tokens.whole, limits.utilization, limits.kv_bits)
    if bits is None or not room.fits:
        at = "at 16, 8 or 4 bits" if bits is None else f"at {bits} bits"
        msg = f"{model.name} does not fit {machine.kind} {at}; choose others with --local-model and --gpu (breakeven catalog)"
        raise UsageError(msg)
    running = sequences_at_once(shape, gpu.memory, precision, tokens, limits.most, limits.utilization)
    found = estimate(shape, gpu, precision, running, tokens)
    return (
        Throughput(found.input_ns, found.output_ns, float(lengths.prefix), 0.0, 0),
        f"estimated: {_describe(precision, limits.gpus, running)}",
    )


def _check_length(model: OwnModel, limits: EngineLimits, tokens: RequestTokens) -> None:
    """Raise `UsageError` for prompts and answers that the model, or the engine as it is set, does not take."""
    if model.entry is not None and tokens.whole > model.entry.shape.context:
        most = model.entry.shape.context
        msg = f"{model.name} takes {most:,} tokens, these prompts and answers have {tokens.whole:,}; choose another with --local-model"
        raise UsageError(msg)
    if limits.longest is not None and tokens.whole > limits.longest:
        msg = (
            f"these prompts and answers have {tokens.whole:,} tokens, and BREAKEVEN_MAX_MODEL_LEN allows "
            f"{limits.longest:,}: set it to more"
        )
        raise UsageError(msg)


def _describe(precision: Precision, gpus: int, running: int) -> str:
    parts = [f"{precision.bits} bits"]
    if precision.kv_bits != 16:  # noqa: PLR2004  what it is where nothing says otherwise
        parts.append(f"a cache of {precision.kv_bits} bits")
    if gpus > 1:
        parts.append(f"{gpus} GPUs that share the model")
    parts.append(f"{running} sequence{'s' * (running > 1)} at once")
    return ", ".join(parts)
