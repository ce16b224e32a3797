"""Broken files and variables of settings: one short line with the place, whatever is in them."""

import os
from pathlib import Path

import pytest

from models import workloads
from models.errors import LONGEST_MESSAGE, UsageError
from models.settings.check import load

DEEP, LONG = 5000, "x" * 5000
OBJECT = 'kind = "object"\nprompt = "x"\nschema_file = "s.json"\n'
LABEL = 'kind = "label"\nprompt = "x"\nlabels = ["a", "b"]\n'
TEXT = '{"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}'
NESTED = '{"type": "object", "properties": {"a": ' + '{"type": "array", "items": ' * 900 + "{}" + "}" * 902
FILES: list[tuple[str, str | bytes, str]] = [
    ("list", f"x = {'[' * DEEP}", "breakeven.toml, line 1, column 105: nested"),
    ("table", f"\nx = {'{a=' * DEEP}", "breakeven.toml, line 2, column 305: nested"),
    ("key", f"api_extra_body{'.a' * DEEP} = 1", "breakeven.toml, line 1, column 1: nested"),
    ("header", f"[{'a.' * DEEP}a]\nx = 1", "breakeven.toml, line 1, column 2: nested"),
    ("digits", f"\n\nseed = {'9' * 5000}", "breakeven.toml, line 3, column 8: a number"),
    ("word", f"{'x' * 100_000} = 1", "breakeven.toml, line 1: unknown setting xxx"),
    ("nul", b"seed = 1\n\0", "breakeven.toml, line 2, column 1"),
    ("utf-16", "seed = 1".encode("utf-16"), "not UTF-8 but UTF-16"),
    ("utf-32", "seed = 1".encode("utf-32"), "not UTF-8 but UTF-32"),
    ("nul path", 'output_dir = "a\\u0000b"', "breakeven.toml, line 1: no path can hold a NUL"),
]
WORKLOAD: list[tuple[str, str, str | bytes]] = [
    (OBJECT, "s.json", "["),
    (OBJECT, "s.json", "[" * 100_000),
    (OBJECT, "s.json", NESTED),
    (OBJECT, "s.json", b"\xff"),
    (OBJECT.replace("s.json", "\\u0000"), "s.json", "{}"),
    (OBJECT.replace("s.json", LONG), "s.json", "{}"),
    (f'{OBJECT}pattern = {{ a = "{"(" * DEEP}{")" * DEEP}" }}', "s.json", TEXT),
    (f'{OBJECT}pattern = {{ a = "a{{99999999999999999999}}" }}', "s.json", TEXT),
    (f'{LABEL}examples_file = "e"', "e", "[" * 100_000),
    (f'{LABEL}examples_file = "e"', "e", f'{{"text": {"9" * 5000}}}'),
    ('kind = "label"\nlabels = ["a", "b"]\nprompt_file = "\\u0000"', "p", ""),
    (f'kind = "label"\nlabels = ["a", "b"]\nprompt_file = "{LONG}"', "p", ""),
    (
        'kind = "object"\nprompt = "x"\noutput = "exits_at_once:X"',
        "exits_at_once.py",
        "import sys; sys.exit(3)",
    ),
]
TABLES = (
    "API_HEADERS",
    "SERVER_HOSTS",
    "WORKLOADS",
    "CHAT",
    "SMTP",
    "BUDGET",
    "ENGINE",
    "WORKLOADS__SENTIMENT__LABELS",
)


def said(name: str | None = None) -> str:
    """Return what is said of the settings, or of one workload in them."""
    with pytest.raises(UsageError) as caught:
        load() if name is None else workloads.build(name, load())
    text = str(caught.value)
    assert len(text) <= LONGEST_MESSAGE
    assert text.isprintable()
    return text


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("content", "place"), [one[1:] for one in FILES], ids=[one[0] for one in FILES])
def test_a_broken_file_is_one_line_with_its_place(content: str | bytes, place: str) -> None:
    """Nested without end, numbers without end, another encoding, a NUL: file, line and column."""
    Path("breakeven.toml").write_bytes(content if isinstance(content, bytes) else content.encode())
    assert place in said()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("repeated", ['\\"', "\\'", "'" * 3 + '"', '"\\\n', "1" * 4298 + "x"], ids=range(5))
def test_what_never_ends_costs_its_length(repeated: str) -> None:
    """A megabyte of quotes that open and never close, or of long numbers: what is looked for is looked for once."""
    Path("breakeven.toml").write_text(f'x = "{repeated * (1_000_000 // len(repeated))}', encoding="utf-8")
    assert "breakeven.toml, line " in said()


@pytest.mark.parametrize(("toml", "name", "content"), WORKLOAD, ids=range(len(WORKLOAD)))
def test_a_broken_file_of_a_workload_is_one_line(
    toml: str, name: str, content: str | bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Schemas, examples, patterns, prompts and modules that a workload names: the workload's file and the setting."""
    monkeypatch.syspath_prepend(str(Path.cwd()))
    Path("workloads").mkdir()
    Path("workloads/own.toml").write_text(toml, encoding="utf-8")
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    assert "workloads/own.toml, line " in said("own")


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("value", ["[" * 90_000, '{"a":' * 20_000, "{", "[1", "9" * 5000])
def test_broken_json_in_a_variable_names_the_variable(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JSON that ends too early or never, in every variable that takes JSON."""
    monkeypatch.setenv(f"BREAKEVEN_{name}", value)
    assert f"BREAKEVEN_{name}: " in said()


def test_names_that_no_file_can_have_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of workloads with a name that is too long has none; a variable of a thousand tables is told apart."""
    monkeypatch.setenv("BREAKEVEN_WORKLOADS_DIR", LONG)
    assert load().workloads == {}
    monkeypatch.setitem(os.environ, f"BREAKEVEN_API_EXTRA_BODY__{'A__' * 1000}B", "1")
    assert "nested deeper than 100" in said()
