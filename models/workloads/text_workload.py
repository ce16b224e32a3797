"""A workload that answers plain text."""

from functools import cached_property

from pydantic import BaseModel

from models.requests import Completion, FreeText, OutputFormat
from models.routing.languages import language_of
from models.workloads.answer_checks import Bounded, word_runs
from models.workloads.answer_pattern import limit_patterns
from models.workloads.base import broken_rule
from models.workloads.definition import Definition, chat_prefix
from models.workloads.settings_workload import SettingsWorkload

FIELD = "text"
DEFAULT_TOKENS = 256


class TextOutput(BaseModel):
    """What is published for a record."""

    text: str


class TextWorkload(SettingsWorkload):
    """Asks for plain text and checks what can be checked of it: its length, its language, that it is no copy of the prompt."""

    output = TextOutput

    def __init__(self, definition: Definition, model: str | None = None) -> None:
        super().__init__(definition, model)
        settings = definition.settings
        self.max_tokens = settings.max_tokens or DEFAULT_TOKENS
        told, examples = definition.prompt(), definition.examples()
        for number, (_, answer) in enumerate(examples, start=1):
            if not isinstance(answer, str):
                raise definition.mistake(
                    key=definition.examples_key, what=f"the answer of example {number} is no text"
                )
        self._prefix = chat_prefix(told, examples)
        self._adapter_prefix = definition.adapter_prefix()
        self._bounds = [
            Bounded(key, bound)
            for key in ("min_words", "max_words", "max_sentences")
            if (bound := getattr(settings, key)) is not None
        ]
        if odd := next((one.setting for one in self._bounds if not isinstance(one.bound, int)), None):
            raise definition.mistake(
                key=odd, what=f"{odd} is a number for a workload that answers text, not a table"
            )
        if settings.pattern and set(settings.pattern) != {FIELD}:
            raise definition.mistake(
                key="pattern", what=f"a workload that answers text has the one path {FIELD!r}"
            )
        given = (settings.pattern or {}).get(FIELD)
        self._pattern = None if given is None else definition.pattern(given)
        told_here = self._adapter_prefix if definition.adapted and self._adapter_prefix else ()
        self._prompt_runs = {
            run for message in (*self._prefix, *told_here) for run in word_runs(message.content)
        }

    @cached_property
    def output_format(self) -> OutputFormat:
        """Plain text."""
        return FreeText()

    def parse(self, text: str, completion: Completion) -> BaseModel:
        """Return the text without white space around it. Raises `InvalidOutput`: empty, cut off, or against a check."""
        answer = completion.value.strip() if isinstance(completion.value, str) else ""
        if completion.finish_reason == "length" or not answer:
            said = f"answer is empty or was cut off (finish reason {completion.finish_reason})"
            raise self.unreadable(completion, said, "must not be empty", FIELD)
        with limit_patterns(self.max_tokens):
            for rule in self._broken(text, answer):
                raise broken_rule(FIELD, rule)
        return TextOutput(text=answer)

    @cached_property
    def fingerprint(self) -> str:
        """The base's, with the checks that are set here: an answer that fails one is none."""
        checks = ("min_words", "max_words", "max_sentences", "pattern", "same_language", "copies_prompt")
        own = [(key, getattr(self.settings, key)) for key in checks if self.definition.sets(key)]
        return self.fingerprint_of(*own)

    def _broken(self, text: str, answer: str) -> list[str]:
        """Return the rules that an answer breaks."""
        found = [rule for one in self._bounds if (rule := one.broken_by(answer))]
        if self._pattern is not None and (rule := self._pattern.broken_by(answer)):
            found.append(rule)
        if self.settings.same_language:
            mine, theirs = language_of(text), language_of(answer)
            if None not in (mine, theirs) and mine != theirs:
                found.append("must be in the language of the text")
        if not self.settings.copies_prompt and any(run in self._prompt_runs for run in word_runs(answer)):
            found.append("must not repeat the prompt")
        return found
