"""docs/inputs.md against the code: every message of an input that cannot be read, every reason, every setting."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from models.records import ENGINE_REASONS, QuarantineReason
from models.settings import Settings, WorkloadSettings
from tasks.reading.files.formats import KINDS
from tasks.reading.source import TIMESTAMP_NAMES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "inputs.md").read_text("utf-8")
SOURCES = (
    *sorted((ROOT / "tasks" / "reading").rglob("*.py")),
    *(ROOT / "tasks" / "planning" / name for name in ("undated.py", "quarantine_share.py")),
)
ERRORS = {"InputError", "InputMissing", "EmptyPartition", "InputChanged", "UsageError", "kind"}
LONG_ENOUGH = 12
"""A shorter text is made of variables alone, such as the words of a library."""


def messages() -> Iterator[tuple[str, str]]:
    """Yield each message with its file; what differs from case to case is `…`."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            text = None
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "msg":
                text = node.value
            elif (isinstance(node, ast.Call) and getattr(node.func, "id", "") in ERRORS and node.args) or (
                isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "warning" and node.args
            ):
                text = node.args[0]
            said = (None if text is None else shorten(text)) or ""
            said = said.replace("`", "'")  # the page has it between such marks
            if len(said.replace("…", "")) >= LONG_ENOUGH:
                yield path.name, said


def shorten(node: ast.expr) -> str | None:
    """Return the words of a message, None where the node is no text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"%s", "…", node.value)
    if isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
        return "".join(str(part) for part in parts)
    return None


@pytest.mark.parametrize(("file", "said"), sorted(set(messages())))
def test_every_message_has_its_cause_and_remedy(file: str, said: str) -> None:
    """The page has a row for it, with three cells that say something."""
    assert file
    row = next((line for line in PAGE.splitlines() if line.startswith(f"| `{said}` |")), None)
    assert row is not None, said
    assert all(cell.strip() for cell in row.removeprefix(f"| `{said}` |").strip("|").split("|"))


def test_no_row_speaks_of_a_message_that_is_gone() -> None:
    """Each message of the page is one of the code's."""
    listed = set(
        re.findall(r"^\| `([^`]*…[^`]*|[^`]* [^`]*)` \|", PAGE.partition("## Messages")[2], re.MULTILINE)
    )
    assert listed == {said for _, said in messages()}


def test_every_reason_and_setting_is_named() -> None:
    """Why rows are set aside, the columns of timestamps, the kinds of files, the settings of an input."""
    reasons = set(re.findall(r"^\| `(\w+)` \|", PAGE.partition("## What is set aside")[2], re.MULTILINE))
    assert reasons >= set(get_args(QuarantineReason))
    assert reasons <= set(get_args(QuarantineReason)) | set(WorkloadSettings.model_fields) | set(
        Settings.model_fields
    )
    assert set(ENGINE_REASONS) <= reasons
    assert all(f"`{name}`" in PAGE for name in TIMESTAMP_NAMES)
    assert all(f"`{kind}`" in PAGE for kind in KINDS.split(", "))
    own = (
        "input",
        "query",
        "query_url",
        "where",
        "id_column",
        "text_columns",
        "timestamp_column",
        "delimiter",
        "text",
    )
    assert all(f"`{name}`" in PAGE for name in (*own, "max_quarantined_share", "min_quarantined"))
