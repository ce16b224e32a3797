"""From settings to vLLM's arguments: what is set where, on a CPU and on a GPU."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from models.default_model import model_name
from models.engines.loads import adapters_of_base, base_of, workloads_of_base
from models.engines.vllm.arguments import write_arguments
from models.engines.vllm.chat_template import read_template
from models.errors import UsageError
from models.settings import Settings

LORA_CONFIG, LORA_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
"""Files of an adapter as peft saves it."""
LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""Ranks that vLLM makes room for (`vllm.config.lora.MaxLoRARanks`); its default is 16."""
NGRAM: Mapping[str, object] = {
    "method": "ngram",
    "num_speculative_tokens": 4,
    "prompt_lookup_max": 4,
    "prompt_lookup_min": 2,
}
"""Speculation that proposes what stands after the same words in the prompt: it needs no second model."""
SPECULATIVE = {"speculative_config", "spec_method", "spec_model", "spec_tokens"}
"""Arguments of vLLM by which `[engine]` can choose another speculation."""
CPU_BLOCK_SIZE = 32
"""The least that vLLM's CPU cache takes; its default of 128 never reuses a shorter shared prefix."""


@dataclass(frozen=True, slots=True)
class VllmOptions:
    """All that decides how the engine loads, and how it is asked. Made by `from_settings`.

    `lora_adapters`: all that share the load; `lora_adapter` and the chat template are those of one workload, and
    need no load of their own. `chat_template_kwargs` and `further`, the arguments of `[engine]`, are JSON.
    """

    name: str
    base_name: str
    path: str
    on_cpu: bool
    dtype: str
    revision: str | None
    quantization: str | None
    tensor_parallel_size: int
    max_model_len: int | None
    gpu_memory_utilization: float
    lora_adapter: Path | None
    lora_adapters: tuple[Path, ...]
    chat_template: str | None
    chat_template_kwargs: str
    max_num_seqs: int
    window: int
    lookahead: int
    enforce_eager: bool
    cpu_kv_cache_gib: int
    subprocess: bool
    seed: int
    speculation: bool = False
    trust_remote_code: bool = False
    further: str = "{}"

    @classmethod
    def from_settings(cls, settings: Settings, *, on_cpu: bool) -> "VllmOptions":
        """Fill in what depends on the machine. Figures and their reasons: docs/decisions/0002."""
        max_num_seqs = settings.max_num_seqs or (32 if on_cpu else 256)
        return cls(
            name=model_name(settings),
            base_name=model_name(settings.model_copy(update={"lora_adapter": None})),
            path=base_of(settings)[0],
            on_cpu=on_cpu,
            dtype="float32" if on_cpu and settings.dtype == "auto" else settings.dtype,
            revision=settings.model_revision,
            quantization=settings.quantization,
            tensor_parallel_size=settings.tensor_parallel_size,
            max_model_len=settings.max_model_len,
            gpu_memory_utilization=settings.gpu_memory_utilization,
            lora_adapter=settings.lora_adapter,
            lora_adapters=_usable_adapters(settings),
            chat_template=read_template(settings.chat_template),
            chat_template_kwargs=json.dumps(settings.chat_template_kwargs, sort_keys=True, default=str),
            max_num_seqs=max_num_seqs,
            window=settings.window or 2 * max_num_seqs,
            lookahead=settings.lookahead,
            enforce_eager=on_cpu if settings.enforce_eager is None else settings.enforce_eager,
            cpu_kv_cache_gib=settings.cpu_kv_cache_gib,
            subprocess=not on_cpu if settings.engine_subprocess is None else settings.engine_subprocess,
            seed=settings.seed,
            speculation=_speculates(settings, on_cpu=on_cpu),
            trust_remote_code=settings.trust_remote_code,
            further=write_arguments(settings.engine.arguments),
        )

    @property
    def template_arguments(self) -> dict[str, Any]:
        """The arguments of the chat template."""
        arguments: dict[str, Any] = json.loads(self.chat_template_kwargs)
        return arguments

    @property
    def further_arguments(self) -> dict[str, Any]:
        """The arguments of vLLM that no setting of ours names."""
        arguments: dict[str, Any] = json.loads(self.further)
        return arguments

    def load_key(self) -> "VllmOptions":
        """Return what decides a load: equal for workloads that can share one."""
        return replace(
            self,
            name="",
            lora_adapter=None,
            lora_adapters=(),
            chat_template=None,
            chat_template_kwargs="{}",
            window=0,
            lookahead=0,
            speculation=False,
        )

    def environment(self) -> dict[str, str]:
        """Environment variables that vLLM reads when it is imported."""
        variables = {"VLLM_ENABLE_V1_MULTIPROCESSING": "1" if self.subprocess else "0"}
        if self.on_cpu:
            variables["VLLM_CPU_KVCACHE_SPACE"] = str(self.cpu_kv_cache_gib)
        if Path(self.path).exists():
            variables["HF_HUB_OFFLINE"] = "1"  # a local model needs no look-up
        return variables

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of `vllm.LLM`."""
        arguments: dict[str, Any] = {
            "model": self.path,
            "revision": self.revision,
            "dtype": self.dtype,
            "quantization": self.quantization,
            "tensor_parallel_size": self.tensor_parallel_size,
            "max_model_len": self.max_model_len,
            "gpu_memory_utilization": self.gpu_memory_utilization,
            "max_num_seqs": self.max_num_seqs,
            "enforce_eager": self.enforce_eager,
            "enable_prefix_caching": True,
            "seed": self.seed,
            "max_logprobs": 128,
            "use_tqdm_on_load": False,
            "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
            "enable_lora": bool(self.lora_adapters),
            "trust_remote_code": self.trust_remote_code,
        }
        if self.lora_adapters:
            arguments["max_loras"] = len(self.lora_adapters)
            arguments["max_lora_rank"] = max(map(lora_rank, self.lora_adapters))
        if self.speculation:
            arguments["speculative_config"] = dict(NGRAM)
        if self.on_cpu:
            arguments["block_size"] = CPU_BLOCK_SIZE
        if not self.subprocess and self.tensor_parallel_size == 1:
            arguments["distributed_executor_backend"] = "uni"
        return arguments | self.further_arguments


def _speculates(settings: Settings, *, on_cpu: bool) -> bool:
    """Whether a load speculates where its settings do not say: docs/decisions/0016."""
    if SPECULATIVE & settings.engine.arguments.keys():
        return False
    if settings.speculation is not None:
        return settings.speculation
    return on_cpu and any(settings.workload(name).kind != "label" for name in workloads_of_base(settings))


def _usable_adapters(settings: Settings) -> tuple[Path, ...]:
    """Return the adapters that share a load: what is wrong with another workload's does not stop this one."""
    return tuple(one for one in adapters_of_base(settings) if one == settings.lora_adapter or _is_usable(one))


