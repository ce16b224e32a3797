"""JSON as programs write it: an object a line, in an array, printed over several lines, one after the other."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from models.errors import InputError
from models.records import Record
from models.settings import WorkloadSettings
from tasks.reading import EmptyPartition, Source, open_partition
from tasks.reading.text import json_records
from tasks.reading.text.text_file import TextFile

DAY = date(2026, 11, 23)
ROWS: list[dict[str, object]] = [
    {"id": "1", "text": 'with } and "] and , \n in it', "created_at": "2026-11-23", "more": [{"a": [1, {}]}]},
    {"id": "2", "text": "wörld \U0001f600", "created_at": "2026-11-23", "more": None},
    {"id": "3", "text": "back\\slash\\", "created_at": "2026-11-23", "more": {}},
]
EXPECTED = [(row["id"], row["text"]) for row in ROWS]


def read(path: Path, content: bytes) -> list[tuple[str, str]]:
    """Write a file and return the day's rows: id and text of a record, key and detail of a row that was set aside."""
    path.write_bytes(content)
    source = Source.of(WorkloadSettings(), ("text",), location=str(path))
    rows = [row for batch in open_partition(source, DAY).batches() for row in batch]
    return [(row.id, row.text) if isinstance(row, Record) else (row.key, row.detail) for row in rows]


