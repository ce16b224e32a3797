"""Which model answers a workload: what its own settings name, put over the general ones."""

from collections.abc import Mapping
from typing import Any

from models.settings.workload import WorkloadSettings

BELONGS_TO_MODEL: Mapping[str, Any] = {
    "model_revision": None,
    "quantization": None,
    "lora_adapter": None,
    "chat_template": None,
    "chat_template_kwargs": {},
}
"""Settings that fit one model, and what they are where nothing is set: another model does not inherit them."""
OF_A_MODEL = ("model", *BELONGS_TO_MODEL)
"""Settings by which a workload can name a model of its own."""


def own_model(own: WorkloadSettings) -> dict[str, Any]:
    """Return the settings of the engine that a workload changes."""
    named = {name: value for name in OF_A_MODEL if (value := getattr(own, name)) is not None}
    return {**BELONGS_TO_MODEL, **named} if "model" in named else named
