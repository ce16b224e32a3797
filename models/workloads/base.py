"""What a workload declares: its prompt, its output schema, its columns."""

import json
from abc import ABC, abstractmethod
from functools import cached_property
from hashlib import blake2b
from typing import ClassVar, Literal, NamedTuple, final

from pydantic import BaseModel, ValidationError

from models.errors import ResidencyError
from models.records import WHOLE_ANSWER
from models.requests import Choice, Completion, JsonObject, JsonValue, Message, OutputFormat
from models.routing.policy import Policy
from models.routing.rules import keep_local, list_sending_fields, merge_policies
from models.settings import WorkloadSettings
from models.settings.workload import Kind
from models.workloads.broken_rules import first_broken
from models.workloads.json_schema import write_compact

LABELS_NAMED = 10
"""Labels that an error names; of more it says how many there are."""


class PromptName(NamedTuple):
    """A prompt as the ledger names it: the version for people, and the fingerprint."""

    version: str
    fingerprint: str


class InvalidOutput(ValueError):
    """The engine's answer does not satisfy the workload's schema. Neither text nor rule holds the answer.

    `field` is the member of the answer that broke `rule`; a rule that is not given is the text itself.
    """

    def __init__(self, text: str, field: str = WHOLE_ANSWER, rule: str | None = None) -> None:
        super().__init__(text)
        self.field = field
        self.rule = text if rule is None else rule


def broken_rule(field: str, rule: str) -> InvalidOutput:
    """Return the error of an answer whose member `field` broke `rule`."""
    return InvalidOutput(f"{field} {rule}", field, rule)


class Workload(ABC):
    """A kind of batch job over text records.

    Most are described by settings (`models/workloads/settings_workload.py`). One that is written in Python derives
    from this class: it sets the class variables and writes `messages`; `output_format` and `parse` have
    defaults that take the output schema as a JSON object. Its `prompt_version` is raised by hand with
    every change of wording, `fingerprint` changes by itself with anything that changes the answer. An installed package
    offers it by an entry point of the group `breakeven.workloads`.
    """

    name: str
    prompt_version: str
    output: type[BaseModel]
    text_columns: tuple[str, ...] = ("text",)
    max_tokens: int
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
        policy = merge_policies(self.policy, given)
        if self.residency == "any":
            return policy
        if given is not None and (asked := list_sending_fields(given)):
            msg = (
                f"{self.name}: its records must stay (data_residency = local), but its policy sets "
                f"{', '.join(asked)}, which would send them to the API; remove that from its settings"
            )
            raise ResidencyError(msg)
        return keep_local(policy)

    @property
    def kind(self) -> Kind:
        """What it answers; one in Python that has labels answers one of them, any other an object."""
        return "object" if self.labels is None else "label"

    @property
    def labels(self) -> tuple[str, ...] | None:
        """The values that `label` of the output can have; None for a workload that answers freely."""
        return None

    @abstractmethod
    def messages(self, text: str) -> tuple[Message, ...]:
        """Render one record's text to chat messages: those that the API is sent, and a model without an adapter."""

    def adapter_messages(self, text: str) -> tuple[Message, ...]:
        """Render one record's text as an adapter that was trained for the workload is asked."""
        return self.messages(text)

    def local_messages(self, text: str) -> tuple[Message, ...]:
        """Render one record's text as the local engine is asked, by whichever model answers there."""
        return self.messages(text)

    def api_messages(self, asked: tuple[Message, ...]) -> tuple[Message, ...]:
        """Return what the API would be sent in the place of what the local engine was `asked`."""
        return asked

    @cached_property
    def adapter_fingerprint(self) -> str:
        """16 hex digits over what an adapter belongs to: what it is told, and what it may answer, which it has learnt.

        The order of a label decides nothing, nor does what is checked of an answer, or a name for people.
        """
        told = tuple((message.role, message.content) for message in self.adapter_messages("\0"))
        form = self.output_format
        answers = sorted(form.labels) if isinstance(form, Choice) else form
        return blake2b(repr((told, answers)).encode(), digest_size=8).hexdigest()

    @property
    def adapter_prompt(self) -> PromptName:
        """What the prompt is called that an adapter is trained and asked under."""
        return PromptName(self.prompt_version, self.fingerprint)

    @property
    def local_prompt(self) -> PromptName:
        """What the prompt is called that the local engine is asked with."""
        return PromptName(self.prompt_version, self.fingerprint)

    @cached_property
    def output_format(self) -> OutputFormat:
        """The shape that the engine's grammar enforces."""
        schema = self.output.model_json_schema()
        return JsonObject(json.dumps(schema, separators=(",", ":")))  # the answer keeps the fields' order

    def parse(self, text: str, completion: Completion) -> BaseModel:  # noqa: ARG002  subclasses need it
        """Turn an answer to the record `text` into the output schema, or raise `InvalidOutput`."""
        msg = f"answer does not fit {self.output.__name__} (finish reason {completion.finish_reason})"
        if completion.value is None:
            raise self.unreadable(completion, msg, "must be a JSON object")
        try:
            return self.output.model_validate(completion.value)
        except ValidationError as error:
            raise InvalidOutput(msg, *first_broken(error, self.output)) from error
        except ValueError as error:
            raise InvalidOutput(msg) from error

    def no_label(self, completion: Completion) -> InvalidOutput:
        """Return the error of an answer that is none of the labels, for a workload that has them."""
        labels = self.labels or ()
        named = ", ".join(labels) if len(labels) <= LABELS_NAMED else f"the {len(labels)} labels"
        text = f"answer is none of {named} (finish reason {completion.finish_reason})"
        return self.unreadable(completion, text, f"must be one of {named}", "label")

    def unreadable(
        self, completion: Completion, text: str, rule: str, field: str = WHOLE_ANSWER
    ) -> InvalidOutput:
        """Return the error of an answer that cannot be used at all: cut off, or against `rule`."""
        if completion.finish_reason == "length":
            return InvalidOutput(text, WHOLE_ANSWER, f"must end within {self.max_tokens} tokens")
        return InvalidOutput(text, field, rule)

    def answer_text(self, answer: JsonValue) -> str:
        """Return an answer, spelled as it is published, as the text that a model writes for it."""
        if isinstance(self.output_format, Choice) and isinstance(answer, str):
            return answer
        return write_compact({"label": answer} if self.kind == "label" else answer)

    def confidence(self, completion: Completion) -> float | None:
        """Return how sure the answer that `parse` takes is, 0 to 1; None where the engine cannot tell."""
        return completion.confidence

    def wording(self) -> object:
        """Return what the prompt says, by its `repr`."""
        return tuple((message.role, message.content) for message in self.messages("\0"))

    @property
    def content_version(self) -> str:
        """The version that is part of the fingerprint."""
        return self.prompt_version

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits over prompt version, rendered prompt, output shape and token limit."""
        return self.fingerprint_of()

    def fingerprint_of(self, *more: object) -> str:
        """Return the fingerprint over what else decides this workload's answers (by its `repr`)."""
        rendered = (self.content_version, self.wording(), self.output_format, self.max_tokens, *more)
        return blake2b(repr(rendered).encode(), digest_size=8).hexdigest()
