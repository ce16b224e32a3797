"""The steps of training an adapter: loss, gradient, the moving average of the weights, and their state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from models.errors import UsageError
from models.training.base_model import BaseModel
from models.training.batches import Encoded, cut_batch
from models.training.checkpoint import TrainingProgress
from models.training.pass_through import PassThrough

BATCH = 16
RATE, WARM_UP = 1.5e-3, 10
"""Learning rate, and the steps in which it rises to that."""
FALL = 0.3
"""Last share of the budget, in which the rate falls to a tenth."""
WINDOW = 8
"""The average of step n gives the newest weights (WINDOW + 1) / (WINDOW + n): about the last ninth of all steps counts."""
LONGEST_GRADIENT = 1.0


@dataclass(slots=True)
class LoraSteps:
    """Trains a base model's adapter weights, step by step. `averages` are what is kept in the end."""

    through: PassThrough
    weights: dict[str, Any]
    averages: dict[str, Any]
    optimizer: Any

    @classmethod
    def of(cls, base: BaseModel, head: tuple[int, ...]) -> "LoraSteps":
        """Begin with the weights as they are."""
        import torch  # noqa: PLC0415

        weights = base.adapter_weights
        averages = {name: one.detach().clone() for name, one in weights.items()}
        optimizer = torch.optim.AdamW(list(weights.values()), lr=RATE, weight_decay=0.0)
        return cls(PassThrough(base, head), weights, averages, optimizer)

    def step(self, batch: Sequence[Encoded], progress: TrainingProgress, used: float) -> None:
        """Train on a batch. `used`: the share of the budget that is used. Raises `UsageError` where the loss is no number."""
        import torch  # noqa: PLC0415

        tokens = sum(len(one.answer) for one in batch)
        total = 0.0
        for group in cut_batch(batch):
            loss = self.through.answer_loss(group) / tokens
            loss.backward()
            total += float(loss.detach())
        if not isfinite(total):
            msg = "the training came to nothing: its loss is no number; try another seed, or a model of other weights"
            raise UsageError(msg)
        torch.nn.utils.clip_grad_norm_(self.weights.values(), LONGEST_GRADIENT)
        for group in self.optimizer.param_groups:
            group["lr"] = RATE * factor(progress.steps, used)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        progress.steps += 1
        progress.seen += len(batch)
        progress.losses.append(total)
        newest = (WINDOW + 1) / (WINDOW + progress.steps)
        with torch.no_grad():
            for name, one in self.weights.items():
                self.averages[name].lerp_(one, newest)

    def state(self) -> dict[str, Any]:
        """Return all tensors from which training goes on."""
        found = {f"weight:{name}": one for name, one in self.weights.items()}
        found |= {f"average:{name}": one for name, one in self.averages.items()}
        for number, kept in self.optimizer.state_dict()["state"].items():
            found |= {f"adam:{number}:{name}": one for name, one in kept.items()}
        return found

    def restore(self, tensors: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        import torch  # noqa: PLC0415

        kept: dict[int, dict[str, Any]] = {}
        with torch.no_grad():
            for key, one in tensors.items():
                kind, _, rest = key.partition(":")
                if kind == "adam":
                    number, _, name = rest.partition(":")
                    kept.setdefault(int(number), {})[name] = one
                else:
                    (self.weights if kind == "weight" else self.averages)[rest].copy_(one)
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": kept})

    def use_averages(self) -> None:
        """Put the averages in the weights' place."""
        import torch  # noqa: PLC0415

        with torch.no_grad():
            for name, one in self.weights.items():
                one.copy_(self.averages[name])


def factor(steps: int, used: float) -> float:
    """Return what the learning rate is multiplied by: it rises in the first steps and falls at the end of the budget."""
    rising = min((steps + 1) / WARM_UP, 1.0)
    falling = min(max(1.0 - used, 0.0) / FALL, 1.0)
    return rising * (0.1 + 0.9 * falling)
