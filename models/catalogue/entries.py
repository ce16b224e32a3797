"""The reviewed GPUs and small models of catalog.toml as values, found by what people call them."""

import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from models.catalogue.fit import Gpu, Shape
from models.errors import UsageError
from models.nearest import unknown_name

MIB = 2**20
_VARIANTS = {"ti", "super", "laptop", "mobile", "max", "ada"}
"""Words that make another GPU of a name, if only one of two has them."""
_PATTERN = 6
"""Layers of which one is global, in Gemma 3 configurations that do not say it."""


@dataclass(frozen=True, slots=True)
class GpuEntry:
    """One GPU. `kind` is that of the machine that prices it; `memory_mib` as the driver reports it.

    `tflops` and `fp8_tflops`: dense tensor throughput at 16 bits and in FP8 (None: it has no FP8). `disputed`: what
    another source says, in words; empty: nothing is.
    """

    kind: str
    memory_mib: int
    bandwidth_gb_s: float
    tflops: float
    date: date
    source: str
    fp8_tflops: float | None = None
    disputed: str = ""

    @property
    def figures(self) -> Gpu:
        """What the formulas need."""
        fp8 = None if self.fp8_tflops is None else self.fp8_tflops * 1e12
        return Gpu(self.memory_mib * MIB, self.bandwidth_gb_s * 1e9, self.tflops * 1e12, fp8)


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model. `hub` is its id on Hugging Face; `parameters` as published, without those beside the language model."""

    name: str
    hub: str
    parameters: int
    shape: Shape
    licence: str
    date: date
    source: str
    note: str = ""


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(files("models.catalogue").joinpath("catalog.toml").read_text(encoding="utf-8"))


def machines() -> Sequence[Mapping[str, Any]]:
    """Return the priced machines as they stand in the catalogue."""
    found: list[Mapping[str, Any]] = _data()["machines"]
    return found


@cache
def gpus() -> tuple[GpuEntry, ...]:
    """Return all GPUs, in the catalogue's order."""
    return tuple(GpuEntry(**entry) for entry in _data()["gpus"])


@cache
def models() -> tuple[ModelEntry, ...]:
    """Return all models, in the catalogue's order."""
    return tuple(_model(dict(entry)) for entry in _data()["models"])


def _model(entry: dict[str, Any]) -> ModelEntry:
    shape = Shape(**entry.pop("shape"), vision=entry.pop("vision", 0))
    return ModelEntry(shape=shape, **entry)


def matches_name(words: Sequence[str], name: str) -> bool:
    """Whether a name is that of something called by these words: all are in it, and no word that makes another GPU.

    So `A100` names `NVIDIA A100-SXM4-40GB`, but `RTX 3060` no `GeForce RTX 3060 Ti`, and `L4` no `L40S`.
    """
    have, want = set(_words(name)), set(words)
    return want <= have and not (have - want) & _VARIANTS


def best_named(entries: Iterable[tuple[str, Any]], name: str) -> Any:  # noqa: ANN401  whatever the entries are
    """Return the entry whose words a name has, the one with the most words; None where no entry's are."""
    found = [(len(_words(match)), entry) for match, entry in entries if matches_name(_words(match), name)]
    return max(found, key=lambda one: one[0], default=(0, None))[1]


def _words(name: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", name.lower())


def gpu_called(name: str) -> GpuEntry | None:
    """Return the GPU that the driver, a setting or a user calls so; None for one that is not in the catalogue."""
    entry: GpuEntry | None = best_named(((one.kind, one) for one in gpus()), name)
    return entry


def find_gpus(names: Sequence[str]) -> list[GpuEntry]:
    """Return the GPUs that a user names, all if none is. Raises `UsageError` for one that is not there."""
    found = []
    for name in names:
        entry = gpu_called(name)
        if entry is None:
            raise UsageError(unknown_name("GPU", name, [one.kind for one in gpus()]))
        found.append(entry)
    return found or list(gpus())


def find_models(names: Sequence[str]) -> list[ModelEntry]:
    """Return the models that a user names by id, name or a part of it, or by a local folder; all if none is named.

    Raises `UsageError` for a name that none has, and for a folder without a usable config.json.
    """
    found: list[ModelEntry] = []
    for name in names:
        some = _called(name)
        if not some:
            msg = f"{unknown_name('model', name, [one.name for one in models()])}; or give a local folder"
            raise UsageError(msg)
        found += [one for one in some if one not in found]
    return found or list(models())


def model_called(name: str) -> ModelEntry | None:
    """Return the one model of this id, name or local folder, None where there is none. Raises `UsageError` as `local`."""
    some = _exactly(name)
    return some[0] if len(some) == 1 else None


def names_entry(name: str, entry: ModelEntry) -> bool:
    """Whether a name is that of a model of the catalogue: its own, its id, or the id without owner or suffix."""
    return _joined(name) in (_joined(entry.name), *_ids(entry))


def _called(name: str) -> list[ModelEntry]:
    wanted = _joined(name)
    return _exactly(name) or [one for one in models() if wanted and wanted in _joined(one.name)]


def _exactly(name: str) -> list[ModelEntry]:
    if name and Path(name).is_dir():
        return [local(Path(name))]
    return [one for one in models() if names_entry(name, one)]


def _ids(model: ModelEntry) -> tuple[str, str, str]:
    """Return a model's id, the same without its owner, and without what says that it follows instructions."""
    own = model.hub.rpartition("/")[2]
    short = re.sub(r"-(instruct|it)\b", "", own, flags=re.IGNORECASE)
    return _joined(model.hub), _joined(own), _joined(short)


def _joined(name: str) -> str:
    return "".join(_words(name))


def local(folder: Path) -> ModelEntry:
    """Read a model's shape from the config.json of its folder. Raises `UsageError` for one that is not understood."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        shape = shape_of(config)
    except OSError as error:
        msg = f"{folder} holds no model: cannot read {path.name} ({error.strerror})"
        raise UsageError(msg) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        msg = f"{path} is not understood: no decoder with {error}"
        raise UsageError(msg) from error
    changed = date.fromtimestamp(path.stat().st_mtime)  # noqa: DTZ012  a day that people know
    return ModelEntry(
        folder.resolve().name, str(folder), shape.parameters, shape, "unknown", changed, "config.json"
    )


def shape_of(config: Mapping[str, Any]) -> Shape:
    """Return the shape that a config.json describes. Raises `KeyError` or `TypeError` where it lacks a figure."""
    text = config.get("text_config") or config
    heads, hidden = int(text["num_attention_heads"]), int(text["hidden_size"])
    window = text.get("sliding_window") if text.get("use_sliding_window", True) else None
    pattern = text.get("sliding_window_pattern") or text.get("_sliding_window_pattern")
    gemma = str(text.get("model_type", "")).startswith("gemma")
    return Shape(
        layers=int(text["num_hidden_layers"]),
        hidden=hidden,
        intermediate=int(text["intermediate_size"]),
        heads=heads,
        kv_heads=int(text.get("num_key_value_heads") or heads),
        head_size=int(text.get("head_dim") or hidden // heads),
        vocabulary=int(text["vocab_size"]),
        context=int(text["max_position_embeddings"]),
        tied=bool(text.get("tie_word_embeddings", gemma)),
        window=window,
        global_every=pattern or (_PATTERN if window and gemma else None),
    )
