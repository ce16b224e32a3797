"""GPUs for programs that tests start: a command `nvidia-smi` that says what the driver's would."""

import os
from pathlib import Path

LISTING = """GPU 0: NVIDIA A10G (UUID: GPU-0a0a0a0a-1111-2222-3333-444444444444)
GPU 1: NVIDIA L4 (UUID: GPU-1b1b1b1b-1111-2222-3333-444444444444)
"""
"""Two whole GPUs, as `nvidia-smi -L` prints them."""


def path_with_gpus(folder: Path, listing: str = LISTING) -> str:
    """Make the command in a folder of its own; return a search path on which it comes first."""
    command = folder / "driver" / "nvidia-smi"
    command.parent.mkdir()
    command.write_text(
        f"""#!/bin/sh
case "$1" in
  -L) cat <<'END'
{listing}END
  ;;
  --query-gpu=name) [ "$3" = --id=1 ] && echo "NVIDIA L4" || echo "NVIDIA A10G" ;;
  *) echo "23028 MiB" ;;
esac
""",
        encoding="utf-8",
    )
    command.chmod(0o755)
    return f"{command.parent}{os.pathsep}{os.environ['PATH']}"
