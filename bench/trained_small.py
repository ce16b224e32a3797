"""What a small model that `bench.training_adapter` trained answers, by the product's own engine."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.engines.vllm.engine import VllmEngine
from models.engines.vllm.options import VllmOptions
from models.ids import new_id
from models.requests import Choice, Message, Request
from models.settings import Settings
from models.workloads.label_set import show_labels

MAX_TOKENS = 32
WARM = 32
"""Texts that are answered first, so that what is made once is not in the figure."""


@dataclass(frozen=True, slots=True)
class SmallAnswers:
    """The label given to each text, how sure it was (0 to 1), and the processor seconds of one text."""

    labels: Sequence[str]
    confidences: Sequence[float | None]
    seconds: float


def answer(merged: Path, prompt: str, labels: Sequence[str], texts: Sequence[str]) -> SmallAnswers:
    """Answer texts with a merged model under the short prompt that it was trained with."""
    words = show_labels(labels)
    names = dict(zip(words, labels, strict=True))
    settings = Settings().model_copy(update={"model": str(merged.absolute())})
    engine = VllmEngine(VllmOptions.from_settings(settings, on_cpu=True))
    head, output = Message("system", prompt), Choice(tuple(words))

    def requests(some: Sequence[str]) -> list[Request]:
        return [
            Request(new_id(), str(place), (head, Message("user", text)), output, MAX_TOKENS)
            for place, text in enumerate(some)
        ]

    try:
        list(engine.stream(requests(texts[:WARM])))
        before = time.process_time()
        done = {int(one.request.record_key): one for one in engine.stream(requests(texts))}
        took = time.process_time() - before
    finally:
        engine.close()
    every = [done[place] for place in range(len(texts))]
    return SmallAnswers(
        [names.get(str(one.value), "") for one in every], [one.confidence for one in every], took / len(texts)
    )