FORMS: dict[str, Callable[[], str]] = {
    "array": lambda: json.dumps(ROWS),
    "array without blanks": lambda: json.dumps(ROWS, separators=(",", ":")),
    "array by line": lambda: "[\n" + ",\n".join(map(json.dumps, ROWS)) + "\n]\n",
    "array by line, commas first": lambda: "[" + "\n,".join(map(json.dumps, ROWS)) + "]",
    "array printed": lambda: json.dumps(ROWS, indent=2, ensure_ascii=False),
    "objects printed": lambda: "\n".join(json.dumps(row, indent=4) for row in ROWS),
    "objects without a break": lambda: "".join(map(json.dumps, ROWS)),
    "printed without a break": lambda: "".join(json.dumps(row, indent=1) for row in ROWS),
    "lines": lambda: "\n".join(map(json.dumps, ROWS)),
    "lines with commas": lambda: ",\n".join(map(json.dumps, ROWS)) + ",\n",
    "two in a line": lambda: "".join(map(json.dumps, ROWS[:2])) + "\n" + json.dumps(ROWS[2]),
    "JSON text sequence": lambda: "".join(f"\x1e{json.dumps(row)}\n" for row in ROWS),
    "an array a line": lambda: "\n".join(json.dumps([row]) for row in ROWS),
    "two arrays": lambda: json.dumps(ROWS[:1], indent=1) + "\n" + json.dumps(ROWS[1:], indent=1),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_each_form(tmp_path: Path, form: str, end: str, encoding: str) -> None:
    """Every form gives the same records, with each end of a line, in UTF-8 and UTF-16."""
    content = f"\n{FORMS[form]()}\n".replace("\n", end)
    assert read(tmp_path / "in.jsonl", content.encode(encoding)) == EXPECTED


@pytest.mark.parametrize("form", FORMS)
def test_pieces_of_a_file(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever a file is cut into the pieces that are read, the same is found."""
    content = FORMS[form]().encode()
    path = tmp_path / "in.jsonl"
    path.write_bytes(content)
    whole = list(TextFile(str(path), "jsonl").rows(["id", "text"]))
    assert whole == EXPECTED
    pieces = [content[at : at + 3] for at in range(0, len(content), 3)]
    monkeypatch.setattr(json_records, "head_and_rest", lambda *_: (content, iter(pieces)))
    assert list(TextFile(str(path), "jsonl").rows(["id", "text"])) == whole


def test_an_element_that_is_no_object_or_no_json(tmp_path: Path) -> None:
    """An element of an array that cannot be taken apart costs itself alone, and its line is named."""
    good = b'{"id":"%s","text":"fine","created_at":"2026-11-23"}'
    middle = b'{"id":"x","text":bad},\n"text", -5.5, null,\n[1], {"id":"y","text":"caf\xe9","created_at":"2026-11-23"}'
    assert read(tmp_path / "in.jsonl", b"[\n" + b",\n".join([good % b"a", middle, good % b"b"]) + b"\n]") == [
        ("a", "fine"),
        ("#1", "line 3 is not valid JSON"),
        *((f"#{number}", "line 4 is not a JSON object") for number in (2, 3, 4)),
        ("#5", "line 5 is not a JSON object"),
        ("y", "text is not valid UTF-8"),
        ("b", "fine"),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('[\n{"id":1,"text":"a"},\n{"id":2,', "ends before a bracket or a quote is closed; look at line 3"),
        ('[\n{"id":1,"text":"a"},\n', "ends before its array is closed; look at line 3"),
        ('[\n{"id":1,"text":"a"},\n{"id":2\n,{"id":3}\n]\n', "has brackets that do not match; look at line 3"),
        ('[\n{"id":1,"text":"a"},\n{"id":2,"text":"a}\n]\n', "ends before a bracket or a quote is closed; look at line 3"),
        ('[\n{"id":1,"text":"a"}}\n]\n', "has a bracket or a quote too many; look at line 2"),
    ],
)  # fmt: skip
def test_a_damaged_array(tmp_path: Path, content: str, said: str) -> None:
    """Where brackets do not match, no row after it can be told: the file is refused, and the line is named."""
    with pytest.raises(InputError, match=said):
        read(tmp_path / "in.jsonl", content.encode())


@pytest.mark.parametrize("content", [b"", b" \n\n", b"[]", b"[\n]\n", b"\xef\xbb\xbf"])
def test_no_object(tmp_path: Path, content: bytes) -> None:
    """An empty file and an empty array are a day without records; a file of something else is a mistake."""
    path = tmp_path / "in.jsonl"
    with pytest.raises(EmptyPartition, match="is empty: it holds no JSON object"):
        read(path, content)
    with pytest.raises(InputError, match="holds no JSON object") as raised:
        read(path, b"id,text\n1,a\n")
    assert not isinstance(raised.value, EmptyPartition)


@pytest.mark.parametrize("first", [b"{broken", b"[1, 2]", b'{"id":"x","text":"a"', b"text", b'{"a": "b}'])
def test_a_first_line_that_is_broken(tmp_path: Path, first: bytes) -> None:
    """JSON lines whose first line is broken are JSON lines all the same: it costs that line."""
    good = json.dumps(ROWS[1]).encode()
    found = read(tmp_path / "in.jsonl", b"\n".join([first, good, good]))
    assert [key for key, _ in found] == ["#0", "2", "2"]


def test_a_missing_key_is_none(tmp_path: Path) -> None:
    """A name that an object lacks is None, and one that a CSV file lacks is None in each row."""
    path = tmp_path / "in.jsonl"
    path.write_text('{"id":1}\n{"id":2,"text":"a"}\n', encoding="utf-8")
    assert list(TextFile(str(path), "jsonl").rows(["text", "id"])) == [(None, 1), ("a", 2)]
    path.write_text("id,text\n1,a\n", encoding="utf-8")
    assert list(TextFile(str(path), "csv").rows(["more", "id", "other"])) == [(None, "1", None)]
    assert list(TextFile(str(path), "csv").rows(["more"])) == [(None,)]
    assert list(TextFile(str(path), "csv").rows([])) == [()]


def test_what_follows_an_array_is_set_aside(tmp_path: Path) -> None:
    """Something after the end takes no row of the array with it."""
    content = f"{json.dumps(ROWS)}\njunk\n".encode()
    assert read(tmp_path / "in.json", content) == [*EXPECTED, ("#3", "line 2 is not valid JSON")]


def test_json_that_is_called_csv(tmp_path: Path) -> None:
    """The line says what it is, not which columns it lacks."""
    for name, content in (("in.csv", FORMS["lines"]()), ("in.tsv", FORMS["array printed"]())):
        with pytest.raises(InputError, match="is not CSV; it holds JSON"):
            read(tmp_path / name, content.encode())


@pytest.mark.parametrize(
    ("content", "why"),
    [("id,text\n1,a\n", "line 1 is not valid JSON"), ("[1]\n", "line 1 is not a JSON object")],
)
def test_why_there_is_no_object(tmp_path: Path, content: str, why: str) -> None:
    """What is wrong with the first line is said."""
    with pytest.raises(InputError, match=f"holds no JSON object: {why}"):
        read(tmp_path / "in.jsonl", content.encode())
