"""What a workload of the settings asks: its prompt, examples and labels, read from its files and checked."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from models.errors import UsageError
from models.requests import Message
from models.settings import WorkloadSettings
from models.settings.inherit import ALTERNATIVES, PRESETS, Lineage, merge_lineage, preset
from models.settings.places import place_of
from models.settings.workload import Kind
from models.text_files import parse_json, read_text
from models.workloads.answer_pattern import AnswerPattern
from models.workloads.template import TemplateMistake, text_template

LABEL_SET = ("labels", "labels_file")
WORDING = (
    "kind",
    "prompt",
    "prompt_file",
    "examples",
    "examples_file",
    "schema_file",
    "output",
    "max_tokens",
    "prior",
)
"""Settings that, with the labels, make another question of a preset's."""
LABELS, FIELDS = "labels", "fields"
"""The variables of a prompt that stand for the labels, and for what an object holds."""
ANSWER = "answer"
TEXT = "text"
CONTEXT = "context"
"""The variable of a record's text that stands for its passages."""
CONTEXTS = ("context", "context_file")
Found = TypeVar("Found")


@dataclass(frozen=True)
class Definition:
    """A workload of the settings with those that it extends. `adapted`: an adapter that was trained here answers in the place of the plain model."""

    name: str
    chain: Lineage
    adapted: bool = False

    @cached_property
    def settings(self) -> WorkloadSettings:
        """What is set, with what is taken over."""
        return merge_lineage(self.chain)

    @property
    def kind(self) -> Kind:
        """What it answers. Raises `UsageError` where that is not said."""
        if self.settings.kind is None:
            raise self.mistake(
                key="kind", what="says not what it answers: set kind to label, labels, object or text"
            )
        return self.settings.kind

    @property
    def base(self) -> str | None:
        """The preset that it comes from, None where there is none."""
        name, last = self.chain[-1]
        return name if (PRESETS / f"{name}.toml").exists() and last is preset(name) else None

    @property
    def preset_version(self) -> str:
        """The version of its preset, empty where there is none."""
        return "" if self.base is None else self.chain[-1][1].version or ""

    def sets(self, *keys: str) -> bool:
        """Whether one of the settings is set here, and not by the preset alone."""
        own = self.chain if self.base is None else self.chain[:-1]
        return any(key in one.named for _, one in own for key in keys)

    @property
    def asks_as_preset(self) -> bool:
        """Whether it asks what its preset asks, word by word."""
        return self.words_as_preset and not self.sets(*LABEL_SET)

    @property
    def words_as_preset(self) -> bool:
        """Whether its wording is its preset's, whatever the labels."""
        return self.base is not None and not self.sets(*WORDING)

    def mistake(self, *, key: str, what: str) -> UsageError:
        """Return the error of a setting, with its place: file and line, or variable."""
        setter = next((name for name, one in self.chain if key in one.named), self.name)
        return UsageError(f"{place_of(('workloads', setter, key))}: {self.name}: {what}")

    def check_alternatives(self) -> None:
        """See that of two ways to set one thing only one is used. Raises `UsageError`."""
        for _, own in self.chain:
            for first, second in ALTERNATIVES:
                if {first, second} <= own.named:
                    raise self.mistake(key=second, what=f"set {first} or {second}, not both")

    def reading(self, key: str, read: Callable[[], Found]) -> Found:
        """Read what a setting names; what is wrong with it is said with the setting's place. Raises `UsageError`."""
        try:
            return read()
        except UsageError as error:
            raise self.mistake(key=key, what=f"{key}: {error}") from error

    def pattern(self, given: str) -> AnswerPattern:
        """Return a regular expression of the setting `pattern`. Raises `UsageError` for what is none."""
        try:
            return AnswerPattern(given, whole=True)
        except ValueError as error:
            raise self.mistake(key="pattern", what=str(error)) from error

    def prompt(self, labels: Mapping[str, str] | None = None, fields: str = "") -> str:
        """Return what the model is told. Labels that the prompt does not name are listed below it. Raises `UsageError`.

        `labels` are shown to the model, with their meanings; `fields` lists what an object holds.
        """
        key, source = "prompt", self.settings.prompt
        if source is None and (path := self.settings.prompt_file) is not None:
            key, source = "prompt_file", self.reading("prompt_file", lambda: read_text(path))
        if source is None or not source.strip():
            raise self.mistake(
                key=key, what="has no prompt: set prompt or prompt_file to what the model is told"
            )
        told = self._told(key, source, labels, fields)
        if LABELS in text_template(source).names or not labels or is_named(labels, told):
            return told
        return f"{told}\n\n{list_labels(labels)}"

    def adapter_prefix(
        self, labels: Mapping[str, str] | None = None, fields: str = ""
    ) -> tuple[Message, ...] | None:
        """Return the messages before the record where an adapter answers; None: they are those of the plain model.

        The adapter has learnt the labels, so they are not listed where the text does not name them. Raises `UsageError`.
        """
        key, source = "adapter_prompt", self.settings.adapter_prompt
        if source is None:
            return None
        if not source.strip():
            raise self.mistake(key=key, what=f"{key} is empty: say what the adapter is told, or leave it out")
        return chat_prefix(self._told(key, source, labels, fields), ())

    def _told(self, key: str, source: str, labels: Mapping[str, str] | None, fields: str) -> str:
        """Fill in the template of what is told before every record. Raises `UsageError`."""
        known = {LABELS: list_labels(labels)} if labels else {FIELDS: fields} if fields else {}
        try:
            template = text_template(source)
            if unknown := sorted(set(template.names) - known.keys()):
                knows = f" and knows only {{{{ {next(iter(known))} }}}}" if known else ""
                what = f"the prompt is the same for all records{knows}: {unknown[0]} belongs into text, if it is a column"
                raise self.mistake(key=key, what=what)
            return template.render(known).strip()
        except TemplateMistake as error:
            raise self._template_mistake(key, error) from error

    def _template_mistake(self, key: str, error: TemplateMistake) -> UsageError:
        where = f" in line {error.line} of it" if error.line else ""
        return self.mistake(key=key, what=f"{key} is no valid Jinja template{where}: {error}")

    def check_text(self) -> None:
        """See that the template of the record's text parses, and shows the passages where there are some. Raises `UsageError`."""
        if self.settings.text is None:
            return
        try:
            names = text_template(self.settings.text).names
        except TemplateMistake as error:
            raise self._template_mistake(TEXT, error) from error
        given = next((key for key in CONTEXTS if getattr(self.settings, key) is not None), None)
        if given is not None and CONTEXT not in names:
            raise self.mistake(
                key=given,
                what=f"{given} is set, but text does not show it: put {{{{ {CONTEXT} }}}} into text",
            )
        if not names:
            what = "text names no column, so every record would be the same: write {{ column }} where its value belongs"
            raise self.mistake(key=TEXT, what=what)

    def examples(self) -> tuple[tuple[str, Any], ...]:
        """Return the few-shot examples: the text as a record's would be, and the answer. Raises `UsageError`."""
        key, given = "examples", self.settings.examples
        if given is None and (path := self.settings.examples_file) is not None:
            key, given = "examples_file", self.reading("examples_file", lambda: read_examples(path))
        return tuple(self._example(key, number, one) for number, one in enumerate(given or (), start=1))

    @property
    def examples_key(self) -> str:
        """The setting that gives the examples."""
        return "examples" if self.settings.examples is not None else "examples_file"

    def _example(self, key: str, number: int, one: Mapping[str, Any]) -> tuple[str, Any]:
        if ANSWER not in one:
            raise self.mistake(key=key, what=f"example {number} has no `{ANSWER}`")
        names = text_template(self.settings.text).names if self.settings.text else (TEXT,)
        if TEXT in one and TEXT not in names:  # the text as it is to be, rather than the columns of one
            return str(one[TEXT]), one[ANSWER]
        if missing := [name for name in names if name not in one]:
            raise self.mistake(
                key=key, what=f"example {number} has no `{missing[0]}`, which the record's text is made of"
            )
        if self.settings.text is None:
            return str(one[TEXT]), one[ANSWER]
        try:
            return text_template(self.settings.text).render(one), one[ANSWER]
        except TemplateMistake as error:
            raise self.mistake(
                key=key, what=f"example {number} does not suit the template of text: {error}"
            ) from error


