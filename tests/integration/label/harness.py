"""`breakeven label` as a process of its own, in a folder with a workload and records to label."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.integration.page.harness import SECONDS, Served

SCRIPT = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
LABELS = ("negative", "neutral", "positive")


def write_texts(path: Path, texts: Sequence[str]) -> Path:
    """Write records to label."""
    lines = (json.dumps({"id": str(number), "text": text}) for number, text in enumerate(texts))
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def start(folder: Path, *options: str, **variables: str) -> subprocess.Popen[str]:
    """Start the command in a folder without settings."""
    own = {"BREAKEVEN_DATABASE_URL": f"sqlite:///{folder / 'ledger.db'}", "BREAKEVEN_OUTPUT_DIR": "out"}
    return subprocess.Popen(
        [sys.executable, "-m", "cli", "label", *options, "--no-browser"],
        cwd=folder,
        env=os.environ | own | variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def labelling(folder: Path, *options: str, **variables: str) -> Iterator[Served]:
    """Serve records to label on a free port, and end the server."""
    process = start(folder, *options, "--port", "0", **variables)
    assert process.stderr is not None
    try:
        before: list[str] = []
        while "to label are at http://127.0.0.1:" not in (said := process.stderr.readline()):
            assert said, before
            before.append(said)
        address, _, token = said.split()[7].partition("/?token=")
        yield Served(process, address, token, "")
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=SECONDS)


def kept(folder: Path, workload: str = "sentiment") -> list[dict[str, Any]]:
    """Return the lines of people's labels."""
    path = folder / "out" / "labels" / workload / "labels.jsonl"
    return (
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    )


def said_of(lines: Sequence[Mapping[str, Any]]) -> list[tuple[str, Any]]:
    """Return text and label of each line."""
    return [(line["text"], line["label"]) for line in lines]


def shows(page: Page, text: str) -> None:
    """Wait until a record is shown."""
    expect(page.locator("#record")).to_have_text(text)


def press(page: Page, *keys: str) -> None:
    """Press keys one after the other."""
    for key in keys:
        page.keyboard.press(key)
