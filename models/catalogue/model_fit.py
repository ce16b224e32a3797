"""Whether the model that is set fits the machine that is there: a line of `breakeven doctor`. Estimates only."""

import re
from pathlib import Path

from models.catalogue.entries import ModelEntry, local, model_called
from models.catalogue.fit import Bits, fit, kv_bytes, most_bits, weight_bytes
from models.default_model import MODEL_NAME, is_prepared, model_dir
from models.doctor import SetupCheck
from models.errors import UsageError
from models.settings import Settings

CONTEXT = 2048
"""Tokens of the sequences that are counted with, where the settings and the model allow them."""
GB = 1e9
NAME = "fit"


def check_fit(settings: Settings, gpu: str | None, gpu_bytes: int | None, cpu_bytes: int) -> SetupCheck:
    """Say what the model takes of this machine's memory, and how many sequences it runs at once.

    `gpu` is the driver's name and `gpu_bytes` its memory, None without one; `cpu_bytes` is the machine's.
    """
    try:
        model = _model(settings)
    except UsageError as error:
        return SetupCheck(NAME, "warn", "cannot be said", str(error))
    if model is None:
        advice = (
            "`breakeven catalog` lists the models that it knows; a local folder with a config.json is read"
        )
        return SetupCheck(NAME, "ok", f"cannot be said: {settings.model} is not in the catalogue", advice)
    context = min(settings.max_model_len or CONTEXT, model.shape.context)
    if gpu is None:
        return _on_cpu(settings, model, context, cpu_bytes)
    if gpu_bytes is None:
        return SetupCheck(NAME, "warn", f"cannot be said: the driver does not say how much memory {gpu} has")
    return _on_gpu(settings, model, context, gpu_bytes * settings.tensor_parallel_size)


def _model(settings: Settings) -> ModelEntry | None:
    if settings.model is not None:
        return model_called(settings.model)
    if is_prepared(settings.cache_dir):
        return local(model_dir(settings.cache_dir))
    return model_called(MODEL_NAME)


def _on_gpu(settings: Settings, model: ModelEntry, context: int, memory: int) -> SetupCheck:
    bits = bits_of(settings)
    share = settings.gpu_memory_utilization
    found = fit(model.shape, memory, bits, context, share, kv_bits_of(settings))
    weights = f"{model.name} at {bits} bits: {_gb(found.weights)} GB of weights"
    if found.fits:
        many = f"{found.sequences:,} sequence{'s' * (found.sequences > 1)} of {context:,} tokens at once"
        return SetupCheck(NAME, "ok", f"{weights} in {_gb(memory)} GB of memory, {many} (estimate)")
    fewer = most_bits(model.shape, memory, context)
    advice = "take a smaller model or a larger GPU: `breakeven catalog`"
    if fewer is not None and fewer < bits:
        advice = f"a checkpoint of {fewer} bits fits (BREAKEVEN_QUANTIZATION); or: `breakeven catalog`"
    surely = found.weights > memory
    return SetupCheck(
        NAME, "fail" if surely else "warn", f"{weights} do not fit {_gb(memory)} GB of memory", advice
    )


def _on_cpu(settings: Settings, model: ModelEntry, context: int, memory: int) -> SetupCheck:
    kept: Bits = 32 if settings.dtype in {"auto", "float32", "float"} else 16
    named = bits_of(settings)
    cache = settings.cpu_kv_cache_gib * 2**30
    weights = weight_bytes(model.shape, named if named < 16 else kept)  # noqa: PLR2004  quantized
    needs = f"{_gb(weights)} GB of weights and {_gb(cache)} GB of KV cache"
    if weights + cache > memory:
        advice = "set BREAKEVEN_CPU_KV_CACHE_GIB to less, or take a smaller model"
        return SetupCheck(
            NAME, "warn", f"{model.name}: {needs} do not fit {_gb(memory)} GB of memory", advice
        )
    many = f"{cache // kv_bytes(model.shape, context, kept):,} sequences of {context:,} tokens at once"
    return SetupCheck(
        NAME, "ok", f"{model.name} on the CPU: {needs} in {_gb(memory)} GB of memory, {many} (estimate)"
    )


def bits_of(settings: Settings) -> Bits:
    """Return the bits of a weight that the settings ask for, as far as their quantization's name says it."""
    name = " ".join(filter(None, (settings.quantization, Path(settings.model or "").name))).lower()
    if re.search(r"awq|gptq|int4|4.?bit|w4|nf4|bitsandbytes", name):
        return 4
    if re.search(r"fp8|int8|8.?bit|w8", name):
        return 8
    return 32 if settings.dtype in {"float32", "float"} else 16


def kv_bits_of(settings: Settings) -> Bits:
    """Return the bits of a value in the KV cache that the engine's arguments ask for."""
    return 8 if str(settings.engine.arguments.get("kv_cache_dtype", "")).startswith("fp8") else 16


def _gb(count: int) -> str:
    return f"{count / GB:.1f}"
