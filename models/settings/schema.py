"""All settings: environment variables with the prefix `BREAKEVEN_`, then `breakeven.toml`, then defaults."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from models.private_files import GroupAccess
from models.settings.address import AddressText
from models.settings.alerts import AlertSettings
from models.settings.delivery import ChatSettings, MailSettings, chat_names
from models.settings.engine import EngineSettings, EngineTable
from models.settings.executor import ExecutorSettings
from models.settings.files import ENV_PREFIX, WORKLOADS_DIR, in_file
from models.settings.inherit import Lineage, lineage, merge_lineage
from models.settings.own_model import own_model
from models.settings.pool import PoolSettings, PoolType
from models.settings.spot import SpotSettings
from models.settings.training import TrainingSettings
from models.settings.worker_number import WorkerNumber
from models.settings.workload import Caps, ReasoningEffort, WorkloadSettings

ENV_DELIMITER = "__"


class Settings(ExecutorSettings):
    """Settings of the whole system. Unknown keys are errors, so that a typing mistake is seen.

    Read them with `models.settings.check.load`, which also sees unknown variables and names what is wrong.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter=ENV_DELIMITER,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    # where things lie
    database_url: SecretStr = Field(SecretStr("sqlite:///breakeven.db"), description="the cost ledger")
    output_dir: Path = Field(Path("out"), description="published partitions, parts and quarantine")
    archive_dir: Path = Field(Path("archive"), description="ledger lines that were moved out of the database")
    group_access: GroupAccess = Field(
        "none",
        description="of the folder's group: read: what is published and reported; write: all below output_dir",
    )
    quarantine_answers: bool = Field(
        default=False, description="keep answers that were set aside; they can hold personal data"
    )
    workloads_dir: Path = Field(WORKLOADS_DIR, description="folder of files NAME.toml, each a workload")
    cache_dir: Path = Field(Path(".cache"), description="prepared model, vocabularies, rows of inputs")
    input_cache_gib: float = Field(
        10.0,
        ge=0,
        allow_inf_nan=False,
        description="rows of CSV and JSON files that are kept below cache_dir, so that each is read once, GiB; 0: none",
    )

    # the engine
    engine: EngineTable = Field(
        EngineSettings(), description="its kind, vllm or server, or a table with further arguments of vLLM"
    )
    model: str | None = Field(
        None, description="Hugging Face id or local folder; default: SmolLM2-135M-Instruct"
    )
    model_revision: str | None = Field(None, description="its revision on Hugging Face; default: main")
    dtype: str = Field("auto", description="auto: float32 on a CPU, the model's own on a GPU")
    quantization: str | None = Field(None, description="such as awq; default: as the model says")
    tensor_parallel_size: int = Field(1, ge=1, description="GPUs that share the model")
    max_model_len: int | None = Field(None, ge=64, description="tokens of a prompt with its answer")
    gpu_memory_utilization: float = Field(0.9, gt=0, le=1, description="share of the GPU's memory for vLLM")
    lora_adapter: Path | None = Field(None, description="folder of a LoRA adapter")
    chat_template: str | None = Field(
        None, description="Jinja chat template, or a file that holds it; default: the model's own"
    )
    chat_template_kwargs: dict[str, Any] = Field(
        default_factory=dict, description="arguments of the chat template, such as enable_thinking = false"
    )
    trust_remote_code: bool = Field(
        False,
        description="run Python code that comes with the model, with all your rights: read it before; else such a model is refused",
    )
    max_num_seqs: int | None = Field(None, ge=1, description="default: 32 on a CPU, 256 on a GPU")
    window: int | None = Field(None, ge=1, description="requests in flight; default: 2 x max_num_seqs")
    lookahead: int = Field(2048, ge=1, description="requests that may be reordered by prefix")
    enforce_eager: bool | None = Field(None, description="default: true on a CPU")
    cpu_kv_cache_gib: int = Field(4, ge=1, description="memory for the KV cache on a CPU, GiB")
    engine_subprocess: bool | None = Field(None, description="default: vLLM in this process on a CPU")
    speculation: bool | None = Field(
        None,
        description="propose what the prompt repeats; default: on a CPU, where a workload answers more than a label",
    )
    seed: int = Field(0, description="of the sampling")

    # a server of one's own as the local engine
    server_url: AddressText | None = Field(
        None, description="address of an own server, such as http://127.0.0.1:8000/v1"
    )
    server_key: SecretStr | None = Field(None, description="key of the own server; default: it wants none")
    server_hosts: tuple[str, ...] = Field(
        (), description="hosts that are declared in-house; this machine needs no declaration"
    )
    server_structured_output: Literal["json_schema", "json_object", "none"] = Field(
        "json_schema", description="what the own server can do; without it the schema is put into the prompt"
    )
    server_concurrency: int = Field(32, ge=1, description="requests in flight at the own server")
    server_max_attempts: int = Field(
        3, ge=1, description="attempts of one request at the own server before it counts as failed"
    )
    server_timeout_seconds: float = Field(300.0, gt=0, description="deadline of one request there, whole")

    # records that are set aside
    max_quarantined_share: float = Field(
        0.2, ge=0, le=1, description="share of a day's records above which it is not published"
    )
    min_quarantined: int = Field(10, ge=1, description="records set aside from which on that share holds")

    # quotes
    quote_texts: int = Field(
        10_000, ge=100, description="distinct texts of a partition that a quote tokenizes: all, or a sample"
    )

    # workers
    gpu_workers: WorkerNumber = Field(
        "auto",
        description="flow runs at a time in the pool gpu, its limit; auto: as many as workers are online there; containers: a number",
    )
    pool_type: PoolType = Field("process", description="of the pools: where a worker starts its runs")
    pool: PoolSettings = Field(PoolSettings(), description="what a run gets in a container")

    # commits and locks
    commit_records: int = Field(500, ge=1, description="records of one commit at most")
    commit_seconds: float = Field(5.0, gt=0, description="time between two commits at most")
    lease_seconds: float = Field(60.0, gt=0, description="a dead owner's lock expires after this")
    lease_wait_seconds: float = Field(0.0, ge=0, description="how long a second run waits for the lock")
    database_patience_seconds: float = Field(
        120.0, ge=0, description="how long a commit waits for the database"
    )

    # the API
    api_mode: Literal["off", "sync", "batch"] = Field(
        "off", description="off: nothing is sent; sync: answered at once; batch: Batch API, half price"
    )
    api_base_url: AddressText | None = Field(
        None, description="OpenAI-compatible endpoint; default: OpenAI's own"
    )
    api_provider: str | None = Field(None, description="seller of the model, as genai-prices calls it")
    api_key: SecretStr | None = Field(None, description="key of the API")
    api_model: str = Field("gpt-6-luna", description="the API's model, also of the counterfactual cost")
    api_tokenizer: str | None = Field(
        None, description="model whose tiktoken tokenizer estimates tokens; default: api_model"
    )
    api_reasoning_effort: ReasoningEffort | None = Field(
        None, description="how much the API's model reasons; default: the least that it takes"
    )
    api_reasoning_tokens: int | None = Field(
        None, ge=0, description="tokens for reasoning beside those of the answer; default: by the effort"
    )
    api_structured_output: Literal["json_schema", "json_object", "none"] = Field(
        "json_schema", description="what the endpoint can do; without it the schema is put into the prompt"
    )
    api_omit_fields: tuple[str, ...] = Field((), description="fields that requests never carry, such as seed")
    api_extra_body: dict[str, Any] = Field(
        default_factory=dict,
        repr=False,
        description="fields that every request carries besides, such as top_p = 0.9",
    )
    api_headers: dict[str, SecretStr] = Field(
        default_factory=dict, description="headers that every request carries besides; never shown"
    )
    api_organization: str | None = Field(None, description="organisation that OpenAI bills; sent only if set")
    api_project: str | None = Field(None, description="project that OpenAI bills; sent only if set")
    api_concurrency: int = Field(64, ge=1, description="API requests in flight")
    api_requests_per_minute: int | None = Field(None, ge=1, description="limit; default: none")
    api_tokens_per_minute: int | None = Field(None, ge=1, description="limit; default: none")
    api_max_attempts: int = Field(
        5,
        ge=1,
        description="attempts of one record on the API, over all runs and batches of its partition; then it is set aside as `unanswered` if others were answered",
    )
    api_timeout_seconds: float = Field(60.0, gt=0, description="deadline of one request, whole")
    max_reply_bytes: int = Field(
        8_000_000,
        ge=100_000,
        le=1_000_000_000,
        description="bytes of one reply of an API or an own server, unfolded, or of one line of a batch's results; a longer one counts as no answer",
    )
    api_run_seconds: float | None = Field(None, gt=0, description="deadline of a run; then it defers")
    api_breaker_failures: int = Field(
        10, ge=1, description="failures in a row (no answer, 5xx) after which the endpoint is left alone"
    )
    api_breaker_seconds: float = Field(30.0, gt=0, description="pause before one request tries again")
    engine_patience_seconds: float = Field(
        600.0, ge=0, description="policy `wait`: how long an engine that fails is tried again"
    )

    # the Batch API
    batch_max_requests: int = Field(50_000, ge=1, le=50_000, description="requests of one batch file")
    batch_max_bytes: int = Field(200_000_000, ge=1000, le=200_000_000, description="bytes of one batch file")
    batch_enqueued_tokens: int | None = Field(
        None, ge=1, description="input tokens that may wait in batches of the model at one time"
    )
    batch_deadline_hours: float = Field(
        26.0, gt=0, description="after this a batch is cancelled, and what it did not answer is asked again"
    )
    batch_max_result_bytes: int = Field(
        4_000_000_000,
        ge=1_000_000,
        description="bytes of one file of a batch's results; a batch with a longer one has failed",
    )
    batch_download_seconds: float = Field(
        3600.0, gt=0, description="deadline of the download of one file of a batch's results"
    )
    batch_fallback: Literal["wait", "sync"] = Field(
        "wait", description="what no batch takes or answers in time: waits, or sync: at once at full price"
    )
    batch_discount: Decimal = Field(Decimal("0.5"), ge=0, lt=1, description="of the API price, in a batch")

    # money
    budget: Caps = Field(Caps(), description="dollars at most that all workloads together spend on the API")
    api_input_usd_per_mtok: Decimal | None = Field(
        None, ge=0, description="price of an API model that genai-prices does not know"
    )
    api_cached_input_usd_per_mtok: Decimal | None = Field(None, ge=0, description="default: the input price")
    api_cache_write_usd_per_mtok: Decimal | None = Field(None, ge=0, description="default: the input price")
    api_output_usd_per_mtok: Decimal | None = Field(None, ge=0, description="as for the input")
    api_candidates: tuple[str, ...] = Field(
        ("gpt-6-luna", "claude-haiku-5-5", "gemini-3.5-flash-lite", "deepinfra/llama-3.1-8b"),
        description="models that are compared, MODEL or PROVIDER/MODEL; with your price: NAME=IN/OUT",
    )
    gpu_kind: str | None = Field(
        None, description="entry of the catalogue; default: found by nvidia-smi, else cpu"
    )
    gpu_usd_per_hour: Decimal | None = Field(None, ge=0, description="yours; default: the catalogue's")
    billing_mode: Literal["on_demand", "reserved", "spot"] = Field("on_demand", description="of the machine")
    billing_increment_seconds: int = Field(1, ge=1, description="time that is used is rounded up to this")
    spot: SpotSettings = Field(SpotSettings(), description="what a machine that may be taken away costs")
    maintenance_hours: Decimal = Field(
        Decimal(2), ge=0, description="people's hours a month; `breakeven infrastructure labour` wins"
    )
    setup_hours: Decimal = Field(Decimal(12), ge=0, description="people's hours for the set-up, once")
    engineer_usd_per_hour: Decimal = Field(Decimal(100), ge=0, description="what an hour of theirs costs")

    # the monthly report
    smtp: MailSettings = Field(MailSettings(), description="who gets it by mail")
    chat: Annotated[dict[str, ChatSettings], AfterValidator(chat_names)] = Field(
        default_factory=dict, description="chat services that get it, by names of your own"
    )
    delivery_retry_seconds: tuple[Annotated[float, Field(ge=0)], ...] = Field(
        (60.0, 600.0, 3600.0), description="pauses after which the flow tries a failed delivery again"
    )

    # alerts, to those who get the report
    alerts: AlertSettings = Field(AlertSettings(), description="what is alerted of, and from where on")
    training: TrainingSettings = Field(TrainingSettings(), description="what is trained each month")
    workloads: dict[str, WorkloadSettings] = Field(default_factory=dict, description="by workload")

    @property
    def parts_access(self) -> GroupAccess:
        """What a group may do with parts and batch files, which hold texts and prompts of records."""
        return "write" if self.group_access == "write" else "none"

    def workload(self, name: str) -> WorkloadSettings:
        """Return the settings of one workload, with those of the workloads that it extends; defaults where nothing is set."""
        return merge_lineage(self.lineage(name))

    def lineage(self, name: str) -> Lineage:
        """Return a workload and those that it extends. Raises `UsageError` where one of them is unknown."""
        return lineage(self.workloads, name)

    def for_workload(self, name: str) -> Self:
        """Return the settings under which a workload is answered: with its own model, adapter, chat template, effort and share of quarantine.

        A workload that names a `model` takes over nothing that belongs to the general one: no revision, quantization,
        adapter or chat template. To do it twice changes nothing more.
        """
        chain = self.lineage(name)
        changes = own_model(chain)
        for general, own in (("api_reasoning_effort", "reasoning_effort"), ("max_quarantined_share",) * 2):
            value = next((found for _, one in chain if (found := getattr(one, own)) is not None), None)
            if value is not None:
                changes[general] = value
        return self.model_copy(update=changes) if changes else self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  pydantic-settings calls it so
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before file before defaults."""
        return init_settings, env_settings, InitSettingsSource(settings_cls, in_file())