def _is_usable(adapter: Path) -> bool:
    try:
        check_adapter(adapter)
    except UsageError:
        return False
    return True


def check_adapter(adapter: Path) -> None:
    """See that a folder holds a LoRA adapter as peft saves it. Raises `UsageError`."""
    if not (adapter / LORA_WEIGHTS).is_file():
        msg = f"{adapter} is no LoRA adapter ({LORA_WEIGHTS} is missing): give the folder that peft saved"
        raise UsageError(msg)
    lora_rank(adapter)


def lora_rank(adapter: Path) -> int:
    """Return the least rank that vLLM takes and that the adapter fits in (16 where its configuration has none).

    Raises `UsageError` for a folder that is no adapter as peft saves it, or one of a rank beyond 512.
    """
    path = adapter / LORA_CONFIG
    try:
        found = json.loads(path.read_text("utf-8"))
        rank = int(found.get("r", LORA_RANKS[2]))
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        msg = f"{adapter} is no LoRA adapter ({path.name} cannot be read): give the folder that peft saved"
        raise UsageError(msg) from error
    fitting = next((one for one in LORA_RANKS if one >= rank), None)
    if fitting is None:
        msg = f"{adapter} has rank {rank}; vLLM takes adapters up to rank {LORA_RANKS[-1]}"
        raise UsageError(msg)
    return fitting
