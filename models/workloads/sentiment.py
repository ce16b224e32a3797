"""Sentiment of a customer's message: negative, neutral or positive."""

from functools import cached_property
from typing import ClassVar, Literal

from pydantic import BaseModel

from models.requests import Choice, Completion, Message, OutputFormat
from models.settings import WorkloadSettings
from models.workloads.base import Workload
from models.workloads.prior import LabelPrior, divide_out_prior, load_prior

LABELS = ("negative", "neutral", "positive")

_INSTRUCTION = (
    "Classify the sentiment of the customer's message as negative, neutral or positive. Answer with one word."
)
# Six examples, written by hand. More of them (12 to 36 were tried) made the prompt longer and not better.
_EXAMPLES = (
    ("@air my flight is three hours late and nobody tells us anything", "negative"),
    ("@air what time does check-in open tomorrow?", "neutral"),
    ("@air thank you, the crew was wonderful!", "positive"),
    ("@air lost my bag again. worst airline ever", "negative"),
    ("@air do you fly from Boston to Denver on Sundays?", "neutral"),
    ("@air best flight I have had in years, love you guys", "positive"),
)
_PREFIX = (
    Message("system", _INSTRUCTION),
    *(
        message
        for text, label in _EXAMPLES
        for message in (Message("user", text), Message("assistant", label))
    ),
)


class SentimentOutput(BaseModel):
    """What is published for a record."""

    label: Literal["negative", "neutral", "positive"]


class Sentiment(Workload):
    """Asks for one of three labels and corrects the model's prior, where one was measured for it.

    A small model answers `positive` or `negative` to almost everything, whatever the text. Its
    probabilities still rank texts well within one label, so each is divided by the model's prior for
    that label (geometric mean over a labelled sample with as many records of each label; after Zhao et
    al. 2021, "Calibrate before use", and Zhou et al. 2023, "Batch calibration"). The prior is data,
    `sentiment_prior.toml`, fitted by `python -m bench.accuracy fit-prior`, and used only for the model and the
    prompt version it was measured with.
    """

    name: ClassVar[str] = "sentiment"
    prompt_version: ClassVar[str] = "1"
    output: ClassVar[type[BaseModel]] = SentimentOutput
    max_tokens: ClassVar[int] = 16

    def __init__(self, settings: WorkloadSettings, model: str | None = None) -> None:
        super().__init__(settings, model)
        self.prior: LabelPrior | None = load_prior(self.name, self.prompt_version, model)
        self._corrected: tuple[Completion | None, dict[str, float]] = (None, {})

    @property
    def labels(self) -> tuple[str, ...]:
        """The three labels."""
        return LABELS

    def messages(self, text: str) -> tuple[Message, ...]:
        """Render one record's text; everything before it is constant."""
        return (*_PREFIX, Message("user", text))

    @cached_property
    def output_format(self) -> OutputFormat:
        """One of the three labels."""
        return Choice(LABELS)

    def parse(self, text: str, completion: Completion) -> BaseModel:  # noqa: ARG002 - the base's signature
        """Take the label that is most probable once the model's prior is divided out."""
        probabilities = self.probabilities(completion)
        label = max(probabilities, key=probabilities.__getitem__) if probabilities else completion.value
        if label not in LABELS:
            raise self.no_label(completion)
        return SentimentOutput.model_validate({"label": label})

    def confidence(self, completion: Completion) -> float | None:
        """Probability of the label that `parse` returns, after the correction."""
        probabilities = self.probabilities(completion)
        return max(probabilities.values()) if probabilities else completion.confidence

    def probabilities(self, completion: Completion) -> dict[str, float] | None:
        """Label probabilities after the correction; None where there is nothing to correct."""
        if self.prior is None or completion.label_probabilities is None or completion.value is None:
            return None
        if self._corrected[0] is not completion:  # `parse` and `confidence` ask for the same one
            self._corrected = (completion, divide_out_prior(completion.label_probabilities, self.prior))
        return self._corrected[1]

    @cached_property
    def fingerprint(self) -> str:
        """The base's, with the prior: another prior gives other labels."""
        return self.fingerprint_of(self.prior)
