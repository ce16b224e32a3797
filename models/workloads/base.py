"""What a workload declares: its prompt, its output schema, its columns."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from hashlib import blake2b
from typing import ClassVar, Literal, final

from pydantic import BaseModel

from models.engines.base import Completion, JsonObject, Message, OutputFormat
from models.errors import ResidencyError
from models.policy import Policy
from models.routing import effective, kept_in, sends
from models.settings import WorkloadSettings


class InvalidOutput(ValueError):
    """The engine's answer does not satisfy the workload's schema. The text never holds the answer."""


class Workload(ABC):
    """A kind of batch job over text records.

    A subclass sets the class variables and writes `messages`; `output_format` and `parse` have
    defaults that take the output schema as a JSON object. `prompt_version` is raised by hand with
    every change of wording, `fingerprint` changes by itself with anything that changes the answer.
    """

    name: ClassVar[str]
    prompt_version: ClassVar[str]
    output: ClassVar[type[BaseModel]]
    text_columns: ClassVar[tuple[str, ...]] = ("text",)
    max_tokens: ClassVar[int]
    data_residency: ClassVar[Literal["any", "local"]] = "any"
    policy: ClassVar[Policy] = Policy()

    def __init__(self, settings: WorkloadSettings, model: str | None = None) -> None:
        """`model` is the local model's name on ledger lines; what was measured for it may be used."""
        self.settings = settings
        self.model = model

    def __init_subclass__(cls) -> None:
        """Refuse a class that answers for its own residency: `data_residency` is the way to say it."""
        if "residency" in vars(cls):
            msg = f"{cls.__name__} cannot override residency; set data_residency"
            raise ResidencyError(msg)

    @final
    @property
    def residency(self) -> Literal["any", "local"]:
        """Where this workload's records may go: `any` only if class and settings agree to it, else `local`."""
        free = type(self).data_residency == "any" and self.settings.data_residency in (None, "any")
        return "any" if free else "local"

    @cached_property
    def routing(self) -> Policy:
        """The policy in force: the class's, with what the settings name put over it.

        That of a workload whose records must stay sends nothing, whatever its class declares. Raises
        `ResidencyError` where the settings ask for it all the same.
        """
        given = self.settings.policy
        policy = effective(self.policy, given)
        if self.residency == "any":
            return policy
        if given is not None and (asked := sends(given)):
            msg = (
                f"{self.name}: its records must stay (data_residency = local), but its policy sets "
                f"{', '.join(asked)}, which would send them to the API; remove that from its settings"
            )
            raise ResidencyError(msg)
        return kept_in(policy)

    @property
    def labels(self) -> tuple[str, ...] | None:
        """The values that `label` of the output can have; None for a workload that answers freely."""
        return None

    def checks(self, text: str, answer: str) -> Mapping[str, tuple[int, int]]:  # noqa: ARG002  subclasses need it
        """Look at what an evaluation is told of a free answer: how many of how many, by what was looked at.

        `answer` is the engine's, before `parse` made the output of it.
        """
        return {}

    def agreement(self, answer: str, other: str) -> Mapping[str, tuple[int, int]]:  # noqa: ARG002
        """Compare a free answer with another engine's to the same text: how many of how many agree, by what."""
        return {}

    @abstractmethod
    def messages(self, text: str) -> tuple[Message, ...]:
        """Render one record's text to chat messages."""

    @cached_property
    def output_format(self) -> OutputFormat:
        """The shape that the engine's grammar enforces."""
        schema = self.output.model_json_schema()
        return JsonObject(json.dumps(schema, separators=(",", ":")))  # the answer keeps the fields' order

    def parse(self, text: str, completion: Completion) -> BaseModel:  # noqa: ARG002  subclasses need it
        """Turn an answer to the record `text` into the output schema, or raise `InvalidOutput`."""
        try:
            return self.output.model_validate(completion.value)
        except ValueError as error:
            msg = f"answer does not fit {self.output.__name__} (finish reason {completion.finish_reason})"
            raise InvalidOutput(msg) from error

    def confidence(self, completion: Completion) -> float | None:
        """Return how sure the answer that `parse` takes is, 0 to 1; None where the engine cannot tell."""
        return completion.confidence

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits over prompt version, rendered prompt, output shape and token limit."""
        return self.fingerprint_of()

    def fingerprint_of(self, *more: object) -> str:
        """Return the fingerprint over what else decides this workload's answers (by its `repr`)."""
        rendered = (self.prompt_version, self.messages("\0"), self.output_format, self.max_tokens, *more)
        return blake2b(repr(rendered).encode(), digest_size=8).hexdigest()
