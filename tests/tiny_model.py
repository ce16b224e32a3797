"""A language model of three small layers with random weights, and the default model's tokenizer: trained in seconds."""

import shutil
from pathlib import Path

from models.default_model import is_prepared, model_dir

CACHE = Path(__file__).resolve().parents[1] / ".cache"
LAYERS = 3


def make_tiny_model(folder: Path, *, seed: int = 0) -> Path:
    """Write the model."""
    import torch  # noqa: PLC0415  takes seconds, also where tests are only listed
    from transformers import LlamaConfig, LlamaForCausalLM  # noqa: PLC0415

    assert is_prepared(CACHE), "run `make setup` first"
    config = LlamaConfig(
        vocab_size=49_152,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=LAYERS,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
    torch.manual_seed(seed)
    LlamaForCausalLM(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(model_dir(CACHE) / name, folder / name)
    return folder
