"""A workload that the settings describe: what its kinds have in common."""

from functools import cached_property
from typing import final

from models.requests import Message
from models.settings.workload import Kind
from models.workloads.base import PromptName, Workload
from models.workloads.definition import Definition
from models.workloads.kind_settings import check_kind_settings

RELEASED = frozenset({("classification", "1"), ("enrichment", "1"), ("sentiment", "1")})
"""Presets and versions whose fingerprints stand in ledgers since 0.1.0: nothing of theirs is to be run again."""


class SettingsWorkload(Workload):
    """A workload made from a definition. Everything before the record is constant, so the engine's prefix cache holds it."""

    has_meanings = False
    """Whether its labels have meanings, which are part of the prompt."""

    def __init__(self, definition: Definition, model: str | None = None) -> None:
        super().__init__(definition.settings, model)
        check_kind_settings(definition)
        definition.check_alternatives()
        definition.check_text()
        self.definition = definition
        self.name = definition.name
        self.text_columns = definition.settings.text_columns or ("text",)
        self._prefix: tuple[Message, ...] = ()
        self._adapter_prefix: tuple[Message, ...] | None = None

    @final
    @property
    def kind(self) -> Kind:
        """What the settings say that it answers."""
        return self.definition.kind

    @final
    def messages(self, text: str) -> tuple[Message, ...]:
        """Render one record's text; everything before it is constant."""
        return (*self._prefix, Message("user", text))

    @final
    def adapter_messages(self, text: str) -> tuple[Message, ...]:
        """Put `adapter_prompt` before the record, where one is set."""
        prefix = self._prefix if self._adapter_prefix is None else self._adapter_prefix
        return (*prefix, Message("user", text))

    @final
    def local_messages(self, text: str) -> tuple[Message, ...]:
        """Render as for the adapter where it answers, else as for any other model."""
        return self.adapter_messages(text) if self.definition.adapted else self.messages(text)

    @final
    def api_messages(self, asked: tuple[Message, ...]) -> tuple[Message, ...]:
        """Put the whole prompt in the place of the adapter's."""
        return (*self._prefix, asked[-1]) if asked[:-1] == self._adapter_prefix else asked

    @property
    def adapter_prompt(self) -> PromptName:
        """The workload's own, or that of `adapter_prompt`, named by its fingerprint."""
        if self._adapter_prefix is None:
            return super().adapter_prompt
        return PromptName(f"adapter {self.adapter_fingerprint[:8]}", self.adapter_fingerprint)

    @property
    def local_prompt(self) -> PromptName:
        """The adapter's where it answers."""
        return self.adapter_prompt if self.definition.adapted else super().local_prompt

    @cached_property
    def prompt_version(self) -> str:  # type: ignore[override]  # a name for people, made once
        """The name that the settings give, that of the preset where its wording is unchanged, else 8 digits of the fingerprint."""
        if self.definition.sets("version"):
            return self.settings.version or ""
        return self.definition.preset_version if self.definition.words_as_preset else self.fingerprint[:8]

    def wording(self) -> object:
        """Return what the prompt says; of a preset of 0.1.0 its messages, whose `repr` holds no text: its version names it."""
        base, version = self.definition.base, self.definition.preset_version
        if (base, version) in RELEASED and self.definition.words_as_preset and not self.has_meanings:
            return self.messages("\0")
        return super().wording()

    @property
    def content_version(self) -> str:
        """The version of the preset: the name that people give decides no answer."""
        return self.definition.preset_version
