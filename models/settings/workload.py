"""The settings of one workload: what it asks, where it reads, what it may spend."""

from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    SecretStr,
    Tag,
)

from models.routing.policy import Policy
from models.settings.address import AddressText
from models.settings.audit import AuditSettings
from models.settings.training import TrainedKinds, split_names
from models.settings.worker_number import ShardNumber

Names = Annotated[tuple[str, ...], BeforeValidator(split_names)]

Kind = Literal["label", "labels", "object", "text"]
"""What a workload answers: one label, several at once, a JSON object, or free text."""
AS_LIST, AS_TABLE, AS_NUMBER = FORMS = ("(list)", "(table)", "(number)")
"""Names of the forms that a setting may have; errors of pydantic name them, ours leave them out."""
_Count = Annotated[int, Field(ge=0)]
Bounds = Annotated[
    Annotated[_Count, Tag(AS_NUMBER)] | Annotated[dict[str, _Count], Tag(AS_TABLE)],
    Discriminator(lambda value: AS_TABLE if isinstance(value, dict) else AS_NUMBER),
]
"""A number for the whole answer, or numbers by path."""
ReasoningEffort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
Labels = Annotated[
    Annotated[tuple[str, ...], Tag(AS_LIST)] | Annotated[dict[str, str], Tag(AS_TABLE)],
    Discriminator(lambda value: AS_TABLE if isinstance(value, dict) else AS_LIST),
]
"""Labels: a list, or a table of label and meaning."""


MAX_TEXT_CHARS = 2_000_000
"""Characters of a record's text at most, where nothing is set: some 500,000 tokens of English."""


def _check_delimiter(value: str) -> str:
    if value.lower() in {"auto", "tab", "\\t"} or (len(value) == 1 and value not in '"\r\n'):
        return value
    msg = "must be one character, tab or auto"
    raise ValueError(msg)


def _check_encoding(value: str) -> str:
    if value.lower() == "auto":
        return value
    with suppress(LookupError, ValueError):  # of a name that is none, and of one that is no encoding of text
        "a".encode(value)
        return value
    msg = "must be an encoding of text, such as cp1252, latin-1, shift_jis or utf-16, or auto"
    raise ValueError(msg)


