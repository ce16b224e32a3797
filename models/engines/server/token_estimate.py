"""Tokens of a server's model, whose tokenizer is not here: estimated by the API model's."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.requests import Message
from models.tokens import ChatTokenCounter


class EstimatedTokenizer:
    """Counts as tiktoken does, which another model's tokenizer does not. For quotes, which say so."""

    def __init__(self, counter: ChatTokenCounter) -> None:
        self._counter = counter

    def count(self, conversations: Sequence[tuple[Message, ...]]) -> list[int]:
        """Estimate the tokens of each prompt."""
        return [self._counter.input_tokens(messages) for messages in conversations]

    def text_tokens(self, text: str) -> int:
        """Estimate the tokens of a text that stands by itself, such as an answer."""
        return self._counter.output_tokens(text)


@dataclass(frozen=True, slots=True)
class EstimatedModel:
    """What is known here of a server's model: estimates, and the longest prompt with answer if the settings name it."""

    tokenizer: EstimatedTokenizer
    max_model_len: int | None
