"""What this machine has: the GPU's name as the driver reports it, the CPU's as the kernel does."""

import os
import platform
import subprocess
from functools import cache
from pathlib import Path


@cache
def gpu_name() -> str | None:
    """Name of the first NVIDIA GPU, or None where there is no working driver."""
    return _asked("name")


@cache
def gpu_memory() -> int | None:
    """Bytes of memory of the first NVIDIA GPU as its driver reports them, or None where there is none."""
    found = _asked("memory.total")
    digits = "" if found is None else found.split()[0]
    return int(digits) * 2**20 if digits.isdigit() else None


def _asked(what: str) -> str | None:
    """Ask the driver about the first GPU."""
    command = ["nvidia-smi", f"--query-gpu={what}", "--format=csv,noheader"]
    try:
        output = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    lines = output.strip().splitlines()
    return lines[0].strip() if lines else None


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
