"""A workload that answers one label of a set."""

from functools import cached_property
from typing import Literal

from pydantic import BaseModel, create_model

from models.requests import Choice, Completion, JsonValue, OutputFormat
from models.workloads.definition import Definition, chat_prefix
from models.workloads.label_set import read_label_set, show_example, show_labels, token_limit
from models.workloads.label_spelling import LabelSpellings
from models.workloads.prior import LabelPrior, divide_out_prior, load_prior
from models.workloads.settings_workload import SettingsWorkload


class LabelWorkload(SettingsWorkload):
    """Asks for one of the labels, shown to the model as words ("card arrival" for `card_arrival`).

    Words instead of identifiers, and examples before the record, were the two things that helped the small model.

    With `prior`, and where one was measured for this model and prompt, it corrects the model's prior: a small model
    answers some labels to almost everything, whatever the text. Its probabilities still rank texts well within one
    label, so each is divided by the model's prior for that label (geometric mean over a labelled sample with as many
    records of each label; after Zhao et al. 2021, "Calibrate before use", and Zhou et al. 2023, "Batch calibration").
    The prior is data, fitted by `python -m bench.accuracy fit-prior`.
    """

    output: type[BaseModel]

    def __init__(self, definition: Definition, model: str | None = None) -> None:
        super().__init__(definition, model)
        meanings = read_label_set(definition)
        self._labels = tuple(meanings)
        self.has_meanings = any(meanings.values())
        shown = dict(zip(self._labels, show_labels(self._labels), strict=True))
        self._shown = shown
        self._label_of = {words: label for label, words in shown.items()}
        self._spellings = LabelSpellings(tuple(self._label_of))
        self.max_tokens = token_limit(definition, max(len(words.encode()) for words in self._label_of))
        named = {shown[label]: meaning for label, meaning in meanings.items()}
        examples = [
            (text, show_example(definition, number, answer, shown))
            for number, (text, answer) in enumerate(definition.examples(), start=1)
        ]
        self._prefix = chat_prefix(definition.prompt(named), examples)
        self._adapter_prefix = definition.adapter_prefix(named)
        self.output = _output(self.name, self._labels)
        self._answers = {words: self.output(label=label) for words, label in self._label_of.items()}
        self.prior = self._measured_prior()
        self._corrected: tuple[Completion | None, dict[str, float]] = (None, {})

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels as the settings spell them."""
        return self._labels

    @cached_property
    def output_format(self) -> OutputFormat:
        """One of the labels as they are shown to the model."""
        return Choice(tuple(self._label_of))

    def parse(self, text: str, completion: Completion) -> BaseModel:  # noqa: ARG002 - the base's signature
        """Take the label that is most probable, once the model's prior is divided out where there is one."""
        probabilities = self.probabilities(completion)
        value = max(probabilities, key=probabilities.__getitem__) if probabilities else completion.value
        words = self._spellings.find(value) if isinstance(value, str) else None
        if words is None:
            raise self.no_label(completion)
        return self._answers[words]

    def answer_text(self, answer: JsonValue) -> str:
        """Return the label as it is shown to the model; another text stays what it is, and is no answer."""
        return self._shown.get(str(answer), str(answer))

    def confidence(self, completion: Completion) -> float | None:
        """Probability of the label that `parse` returns, after the correction."""
        probabilities = self.probabilities(completion)
        return max(probabilities.values()) if probabilities else completion.confidence

    def probabilities(self, completion: Completion) -> dict[str, float] | None:
        """Probabilities of the shown labels after the correction; None where there is nothing to correct."""
        if self.prior is None or completion.label_probabilities is None or completion.value is None:
            return None
        if self._corrected[0] is not completion:  # `parse` and `confidence` ask for the same one
            self._corrected = (completion, divide_out_prior(completion.label_probabilities, self.prior))
        return self._corrected[1]

    @cached_property
    def fingerprint(self) -> str:
        """The base's, with the labels' own spelling where it is not what the model sees, and with the prior."""
        if not self.settings.prior:
            return self.fingerprint_of(self._labels)
        spelling = () if tuple(self._label_of) == self._labels else (self._labels,)
        return self.fingerprint_of(*spelling, self.prior)

    def _measured_prior(self) -> LabelPrior | None:
        """Return the prior that was measured for this model with the preset's prompt, where that is asked."""
        base = self.definition.base
        if not self.settings.prior or base is None or not self.definition.asks_as_preset:
            return None
        return load_prior(base, self.definition.preset_version, self.model)


def _output(name: str, labels: tuple[str, ...]) -> type[BaseModel]:
    """Make the model of what is published for a record: `label`, spelled as in the settings."""
    kind = Literal[labels]  # type: ignore[valid-type]
    made: type[BaseModel] = create_model(f"{name}_label", label=(kind, ...))
    return made
