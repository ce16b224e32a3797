"""A workload that answers several labels of a set at once."""

from functools import cached_property

from pydantic import BaseModel

from models.requests import Completion, JsonObject, JsonValue, OutputFormat
from models.workloads.base import broken_rule
from models.workloads.definition import Definition, chat_prefix
from models.workloads.json_schema import write_compact
from models.workloads.label_set import read_label_set, show_example, show_labels, token_limit
from models.workloads.label_spelling import LabelSpellings
from models.workloads.settings_workload import SettingsWorkload

FIELD = "labels"
_OBJECT_BYTES = len('{"labels":[]}')
_LABEL_BYTES = len('"",')


class LabelsOutput(BaseModel):
    """What is published for a record: the labels that apply, in the order of the settings."""

    labels: list[str]


class LabelsWorkload(SettingsWorkload):
    """Asks for a JSON object with the list of labels that apply. One that comes twice counts once."""

    output = LabelsOutput

    def __init__(self, definition: Definition, model: str | None = None) -> None:
        super().__init__(definition, model)
        meanings, settings = read_label_set(definition), definition.settings
        self._labels = tuple(meanings)
        self._shown = dict(zip(self._labels, show_labels(self._labels), strict=True))
        self._spellings = LabelSpellings(tuple(self._shown.values()))
        self._least = settings.min_labels or 0
        self._most = min(settings.max_labels or len(self._labels), len(self._labels))
        if self._least > self._most:
            what = f"min_labels is {self._least}, but at most {self._most} labels can be given"
            raise definition.mistake(key="min_labels", what=what)
        longest = sorted((len(words.encode()) for words in self._shown.values()), reverse=True)[: self._most]
        self.max_tokens = token_limit(definition, _OBJECT_BYTES + sum(longest) + _LABEL_BYTES * self._most)
        named = {self._shown[label]: meaning for label, meaning in meanings.items()}
        answers = [
            (text, self._example(number, answer))
            for number, (text, answer) in enumerate(definition.examples(), start=1)
        ]
        self._prefix = chat_prefix(definition.prompt(named), answers)
        self._adapter_prefix = definition.adapter_prefix(named)

    @property
    def label_set(self) -> tuple[str, ...]:
        """The labels as the settings spell them."""
        return self._labels

    @cached_property
    def output_format(self) -> OutputFormat:
        """A list of labels as they are shown to the model."""
        items = {"type": "string", "enum": list(self._shown.values())}
        labels = {"type": "array", "items": items, "minItems": self._least, "maxItems": self._most}
        schema = {
            "type": "object",
            "properties": {FIELD: labels},
            "required": [FIELD],
            "additionalProperties": False,
        }
        return JsonObject(write_compact(schema))

    def parse(self, text: str, completion: Completion) -> BaseModel:  # noqa: ARG002 - the base's signature
        """Return the labels that the answer names. Raises `InvalidOutput`: another label, too few or too many."""
        value = completion.value
        named = value.get(FIELD) if isinstance(value, dict) else None
        given = (
            [self._spellings.find(one) if isinstance(one, str) else None for one in named]
            if isinstance(named, list)
            else [None]
        )
        if None in given:
            said = f"answer is no list of the {len(self._labels)} labels (finish reason {completion.finish_reason})"
            raise self.unreadable(
                completion, said, f"must be a list of the {len(self._labels)} labels", FIELD
            )
        chosen = [label for label, words in self._shown.items() if words in given]
        if not self._least <= len(chosen) <= self._most:
            rule = f"must have {self._least} to {self._most} labels"
            raise broken_rule(FIELD, rule)
        return LabelsOutput(labels=chosen)

    def answer_text(self, answer: JsonValue) -> str:
        """Return the object with the labels as they are shown to the model; what is no label stays, and is no answer."""
        given = [str(one) for one in answer] if isinstance(answer, list) else [str(answer)]
        return write_compact({FIELD: [self._shown.get(label, label) for label in given]})

    @cached_property
    def fingerprint(self) -> str:
        """The base's, with the labels' own spelling: it is what is published."""
        return self.fingerprint_of(self._labels)

    def _example(self, number: int, answer: object) -> str:
        """Return the answer of an example, a list of labels, as the model gives it. Raises `UsageError`."""
        labels = answer if isinstance(answer, list) else [answer]
        return write_compact(
            {FIELD: [show_example(self.definition, number, one, self._shown) for one in labels]}
        )
