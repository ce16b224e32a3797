"""An environment for each peer, made once below the cache folder: vLLM alone, and vLLM with Ray Data."""

import os
import subprocess
from pathlib import Path

from models.machine import gpu_name

ROOT = Path(__file__).resolve().parents[1]
BESIDE = ROOT / "bench" / "beside"
UV = ROOT / ".cache" / "uv-venv" / "bin" / "uv"


def python_of(name: str, cache: Path) -> Path:
    """Return the interpreter of an environment, which is made if it is missing or its pins have changed.

    Packages are byte-compiled, as `make setup` does it for the product. Raises `RuntimeError`.
    """
    device = "cpu" if gpu_name() is None else "gpu"
    pins = BESIDE / f"{name}_{device}.txt"
    folder = cache / "peers" / f"{name}_{device}"
    python, made = folder / "bin" / "python", folder / "pins.txt"
    if made.is_file() and made.read_text(encoding="utf-8") == pins.read_text(encoding="utf-8"):
        return python
    _uv("venv", "--quiet", "--clear", "--python", ">=3.11,<3.13", str(folder))
    install = ["pip", "install", "--quiet", "--no-deps", "--compile-bytecode", "--python", str(python)]
    if device == "cpu" and not os.environ.get("PIP_FIND_LINKS"):
        install += ["--torch-backend", "cpu"]
    _uv(*install, "-r", str(pins))
    made.write_text(pins.read_text(encoding="utf-8"), encoding="utf-8")
    return python


def _uv(*arguments: str) -> None:
    environment = {
        "UV_CACHE_DIR": str(ROOT / ".cache" / "uv"),
        "UV_FIND_LINKS": os.environ.get("PIP_FIND_LINKS", ""),
        "UV_SYSTEM_CERTS": "true",
        "UV_HTTP_TIMEOUT": "180",
    }
    done = subprocess.run(
        [UV, *arguments], env=environment | os.environ, check=False, capture_output=True, text=True
    )
    if done.returncode:
        msg = f"uv {arguments[0]} failed: {' '.join(done.stderr.split())[:300]}"
        raise RuntimeError(msg)
