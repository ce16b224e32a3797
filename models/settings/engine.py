"""The setting `engine`: which kind of engine answers records here, and further arguments of vLLM by their own names."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_settings import NoDecode

from models.text_files import parse_json

OURS: Mapping[str, str] = {
    "revision": "model_revision",
    "enable_lora": "lora_adapter",
    "max_loras": "lora_adapter",
    "max_lora_rank": "lora_adapter",
    **{
        name: name
        for name in (
            *("model", "dtype", "quantization", "tensor_parallel_size", "max_model_len"),
            *("gpu_memory_utilization", "max_num_seqs", "enforce_eager", "seed", "chat_template"),
            "trust_remote_code",
        )
    },
}
"""Arguments of vLLM that a setting of ours gives, and which one."""
FIXED: Mapping[str, str] = {
    "tokenizer": "prompts are counted with the model's own tokenizer",
    "tokenizer_revision": "it is that of the model (model_revision)",
    "tokenizer_mode": "prompts are counted with the model's own tokenizer",
    "skip_tokenizer_init": "the tokenizer makes the prompts",
    "structured_outputs_config": "one grammar backend answers every workload",
    "max_logprobs": "confidence needs it",
    "runner": "the model answers in text",
    "convert": "the model answers in text",
    "hf_token": "it is a secret: set HF_TOKEN in the environment",
    "use_tqdm_on_load": "progress is shown by the program",
    "rope_scaling": "write it as hf_overrides = { rope_parameters = { ... } }",
    "rope_theta": "write it as hf_overrides = { rope_parameters = { ... } }",
}
"""Arguments that cannot be set, and why."""


class EngineSettings(BaseModel):
    """The engine that answers records in the house.

    Set as `engine = "vllm"`, which names the kind alone, or as the table `[engine]`, whose other names are arguments of
    vLLM's `LLM`. Those that vLLM does not have are found when it is first imported (`models.engines.vllm.arguments`).
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: Literal["vllm", "server"] = Field(
        "vllm",
        description="vllm: the model is loaded here; server: a server of your own answers, at an OpenAI-compatible URL",
    )

    @property
    def arguments(self) -> dict[str, Any]:
        """The further arguments of vLLM's `LLM`; a number or a table that came as text is read as JSON."""
        return {name: _plain(value) for name, value in (self.model_extra or {}).items()}

    @model_validator(mode="after")
    def _leave_ours_alone(self) -> "EngineSettings":
        for name in self.model_extra or {}:
            if name in OURS:
                msg = f"{name} of vLLM is the setting {OURS[name]}: write it above the first table"
                raise ValueError(msg)
            if name in FIXED:
                msg = f"{name} of vLLM cannot be set here: {FIXED[name]}"
                raise ValueError(msg)
        return self


def _plain(value: object) -> object:
    """Read what the environment gives as text: numbers, true, false, lists and tables; a word stays one."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if not isinstance(value, str):
        return value
    try:
        return parse_json(value)
    except ValueError:
        return value


def read_kind(value: object) -> object:
    """Read a single word as the engine's kind, and what begins with a brace as JSON."""
    if not isinstance(value, str):
        return value
    if not value.lstrip().startswith("{"):
        return {"kind": value}
    try:
        return parse_json(value)
    except ValueError as error:
        msg = "a word such as server, or a table as JSON"
        raise ValueError(msg) from error


EngineTable = Annotated[EngineSettings, NoDecode, BeforeValidator(read_kind)]
"""How `Settings` takes it: a word or a table, in the file and in the environment."""
