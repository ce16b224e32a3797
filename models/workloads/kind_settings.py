"""Which settings speak of which kinds: one that a kind has no use for is a mistake, not a check that is silently left out."""

from models.settings.workload import Kind
from models.workloads.definition import Definition

KINDS_OF: dict[str, tuple[Kind, ...]] = {
    "labels": ("label", "labels"),
    "labels_file": ("label", "labels"),
    "prior": ("label",),
    "min_labels": ("labels",),
    "max_labels": ("labels",),
    "schema_file": ("object",),
    "output": ("object",),
    "grounded": ("object",),
    "distinct": ("object",),
    "required_if": ("object",),
    "min_words": ("object", "text"),
    "max_words": ("object", "text"),
    "max_sentences": ("object", "text"),
    "pattern": ("object", "text"),
    "compare": ("object",),
    "same_language": ("text",),
    "copies_prompt": ("text",),
    "measure": ("object", "text"),
    "no_answer": ("object", "text"),
}
"""Settings that not every kind has, with the kinds that have them."""


def check_kind_settings(definition: Definition) -> None:
    """See that a workload itself sets nothing that its kind has no use for. Raises `UsageError`."""
    own = definition.chain[0][1]
    for key, kinds in KINDS_OF.items():
        if definition.kind not in kinds and getattr(own, key) not in (None, False):
            what = f"{key} is for kind {' or '.join(kinds)}, and this one is {definition.kind}: remove it, or change kind"
            raise definition.mistake(key=key, what=what)
