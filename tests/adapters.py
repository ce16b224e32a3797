"""A LoRA adapter as peft saves it, made by hand: small, random, and strong enough to change answers."""

import json
from pathlib import Path

LAYERS, HIDDEN, KEY_VALUE = 30, 576, 192  # of SmolLM2-135M


def make_adapter(folder: Path, *, rank: int = 4, strength: float = 0.5) -> Path:
    """Write an adapter of the default model's attention; of strength 0 it changes nothing."""
    import torch  # noqa: PLC0415  takes seconds, also where tests are only listed
    from safetensors.torch import save_file  # noqa: PLC0415

    folder.mkdir(parents=True)
    random = torch.Generator().manual_seed(0)
    weights = {}
    for layer in range(LAYERS):
        for name, width in (("q_proj", HIDDEN), ("v_proj", KEY_VALUE)):
            place = f"base_model.model.model.layers.{layer}.self_attn.{name}"
            weights[f"{place}.lora_A.weight"] = torch.randn(rank, HIDDEN, generator=random) * 0.02
            weights[f"{place}.lora_B.weight"] = torch.randn(width, rank, generator=random) * strength
    save_file(weights, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": rank, "lora_alpha": 16, "bias": "none"}
    config |= {"target_modules": ["q_proj", "v_proj"], "lora_dropout": 0.0, "inference_mode": True}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder
