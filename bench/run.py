"""Runs the benchmarks one after the other, each in a process of its own: `python -m bench.run [NAME…]`."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAMES = (
    "pipeline",
    "ledger_size",
    "startup",
    "api",
    "engine_thread",
    "streaming",
    "accuracy",
    "quote",
    "tokens",
    "evaluation",
    "looks",
    "speculation",
    "training",
)


def main() -> None:
    """Run the benchmarks that are named (default: all); fail at the end if one failed."""
    names = sys.argv[1:] or list(NAMES)
    if unknown := sorted(set(names) - set(NAMES)):
        sys.exit(f"error: no benchmark {', '.join(unknown)}; there are: {', '.join(NAMES)}")
    failed = []
    for name in names:
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"bench.{name}"], cwd=ROOT, check=False).returncode:
            failed.append(name)
    if failed:
        sys.exit(f"error: failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
