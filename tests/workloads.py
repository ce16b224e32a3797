"""Presets as classes, for tests that build one from its settings alone or derive another from it."""

from models.settings import Settings, WorkloadSettings
from models.settings.inherit import lineage, preset
from models.workloads.definition import Definition
from models.workloads.label_workload import LabelWorkload
from models.workloads.object_workload import ObjectWorkload

DEFAULT_LABELS = tuple(preset("classification").labels or ())
PRESETS = Settings.model_construct(workloads={})
"""Settings that define no workload: the presets alone are there."""
LABELS = ("negative", "neutral", "positive")


def definition(name: str, settings: WorkloadSettings) -> Definition:
    """Define a workload that sets what `settings` sets and takes over the rest of the preset of its name."""
    return Definition(name, lineage({name: settings}, name))


class Sentiment(LabelWorkload):
    """The preset `sentiment`."""

    name = "sentiment"
    prompt_version = "1"

    def __init__(self, settings: WorkloadSettings, model: str | None = None) -> None:
        super().__init__(definition("sentiment", settings), model)


class Classification(LabelWorkload):
    """The preset `classification`."""

    def __init__(self, settings: WorkloadSettings, model: str | None = None) -> None:
        super().__init__(definition("classification", settings), model)


class Enrichment(ObjectWorkload):
    """The preset `enrichment`."""

    def __init__(self, settings: WorkloadSettings, model: str | None = None) -> None:
        super().__init__(definition("enrichment", settings), model)