class Caps(BaseModel):
    """Dollars at most that go to the API in one run, one UTC day and one UTC month; None: no cap."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run_usd: Decimal | None = Field(None, ge=0, description="in one run")
    day_usd: Decimal | None = Field(None, ge=0, description="in one UTC day")
    month_usd: Decimal | None = Field(None, ge=0, description="in one UTC month")


class WorkloadSettings(BaseModel):
    """What a workload asks, where it reads and which columns mean what.

    Set as `BREAKEVEN_WORKLOADS__SENTIMENT__INPUT=…`, in the table `[workloads.sentiment]` or in `workloads/sentiment.toml`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    # what it asks (docs/workloads.md)
    description: str | None = Field(None, description="one sentence on what it does, for people")
    extends: str | None = Field(None, description="preset or other workload that this one changes")
    kind: Kind | None = Field(None, description="label, labels (several at once), object or text")
    prompt: str | None = Field(
        None, description="what the model is told, a Jinja template over `labels` or `fields`"
    )
    prompt_file: Path | None = Field(None, description="file that holds the prompt")
    adapter_prompt: str | None = Field(
        None,
        description="what an adapter that was trained here is told in the place of prompt, labels and examples; default: these",
    )
    text: str | None = Field(
        None, description="Jinja template over the row's columns; default: text_columns joined"
    )
    labels: Labels | None = Field(None, description="the labels: a list, or a table of label and meaning")
    labels_file: Path | None = Field(
        None, description="text file with one label a line; a tab, then its meaning"
    )
    examples: tuple[dict[str, Any], ...] | None = Field(
        None, description="few-shot examples, each a table of the columns (or `text`) and `answer`"
    )
    examples_file: Path | None = Field(None, description="the same as JSON lines")
    schema_file: Path | None = Field(None, description="JSON Schema of an object")
    output: str | None = Field(None, description="pydantic model of an object, as package.module:Model")
    max_tokens: int | None = Field(None, ge=1, description="tokens of an answer at most")
    version: str | None = Field(None, description="name of this wording, for people")
    prior: bool | None = Field(
        None, description="divide the model's measured prior out of the label probabilities"
    )

    # what an answer must satisfy
    grounded: Names | None = Field(
        None, description="paths such as attributes[].value whose value must stand in the text"
    )
    distinct: Names | None = Field(None, description="paths of lists that hold nothing twice")
    min_words: Bounds | None = Field(None, description="words at least: a number, or a table by path")
    max_words: Bounds | None = Field(None, description="words at most: a number, or a table by path")
    max_sentences: Bounds | None = Field(None, description="sentences at most: a number, or a table by path")
    pattern: dict[str, str] | None = Field(
        None, description="regular expression by path that the whole value must match"
    )
    required_if: dict[str, str] | None = Field(
        None, description="by path, the condition under which it must not be empty"
    )
    same_language: bool | None = Field(None, description="the answer's language must be that of the text")
    copies_prompt: bool | None = Field(None, description="true: an answer may repeat the prompt")
    max_labels: int | None = Field(None, ge=1, description="labels of one record at most (labels)")
    min_labels: int | None = Field(None, ge=0, description="labels of one record at least (labels)")

    # the model that answers, where it is not that of all workloads
    model: str | None = Field(
        None, description="Hugging Face id or local folder; default: the general `model`"
    )
    model_revision: str | None = Field(None, description="revision of the model; default: the general one")
    quantization: str | None = Field(None, description="such as awq; default: the general one")
    lora_adapter: Path | None = Field(None, description="folder of a LoRA adapter; default: the general one")
    chat_template: str | None = Field(
        None, description="Jinja chat template, or a file that holds it; default: the model's own"
    )
    chat_template_kwargs: dict[str, Any] | None = Field(
        None, description="arguments of the chat template, such as enable_thinking = false"
    )
    trust_remote_code: bool | None = Field(
        None,
        description="run Python code that comes with the model, with all your rights; default: the general one",
    )

    reasoning_effort: ReasoningEffort | None = Field(
        None, description="how much the API's model reasons; default: the general api_reasoning_effort"
    )

    # where it reads
    input: AddressText | None = Field(
        None, description="file, glob or folder (also of folders of dates), here or in an object store"
    )
    query: str | None = Field(
        None, description="SQL query with :partition (or :start and :end) bound, in a fixed order"
    )
    query_url: SecretStr | None = Field(None, description="SQLAlchemy URL of the database that `query` reads")
    where: str | None = Field(None, description="SQL condition on the input's columns")
    id_column: str = Field("id", description="column of the record's id")
    text_columns: Names | None = Field(
        None, description="columns joined to the text; default: the workload's"
    )
    timestamp_column: str | None = Field(
        None, description="column that decides the partition; default: found by name"
    )
    delimiter: Annotated[str, AfterValidator(_check_delimiter)] = Field(
        "auto",
        description="what separates the fields of CSV: one character or tab; auto: found from the header",
    )
    encoding: Annotated[str, AfterValidator(_check_encoding)] = Field(
        "auto",
        description="encoding of CSV and JSON, such as cp1252; auto: UTF-8, or UTF-16 and UTF-32 where the file shows it",
    )
    max_text_chars: int = Field(
        MAX_TEXT_CHARS,
        ge=1,
        description="characters of a text at most; a row with a longer one is set aside as too_long",
    )
    context: str | None = Field(
        None, description="column of passages that the answer must rest on; `context` in `text`"
    )
    context_file: Path | None = Field(
        None, description="passages by record: a file with the id column and `text`, any number for a record"
    )
    max_quarantined_share: float | None = Field(
        None,
        ge=0,
        le=1,
        description="share of a day's records above which it is not published; default: the general one",
    )
    shards: ShardNumber | None = Field(
        None,
        description="into how many shards a partition is cut, which several workers answer at once; auto: where that is clearly faster; default: not at all",
    )
    schedule: str | None = Field(
        None,
        description="cron in UTC at which its deployment runs, such as 30 2 * * *; default: switched off",
    )

    # how it is evaluated (docs/evaluation.md)
    labelled_file: AddressText | None = Field(
        None,
        description="labelled records that the monthly evaluation uses: file, glob or URL, or `people`: the labels of `breakeven label`",
    )
    label_column: str | None = Field(
        None,
        description="column of the right answer in it; default: label, labels, reference, or an object's fields",
    )
    compare: Names | None = Field(
        None, description="fields of an object by which a whole record is right; default: all that are given"
    )
    measure: Literal["answering", "chrf"] | None = Field(
        None,
        description="answering (exact match and F1 of words) or chrf; default: an object by its fields, a text by chrf, with a context as answering",
    )
    no_answer: str | None = Field(
        None,
        description="what an answer says where the context does not hold it; default: not in the context",
    )

    # what is trained for it (docs/training_monthly.md)
    train: TrainedKinds | None = Field(
        None,
        description="what is trained for it each month: classifier, adapter or both; empty: nothing; default: `kinds` of [training]",
    )

    # where it goes
    data_residency: Literal["any", "local"] | None = Field(
        None, description="local: its records never go to an API; a class that says local cannot be loosened"
    )
    batch_acceptable: bool | None = Field(
        None,
        description="false: its answers cannot wait a day, so that batches are no alternative to it; default: true",
    )
    policy: Policy | None = Field(None, description="which records go to the API; default: the workload's")
    budget: Caps = Field(Caps(), description="dollars at most that this workload spends on the API")
    audit: AuditSettings = Field(
        AuditSettings(), description="which share of what is served without the API is asked there as well"
    )

    @property
    def named(self) -> frozenset[str]:
        """Names of the settings that say something; null says nothing, as where it is left out."""
        return frozenset(key for key in self.model_fields_set if getattr(self, key) is not None)
