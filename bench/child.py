"""Passes in a process of their own, which tells what it finds in lines with a mark."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MARK = "RESULT "


def tell(result: object) -> None:
    """Tell the parent process what was found."""
    print(MARK + json.dumps(result), flush=True)


def results(module: str, *arguments: object, quiet: bool = False) -> Iterator[Any]:
    """Yield what a module finds, run as a program, as it comes; `quiet` drops what it says on standard error.

    Raises `RuntimeError` if it fails.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    stderr = subprocess.DEVNULL if quiet else None
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True, cwd=ROOT) as child:
        for line in child.stdout or ():
            if line.startswith(MARK):
                yield json.loads(line.removeprefix(MARK))
    if child.returncode:
        msg = f"{' '.join(command[1:])} ended with exit code {child.returncode}"
        raise RuntimeError(msg)
