"""What this machine has: its GPUs, the GPU's name as the driver reports it, the CPU's as the kernel does."""

import os
import platform
import subprocess
from functools import cache
from pathlib import Path

from models.gpus import VISIBLE, Group, parse_listing


@cache
def gpu_name() -> str | None:
    """Name of the first NVIDIA GPU that this process is given, or None where there is no working driver."""
    return _asked("name")


@cache
def gpu_memory() -> int | None:
    """Bytes of memory of the first NVIDIA GPU that this process is given, as its driver reports them, or None where there is none."""
    found = _asked("memory.total")
    digits = "" if found is None else found.split()[0]
    return int(digits) * 2**20 if digits.isdigit() else None


def list_gpus() -> Group:
    """Return the GPUs of this machine, whatever this process is given of them; none where there is no working driver."""
    return parse_listing("\n".join(_ask_driver("-L")))


def _asked(what: str) -> str | None:
    """Ask the driver about the first GPU that this process is given: a worker's own, where there are several."""
    first = os.environ.get(VISIBLE, "").partition(",")[0].strip()
    question = (f"--query-gpu={what}", "--format=csv,noheader")
    own = _ask_driver(*question, f"--id={first}") if first.isdigit() or first.startswith("GPU-") else []
    lines = own or _ask_driver(*question)
    return lines[0].strip() if lines else None


def _ask_driver(*arguments: str) -> list[str]:
    """Return the lines that the driver's command prints, none where it fails or is not there."""
    try:
        output = subprocess.run(  # noqa: S603  our own words, and a number or UUID of the environment
            ["nvidia-smi", *arguments],  # noqa: S607  wherever the driver was installed
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return output.strip("\n").splitlines()


def cpu_memory() -> int:
    """Bytes of this machine's memory, or of the container's limit where that is less."""
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return installed
    return min(installed, int(limit)) if limit.isdigit() else installed


def cpu_name() -> str:
    """Name of the CPU, for benchmark results."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
