"""Settings that say something of what is forecast and yet do not count, each with the reason: nothing is ignored silently."""

from collections.abc import Iterator

from models.catalogue.assumed_terms import OWN_RATE
from models.catalogue.entries import model_called
from models.catalogue.rates import SPOT_RATE
from models.settings import Settings
from tasks.forecast.own_machine import Machine, OwnModel, own_kind

OF_SPEED = {
    "lora_adapter": "an adapter's own matrices are not in an estimated speed",
    "speculation": "what speculation saves is not in an estimated speed",
    "enforce_eager": "an estimated speed is that of an engine with CUDA graphs",
}
"""Settings that change how fast an engine is, in no way that the estimate knows."""
COUNTED_ARGUMENTS = {"kv_cache_dtype"}
OF_A_PRICE = ("api_input_usd_per_mtok", "api_cached_input_usd_per_mtok", "api_output_usd_per_mtok")


def list_uncounted(
    settings: Settings, asked_model: str | None, machine: Machine, model: OwnModel, *, estimated: bool
) -> Iterator[str]:
    """Yield a line for each setting that does not count. `asked_model`: the API model that was asked for.

    `estimated`: a speed is estimated, not measured.
    """
    if estimated:
        yield from _of_speed(settings)
    yield from _of_model(settings, model)
    own = own_kind(settings)
    rates = {OWN_RATE: settings.gpu_usd_per_hour, SPOT_RATE: settings.spot.usd_per_hour}
    for name, rate in rates.items():
        if rate is not None and own != machine.kind:
            yield f"{name}: the rate of {own}, not of {machine.kind}"
    if asked_model not in (None, settings.api_model):
        if settings.api_tokenizer is not None:
            yield f"BREAKEVEN_API_TOKENIZER: that of {settings.api_model}; {asked_model} has its own, if it is known"
        for name in OF_A_PRICE:
            if getattr(settings, name) is not None:
                yield f"{_variable(name)}: the price of {settings.api_model}, not of {asked_model}"


def _of_speed(settings: Settings) -> Iterator[str]:
    for name, reason in OF_SPEED.items():
        if getattr(settings, name, None):
            yield f"{_variable(name)}: {reason}"
    for name in sorted(settings.engine.arguments.keys() - COUNTED_ARGUMENTS):
        yield f"{name} of the table [engine]: an estimated speed does not know it"


def _of_model(settings: Settings, model: OwnModel) -> Iterator[str]:
    """Yield what belongs to a model of the settings that is not the one forecast, or to none."""
    if settings.model is None:
        if settings.model_revision:
            yield f"BREAKEVEN_MODEL_REVISION: no model is set whose revision it could be, and {model.name} is taken as it is"
        return
    if model.how == "of the settings" or model_called(settings.model) == model.entry is not None:
        return
    for name in ("quantization", "model_revision", "lora_adapter"):
        if value := getattr(settings, name):
            yield f"{_variable(name)} ({value}): it belongs to {settings.model}, not to {model.name}"


def _variable(name: str) -> str:
    return f"BREAKEVEN_{name.upper()}"
