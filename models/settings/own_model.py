"""Which model answers a workload: what its own settings name, put over the general ones."""

from collections.abc import Mapping
from typing import Any

from models.settings.inherit import Lineage

BELONGS_TO_MODEL: Mapping[str, Any] = {
    "model_revision": None,
    "quantization": None,
    "lora_adapter": None,
    "chat_template": None,
    "chat_template_kwargs": {},
    "trust_remote_code": False,
}
"""Settings that fit one model, and what they are where nothing is set: another model does not inherit them."""
OF_A_MODEL = ("model", *BELONGS_TO_MODEL)
"""Settings by which a workload can name a model of its own."""


def own_model(chain: Lineage) -> dict[str, Any]:
    """Return the settings of the engine that a workload changes, itself or by what it extends."""
    changes: dict[str, Any] = {}
    for _, one in reversed(chain):
        named = {name: value for name in OF_A_MODEL if (value := getattr(one, name)) is not None}
        changes = {**BELONGS_TO_MODEL, **named} if "model" in named else changes | named
    return changes
