"""The table `[engine]`: arguments of vLLM's `LLM` by its own names, checked against vLLM itself."""

import json
from collections.abc import Mapping
from typing import Any

from models.errors import UsageError
from models.nearest import nearest
from models.settings.engine import FIXED, OURS

MEMORY_AND_SPEED = frozenset(
    {
        *("kv_cache_memory_bytes", "num_gpu_blocks_override", "cpu_offload_gb", "cpu_offload_params"),
        *("offload_backend", "offload_params", "offload_group_size", "offload_num_in_group"),
        *("offload_prefetch_step", "kv_offloading_size", "kv_offloading_backend", "max_cpu_loras"),
        *(
            "enable_prefix_caching",
            "prefix_caching_hash_algo",
            "prefix_cache_retention_interval",
            "block_size",
        ),
        *("enable_chunked_prefill", "max_num_batched_tokens", "max_num_scheduled_tokens", "async_scheduling"),
        *("long_prefill_token_threshold", "scheduling_policy", "stream_interval", "watermark"),
        *("distributed_executor_backend", "pipeline_parallel_size", "data_parallel_size", "device_ids"),
        *("max_parallel_loading_workers", "load_format", "safetensors_load_strategy", "download_dir"),
        *("disable_log_stats", "log_level", "compilation_config", "optimization_level", "performance_mode"),
        *("cudagraph_capture_sizes", "max_cudagraph_capture_size", "enable_sleep_mode", "numa_bind"),
        *("speculative_config", "spec_method", "spec_model", "spec_tokens"),
    }
)
"""Arguments that say how much memory is used and how fast, and not what is answered at temperature 0."""


def facts_of(arguments: Mapping[str, Any]) -> tuple[object, ...]:
    """Return what of the arguments can change answers, for a partition's fingerprint; nothing without one."""
    found = {name: value for name, value in arguments.items() if name not in MEMORY_AND_SPEED}
    return (write_arguments(found),) if found else ()


def write_arguments(arguments: Mapping[str, Any]) -> str:
    """Write arguments as JSON, the same for the same ones."""
    return json.dumps(arguments, sort_keys=True, default=str)


def check_arguments(arguments: Mapping[str, Any]) -> None:
    """See that vLLM has arguments of these names. Imports vLLM, which takes seconds. Raises `UsageError`."""
    if not arguments:
        return
    from vllm.engine.arg_utils import EngineArgs  # noqa: PLC0415  vllm is slow to import

    known = {name for name in EngineArgs.__dataclass_fields__ if not name.startswith("_")}
    for name in arguments:
        if name not in known:
            found = nearest(name, known - OURS.keys() - FIXED.keys())
            meant = f"did you mean {found}?" if found else "its EngineArgs lists them"
            msg = f"[engine]: vLLM has no argument {name}; {meant}"
            raise UsageError(msg)
