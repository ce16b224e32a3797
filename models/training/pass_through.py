"""Batches through a language model: keys and values of the constant head once, logits where the answers stand."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from models.training.base_model import BaseModel
from models.training.batches import Encoded


@dataclass(frozen=True, slots=True)
class PassThrough:
    """A model and the ids of the head that stands before everything that goes through it."""

    base: BaseModel
    head: tuple[int, ...]

    @property
    def model(self) -> Any:  # noqa: ANN401  transformers is not typed for us
        """The language model without peft's frame around it; its layers have the adapter."""
        return self.base.network.get_base_model()

    def read_head(self, rows: int) -> Any:  # noqa: ANN401
        """Return a cache with the head's keys and values, shared by `rows` rows, through which gradients go."""
        import torch  # noqa: PLC0415
        from transformers import DynamicCache  # noqa: PLC0415

        if not self.head:
            return DynamicCache(config=self.model.config)
        ids = torch.tensor([self.head], device=self.base.device)
        read = self.decoder(input_ids=ids, use_cache=True).past_key_values
        return spread(read, rows)

    @property
    def decoder(self) -> Any:  # noqa: ANN401
        """The layers without the output matrix."""
        return self.model.get_decoder()

    def read(self, cache: Any, ids: Any, seen: Any, places: Any) -> Any:  # noqa: ANN401
        """Return the hidden states of tokens behind a cache, which grows by them. `seen`: what each row has, itself included."""
        return self.decoder(
            input_ids=ids, attention_mask=seen, position_ids=places, past_key_values=cache, use_cache=True
        ).last_hidden_state

    def answer_loss(self, batch: Sequence[Encoded]) -> Any:  # noqa: ANN401
        """Return the summed loss of the answers' tokens alone: nothing else goes through the output matrix."""
        import torch  # noqa: PLC0415

        hidden = self.read(
            self.read_head(len(batch)), *self.lay_out([(*one.tail, *one.answer[:-1]) for one in batch])
        )
        width = hidden.shape[1]
        rows = [
            row * width + at for row, one in enumerate(batch) for at in range(len(one.tail) - 1, one.length)
        ]
        wanted = [token for one in batch for token in one.answer]
        chosen = hidden.flatten(0, 1)[torch.tensor(rows, device=self.base.device)]
        target = torch.tensor(wanted, device=self.base.device)
        return torch.nn.functional.cross_entropy(self.logits(chosen).float(), target, reduction="sum")

    def lay_out(self, rows: Sequence[Sequence[int]]) -> tuple[Any, Any, Any]:
        """Return ids, what is to be seen (head included) and positions of rows of any length, blanks at their ends."""
        import torch  # noqa: PLC0415

        width, before = max(map(len, rows)), len(self.head)
        ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows])
        seen = torch.tensor([[1] * (before + len(row)) + [0] * (width - len(row)) for row in rows])
        places = torch.arange(before, before + width).expand(len(rows), width)
        return tuple(one.to(self.base.device) for one in (ids, seen, places))

    def logits(self, hidden: Any) -> Any:  # noqa: ANN401
        """Return the logits of hidden states, as the models do that scale or bound them."""
        import torch  # noqa: PLC0415

        config = self.model.config.get_text_config()
        made = self.model.get_output_embeddings()(hidden)
        made = (
            made
            * (getattr(config, "logit_scale", None) or 1.0)
            / (getattr(config, "logits_scaling", None) or 1.0)
        )
        bound = getattr(config, "final_logit_softcapping", None)
        return bound * torch.tanh(made / bound) if bound else made


def spread(cache: Any, rows: int) -> Any:  # noqa: ANN401
    """Return a cache of one row as one of `rows` rows, without a copy of what it holds."""
    from transformers import DynamicCache  # noqa: PLC0415

    made = DynamicCache()
    for number, layer in enumerate(cache.layers):
        made.update(layer.keys.expand(rows, -1, -1, -1), layer.values.expand(rows, -1, -1, -1), number)
    return made
