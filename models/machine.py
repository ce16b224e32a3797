"""What this machine has: the GPU's name as the driver reports it, the CPU's as the kernel does."""

import platform
import subprocess
from functools import cache
from pathlib import Path


@cache
def gpu_name() -> str | None:
    """Name of the first NVIDIA GPU, or None where there is no working driver."""
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        output = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    lines = output.strip().splitlines()
    return lines[0].strip() if lines else None


def cpu_name() -> str:
    """Name of the CPU, for benchmark results."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
