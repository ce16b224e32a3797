"""Trains a LoRA adapter on a language model, within a budget of time, from checkpoint to checkpoint."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.evaluation.scores import Share
from models.requests import Message
from models.training.examples import Example


@dataclass(frozen=True, slots=True)
class AdapterJob:
    """What to train: the base model's folder, the constant messages before a text, and the examples of both sides.

    `render`: from an answer to the text that the model shall write. `cpu_seconds`: processor time at most (of all threads; a GPU's: seconds of the
    clock). `on_gpu`: all layers, else the last third. `folder`: where checkpoints, the adapter (`adapter/`) and on a CPU the merged model (`merged/`) are written.
    """

    base: Path
    prompt: tuple[Message, ...]
    render: Callable[[object], str]
    train: Sequence[Example]
    holdout: Sequence[Example]
    folder: Path
    seconds: float
    on_gpu: bool = False
    seed: int = 0
    balanced: bool = True
    max_holdout: int = 300


@dataclass(frozen=True, slots=True)
class TrainedAdapter:
    """What came of it: `steps` of training, `seen` examples, mean losses of the first and last tenth, and the digest of the adapter's weights.

    `accuracy` on (a part of) the hold-out by the answers' likeliest among those that occur, where answers are labels; None for others.
    """

    weights_digest: str
    steps: int
    seen: int
    first_loss: float
    last_loss: float
    accuracy: Share | None


def train_adapter(
    job: AdapterJob, say: Callable[[str], None], stop: Callable[[], bool] = lambda: False
) -> TrainedAdapter:
    """Train until the time is over; a checkpoint every minute, from which a killed training goes on.

    Raises `UsageError` in one line for a base that is gone or no language model, `OutputError` for a full disk, `Interrupted` where `stop` turns true.
    """
    raise NotImplementedError
