"""docs/security.md against the tests: whatever a row names exists."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")
ROWS = [line for line in PAGE.splitlines() if re.match(r"\| (?!threat|what is fuzzed|---)", line)]


@pytest.mark.parametrize("row", ROWS)
def test_each_row_names_tests_that_exist(row: str) -> None:
    """A row has a threat, what holds it, and at least one test: a file, or a function in one."""
    cells = [cell.strip() for cell in row.strip("|").split(" | ")]
    assert len(cells) == 3
    assert all(cells)
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", cells[2])
    assert named, "the row names no test"
    for path, function in named:
        assert (ROOT / path).is_file(), path
        if function:
            tree = ast.parse((ROOT / path).read_text("utf-8"))
            assert function in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
