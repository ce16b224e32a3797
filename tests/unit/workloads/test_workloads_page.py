"""docs/workloads.md says what the program says and does."""

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from flows.environment import read_settings
from models import workloads
from models.engines.api import schema as strict_mode
from models.engines.api.schema import wire_schema
from models.errors import UsageError
from models.requests import JsonObject
from models.settings import inherit
from models.settings.inherit import preset, preset_names
from models.workloads import text_workload
from models.workloads.answer_checks import COPIED_WORDS
from models.workloads.json_schema import CHECKED_AFTER, NO_COLUMN, grammar_schema
from models.workloads.object_workload import DEFAULT_TOKENS
from tasks.reading import Source, open_partition
from tests.unit.workloads.conftest import Write
from tests.unit.workloads.page_mistakes import MISTAKES, TICKETS

DAY = date(2026, 11, 1)
KINDS = ("label", "labels", "object", "text")
PAGE = (Path(__file__).parents[3] / "docs" / "workloads.md").read_text(encoding="utf-8")


def section(heading: str) -> str:
    """Return the text below a heading of the page, up to the next one."""
    return PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def rows(heading: str) -> Iterator[list[str]]:
    """Yield the cells of each row of a section's tables, headers left out."""
    lines = [line for line in section(heading).splitlines() if line.startswith("|")]
    for before, line in zip([*lines[1:], ""], lines, strict=True):
        if not line.startswith("| ---") and not before.startswith("| ---"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def said_of_departments() -> str | None:
    """Read, build and open the workload `departments` as a run does; return what is said of a mistake."""
    try:
        settings = read_settings()
        workload = workloads.build("departments", settings)
        source = Source.of(settings.workload("departments"), workload.text_columns, workload="departments")
        open_partition(source, DAY, None)
    except UsageError as error:
        return str(error)
    return None


def as_cell(said: str) -> str:
    """Write a message as a cell of the page."""
    said = said.removeprefix("settings are not valid: ")
    return f"`` {said} ``" if "`" in said else f"`{said}`"


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_said_as_the_page_has_it(mistake: str, write: Write) -> None:
    """The line of the table is what a run says of such a file."""
    write("workloads/tickets.csv", TICKETS)
    for name, text in MISTAKES[mistake].items():
        write(name, text)
    said = said_of_departments()
    assert said is not None
    assert "\n" not in said
    assert f"| {mistake} | {as_cell(said)} |\n" in section("Mistakes")


def test_every_mistake_of_the_page_is_tried() -> None:
    """The table has no row that no test stands behind."""
    assert [what for what, _ in rows("Mistakes")] == list(MISTAKES)


def test_the_first_example_runs_as_it_stands(write: Write) -> None:
    """File and input of the page's beginning are read, each row a record of the named day."""
    block, csv = re.findall(
        r"^```(?:toml|csv)\n(.*?)^```$", section("In ten lines"), re.DOTALL | re.MULTILINE
    )
    write("workloads/departments.toml", block)
    write("workloads/tickets.csv", csv)
    settings = read_settings()
    workload = workloads.build("departments", settings)
    source = Source.of(settings.workload("departments"), workload.text_columns, workload="departments")
    records = [row for batch in open_partition(source, DAY, None).batches() for row in batch]
    assert [row.id for row in records] == ["t-1", "t-2", "t-3"]
    assert len(block.splitlines()) == 10


def test_presets_are_listed_with_their_kinds() -> None:
    """The table has each preset that ships, and no other."""
    table = [row for row in rows("Presets and extends") if row[1] in KINDS]
    listed = {name.strip("`"): kind for name, kind, _ in table}
    assert listed == {name: preset(name).kind for name in preset_names()}


def test_the_page_names_what_is_not_taken_over() -> None:
    """Settings that belong to a workload alone, and those that speak of one schema."""
    text = section("Presets and extends")
    named = set(re.findall(r"`(\w+)`", text))
    assert named >= set(inherit.OWN) | set(inherit.OF_SHAPE) - {"examples_file"}


def test_files_beside_the_workload_are_named() -> None:
    """Each setting whose path counts from the workload's own file."""
    assert set(re.findall(r"`(\w+)`", section("Where it lies"))) >= set(inherit.FILES)


VALUES = {
    "type": "object", "properties": {}, "required": [], "items": {"type": "string"}, "enum": ["a"], "const": "a",
    "anyOf": [{"type": "string"}], "oneOf": [{"type": "string"}], "format": "date", "pattern": "a",
}  # fmt: skip


def holding(keyword: str) -> dict[str, object]:
    """Return a schema of one value that uses a keyword."""
    if keyword in ("enum", "const", "anyOf", "oneOf"):
        return {keyword: VALUES[keyword]}
    kind = {"min": "integer", "max": "integer", "exc": "integer"}.get(keyword[:3], "string")
    kind = "array" if keyword.endswith("Items") or keyword == "items" else kind
    return {"type": kind, "items": {"type": "string"}, keyword: VALUES.get(keyword, 1)} if kind == "array" else {
        "type": kind, keyword: VALUES.get(keyword, 1)
    }  # fmt: skip


@pytest.mark.parametrize(
    "row", [row for row in rows("Objects") if row[1] != "refused: no column can hold them"]
)
def test_who_holds_a_keyword_is_as_the_page_has_it(row: list[str]) -> None:
    """Grammar and strict mode keep it, or leave it to the check after, as the table says."""
    words, grammar, strict, _ = row
    structure = {"type", "properties", "required", "$ref"}
    for keyword in set(re.findall(r"`([$\w]+)`", words)) - structure:
        inside = holding(keyword)
        held = grammar_schema({"type": "object", "properties": {"a": inside}, "required": ["a"]})
        assert (keyword in held["properties"]["a"]) == grammar.startswith("yes"), keyword
        sent, is_strict = wire_schema(JsonObject(json.dumps(held)))
        assert is_strict, keyword
        properties = sent["properties"]
        assert isinstance(properties, dict)
        kept = properties["a"]
        assert isinstance(kept, dict)
        assert (keyword in kept) == (strict == "yes"), keyword
        if strict == "in words":
            assert "characters" in str(kept["description"])


def test_keywords_that_are_checked_after_or_refused_are_all_named() -> None:
    """None that the program knows is missing from the table."""
    after = next(row[0] for row in rows("Objects") if row[1:3] == ["no", "no"])
    refused = next(row[0] for row in rows("Objects") if row[1].startswith("refused"))
    assert set(re.findall(r"`(\w+)`", after)) == set(CHECKED_AFTER)
    assert set(re.findall(r"`([$\w]+)`", refused)) == {*NO_COLUMN, "additionalProperties"}


def test_the_numbers_are_those_of_the_program() -> None:
    """Limits of strict mode, tokens of an answer, words of a copy."""
    limits = section("Limits")
    for number in (
        *(strict_mode.MOST_CHOICES, strict_mode.MANY_CHOICES, strict_mode.MOST_CHARACTERS_OF_MANY),
        *(strict_mode.MOST_PROPERTIES, strict_mode.MOST_LEVELS, strict_mode.MOST_CHARACTERS),
    ):
        assert re.search(rf"(?<![\d,]){number:,}(?![\d,])", limits), number
    assert f"{DEFAULT_TOKENS} (`object`), {text_workload.DEFAULT_TOKENS} (`text`)" in section("Kinds")
    assert COPIED_WORDS == 8


@pytest.mark.usefixtures("folder")
def test_the_python_workload_is_one() -> None:
    """The class of the page is a workload, offered by the group that the program reads."""
    code = re.findall(r"^```python\n(.*?)^```$", section("What a file cannot say"), re.DOTALL | re.MULTILINE)[
        0
    ]
    names: dict[str, type[workloads.Workload]] = {}
    exec(code, names)  # noqa: S102  the page's own code
    assert f'[project.entry-points."{inherit.ENTRY_POINTS}"]' in PAGE
    built = names["Spelling"](read_settings().workload("spelling"))
    assert built.messages("teh")[-1].content == "teh"
    assert built.output_format == JsonObject(
        json.dumps(built.output.model_json_schema(), separators=(",", ":"))
    )
