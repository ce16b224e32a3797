"""The language model that an adapter is trained on: loaded in full precision, with LoRA on its upper layers."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.default_model import QUIET
from models.engines.vllm.remote_code import ask_nobody
from models.engines.vllm.tokenizer import ChatTokenizer
from models.errors import UsageError

RANK, ALPHA = 16, 32
"""Rank of the adapter, and what its product is scaled by (`ALPHA / RANK`)."""
UPPER = 0.4
"""Share of the layers that are trained on a CPU: 1.95 million weights of the default model, a step in half the time (docs/training_adapter.md)."""


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A loaded model with its tokenizer, untyped as transformers is. `chat` makes the same prompts as the engine.

    `network` is peft's model, whose `adapter_weights` are trained; `context`: the most tokens that it takes.
    """

    network: Any
    tokenizer: Any
    chat: ChatTokenizer
    context: int
    device: str

    @property
    def adapter_weights(self) -> dict[str, Any]:
        """The weights that are trained, by name."""
        return {name: one for name, one in self.network.named_parameters() if one.requires_grad}


def load_base(
    base: Path,
    template: str | None,
    arguments: Mapping[str, Any],
    *,
    on_gpu: bool,
    seed: int,
    four_bits: bool = False,
) -> BaseModel:
    """Load a model (a folder, or a name on the Hub) and put a new adapter on it. Raises `UsageError` in one line.

    `four_bits`: the matrices of its layers are held in 4 bits, which bitsandbytes does; what is trained on them is not.
    """
    device = "cuda" if on_gpu else "cpu"
    with quiet_libraries(base):
        import torch  # noqa: PLC0415  takes seconds
        from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415

        form = torch.bfloat16 if on_gpu else torch.float32
        packed = pack_in_four_bits(form, device) if four_bits else {}

        ask_nobody()
        try:
            config = AutoConfig.from_pretrained(str(base), trust_remote_code=False)
            check_config(base, config)
            tokenizer = AutoTokenizer.from_pretrained(str(base), trust_remote_code=False)
            model = AutoModelForCausalLM.from_pretrained(
                str(base), dtype=form, trust_remote_code=False, **packed
            )
        except (OSError, ValueError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            msg = f"cannot load the base model {base}: {reason[:200]}; set model to one that is there"
            raise UsageError(msg) from error
        torch.manual_seed(seed)
        network = put_adapter_on(model if four_bits else model.to(device), config, on_gpu=on_gpu)
    longest = getattr(config, "max_position_embeddings", None) or tokenizer.model_max_length
    return BaseModel(network, tokenizer, ChatTokenizer(tokenizer, template, arguments), int(longest), device)


def pack_in_four_bits(form: Any, device: str) -> dict[str, Any]:  # noqa: ANN401
    """Return what transformers is told to hold the layers' matrices in 4 bits (NF4, its scales packed as well) and to compute in `form`."""
    from transformers import BitsAndBytesConfig  # noqa: PLC0415  it looks for bitsandbytes

    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=form,
    )
    return {"quantization_config": config, "device_map": {"": device}}


def check_config(base: Path, config: Any) -> None:  # noqa: ANN401
    """See that a configuration is that of a language model in plain weights. Raises `UsageError`."""
    made = getattr(config, "architectures", None) or ()
    if getattr(config, "is_encoder_decoder", False) or not any("CausalLM" in one for one in made):
        msg = f"{base} is no language model that writes ({', '.join(made) or config.model_type}): set model to one that does"
        raise UsageError(msg)
    if getattr(config, "quantization_config", None) is not None:
        msg = f"{base} has quantized weights, which an adapter is not trained on here: set model to the plain ones"
        raise UsageError(msg)


def put_adapter_on(model: Any, config: Any, *, on_gpu: bool) -> Any:  # noqa: ANN401
    """Return peft's model: LoRA on all linear layers, of the upper ones alone on a CPU."""
    from peft import LoraConfig, get_peft_model  # noqa: PLC0415  brings torch

    layers = int(config.num_hidden_layers)
    first = 0 if on_gpu else layers - max(round(layers * UPPER), 1)
    lora = LoraConfig(
        r=RANK,
        lora_alpha=ALPHA,
        lora_dropout=0.0,
        target_modules=linear_layers(model),
        layers_to_transform=None if on_gpu else list(range(first, layers)),
        task_type="CAUSAL_LM",
    )
    # what a step keeps and what a cache may hold both hang on this: a model as it is loaded answers, and does not train
    return get_peft_model(model, lora).train()


def linear_layers(model: Any) -> list[str]:  # noqa: ANN401
    """Return the names of the matrices in a model's layers: all linear ones but that of the output."""
    from torch.nn import Linear  # noqa: PLC0415

    found = [name for name, one in model.get_decoder().named_modules() if isinstance(one, Linear)]
    return sorted({name.rpartition(".")[2] for name in found})


@contextmanager
def quiet_libraries(base: Path) -> Iterator[None]:
    """Let the libraries show no bars and, for a model that is a folder, look nothing up. Environment as it was afterwards."""
    changed = (
        dict(QUIET) if base.exists() else {name: QUIET[name] for name in QUIET if name != "HF_HUB_OFFLINE"}
    )
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        from transformers.utils import logging  # noqa: PLC0415

        logging.set_verbosity_error()
        logging.disable_progress_bar()
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def describe_base(base: Path) -> str:
    """Return what tells one base from another of the same name: its configuration and the size and time of its weights."""
    if not base.is_dir():
        return str(base)
    facts = [(one.name, one.stat().st_size) for one in sorted(base.glob("*.safetensors"))]
    config = base / "config.json"
    return json.dumps([facts, config.read_text("utf-8") if config.is_file() else ""])