def chat_prefix(prompt: str, examples: Sequence[tuple[str, str]]) -> tuple[Message, ...]:
    """Return the messages before the record: what the model is told, and the examples."""
    shown = [
        message
        for text, answer in examples
        for message in (Message("user", text), Message("assistant", answer))
    ]
    return (Message("system", prompt), *shown)


def is_named(labels: Mapping[str, str], prompt: str) -> bool:
    """Whether a prompt names each of the labels, of which none has a meaning that it would have to tell."""
    if any(labels.values()):
        return False
    return all(re.search(rf"(?<!\w){re.escape(label)}(?!\w)", prompt) for label in labels)


def list_labels(labels: Mapping[str, str]) -> str:
    """Write labels one a line, with their meanings behind them."""
    return "\n".join(f"{label}: {meaning}" if meaning else label for label, meaning in labels.items())


def read_examples(path: Path) -> tuple[dict[str, Any], ...]:
    """Read examples, one JSON object a line. Raises `UsageError` with the line."""
    found = []
    for number, line in enumerate(re.split(r"\r\n|\r|\n", read_text(path)), start=1):
        if not line.strip():
            continue
        try:
            one = parse_json(line)
        except ValueError as error:
            msg = f"{path}, line {number} is no JSON: {error}"
            raise UsageError(msg) from error
        if not isinstance(one, dict):
            msg = f"{path}, line {number} is no JSON object"
            raise UsageError(msg)
        found.append(one)
    return tuple(found)
