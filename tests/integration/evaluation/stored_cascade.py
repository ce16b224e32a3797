"""Stores an evaluation of sentiment whose cascade has the stages that a test wants."""

from dataclasses import replace

from models.evaluation.cascade import Cascade, Gate, Stage, StageName
from models.settings import Settings
from models.workloads import build
from tasks.evaluation.run import store
from tests import evaluations as made

Chosen = tuple[tuple[StageName, float | None], ...]
"""Stages by name, with the confidence from which each answers."""


def store_cascade(settings: Settings, stages: Chosen, classifier: str, triage: Gate | None = None) -> None:
    """Store it in the settings' ledger; `classifier`: the name of the one that was evaluated, empty: none was; `triage`: what was found of one."""
    workload = build("sentiment", settings)
    chosen = tuple(Stage(name, at, made.share(1, 3)) for name, at in stages)
    usual = made.cascaded()
    arms = tuple(
        replace(one, model={"small": "tests/scripted", "api": "test-model"}.get(one.name, classifier))
        for one in usual.arms
        if classifier or one.name != "classifier"
    )
    cascade = Cascade(chosen, made.share(270, 300), 1.0, None, 1, 1.0, (), triage) if stages else None
    store(replace(usual, arms=arms, cascade=cascade, prompt_fingerprint=workload.fingerprint), settings)
