"""The bundled samples are what samples/README.md says they are."""

import csv
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

SAMPLES = Path(__file__).parents[2] / "samples"
README = (SAMPLES / "README.md").read_text(encoding="utf-8")
DAYS = ("2026-11-01", "2026-11-02", "2026-11-03")
LABELS = {
    "sentiment": {"positive", "negative", "neutral"},
    "classification": {
        "billing",
        "refund",
        "delivery",
        "returns",
        "technical_issue",
        "account_access",
        "product_question",
        "cancellation",
        "feedback",
        "other",
    },
}


@dataclass(frozen=True)
class Sample:
    """One record of a sample; `fields` are its text columns, `date` its UTC date."""

    id: str
    fields: tuple[str | None, ...]
    date: str
    local_date: str
    label: str | None = None

    @property
    def text(self) -> str:
        """The text columns in one piece; those that are missing are left out."""
        return "\n".join(field for field in self.fields if field)


def _dated(row: dict[str, str]) -> Sample:
    moment = datetime.fromisoformat(row["timestamp"])
    assert moment.tzinfo is not None, f"{row['id']} has no offset"
    utc_date = moment.astimezone(UTC).date()
    return Sample(row["id"], (row["text"],), str(utc_date), str(moment.date()), row["label"])


def _lines(path: Path) -> Iterable[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _sentiment() -> list[Sample]:
    return [_dated(row) for row in _lines(SAMPLES / "sentiment.jsonl")]


def _classification() -> list[Sample]:
    with (SAMPLES / "classification.csv").open(encoding="utf-8", newline="") as file:
        return [_dated(row) for row in csv.DictReader(file, strict=True)]


def _enrichment() -> list[Sample]:
    return [
        Sample(row["id"], (row["name"], row["description"]), day, day)
        for day in DAYS
        for row in _lines(SAMPLES / "enrichment" / f"date={day}" / "products.jsonl")
    ]


WORKLOADS: dict[str, Callable[[], list[Sample]]] = {
    "sentiment": _sentiment,
    "classification": _classification,
    "enrichment": _enrichment,
}


def _table_rows() -> dict[str, tuple[str, ...]]:
    """Return the rows of the README's tables: first cell -> the other cells."""
    rows = [line.strip("|").split("|") for line in README.splitlines() if line.startswith("| ")]
    return {first.strip().strip("`"): tuple(cell.strip() for cell in cells) for first, *cells in rows}


def _named_ids(oddity: str, workload: str) -> set[str]:
    cell = _table_rows()[oddity][list(WORKLOADS).index(workload)]
    return set(re.findall(r"[scp]-\d{3}", cell))


ODDITIES: dict[str, Callable[[Sample], bool]] = {
    "long, about 2,400 characters": lambda sample: 2200 <= len(sample.text) <= 2600,
    "a single word": lambda sample: len(set(sample.text.split())) == 1 and sample.text.isascii(),
    "prompt injection": lambda sample: "ignore all previous instructions" in sample.text.lower(),
    "all capitals": lambda sample: sample.text.isupper(),
    "spaces before and after": lambda sample: any(
        field and field[0] == field[-1] == " " for field in sample.fields
    ),
    "emoji": lambda sample: any(ord(char) >= 0x1F000 for char in sample.text),
    "markup, HTML entities, JSON": lambda sample: bool(re.search(r"<\w+>|&\w+;|\{\"", sample.text)),
    "line feeds inside the text": lambda sample: any("\n" in (field or "") for field in sample.fields),
    "double quotes inside the text": lambda sample: '"' in sample.text,
    "not English": lambda sample: any(char.isalpha() and not char.isascii() for char in sample.text),
    "local date differs from the UTC date": lambda sample: sample.date != sample.local_date,
    "irony: the words say one thing, the label another": lambda sample: (
        "wonderful" in sample.text and sample.label == "negative"
    ),
}
"""Row of the README's table -> how such a record is told from the others."""


@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize("oddity", ODDITIES)
def test_readme_names_exactly_the_odd_records(oddity: str, workload: str) -> None:
    """Each row of the README's table lists all records that have the oddity, and no other."""
    found = {sample.id for sample in WORKLOADS[workload]() if ODDITIES[oddity](sample)}
    assert found == _named_ids(oddity, workload)


@pytest.mark.parametrize("workload", WORKLOADS)
def test_records_a_day_are_as_stated(workload: str) -> None:
    """Each of the three UTC dates has the number of records that the README gives, 12 to 15."""
    counts = Counter(sample.date for sample in WORKLOADS[workload]())
    stated = [int(number) for number in _table_rows()[workload][-1].split(",")]
    assert dict(counts) == dict(zip(DAYS, stated, strict=True))
    assert all(12 <= number <= 15 for number in stated)


@pytest.mark.parametrize("workload", WORKLOADS)
def test_one_id_comes_twice_on_one_date(workload: str) -> None:
    """Ids are well-formed; one repeats, with another text, inside one partition."""
    samples = WORKLOADS[workload]()
    counts = Counter(sample.id for sample in samples)
    repeated = {id_ for id_, count in counts.items() if count > 1}
    assert repeated == _named_ids("one id twice, different text, same date", workload)
    pair = [sample for sample in samples if sample.id in repeated]
    assert len(pair) == 2
    assert pair[0].text != pair[1].text
    assert pair[0].date == pair[1].date
    assert all(re.fullmatch(r"[scp]-\d{3}", id_) for id_ in counts)


@pytest.mark.parametrize("workload", WORKLOADS)
def test_one_text_has_two_ids_on_one_date(workload: str) -> None:
    """One text stands under two ids in one partition, so that an answer can be reused."""
    samples = [sample for sample in WORKLOADS[workload]() if sample.text]
    counts = Counter(sample.fields for sample in samples)
    twins = [sample for sample in samples if counts[sample.fields] > 1]
    assert {sample.id for sample in twins} == _named_ids("one text under two ids, same date", workload)
    assert len({(sample.fields, sample.date) for sample in twins}) == 1


@pytest.mark.parametrize("workload", ["sentiment", "enrichment"])
def test_jsonl_tells_empty_from_missing(workload: str) -> None:
    """One record has empty text columns, one has null, as the README says; all others have text."""
    bare = {sample.id: set(sample.fields) for sample in WORKLOADS[workload]() if not sample.text}
    (empty,) = _named_ids("empty text (quarantined)", workload)
    missing = min(_named_ids("missing text (quarantined)", workload))
    assert bare == {empty: {""}, missing: {None}}


def test_a_product_lacks_only_its_description() -> None:
    """A record with one text column missing still has text."""
    fields = {sample.id: sample.fields for sample in _enrichment()}
    assert fields["p-031"] == ("Electric blanket, double", None)


def test_csv_tells_empty_from_missing() -> None:
    """In the CSV a quoted nothing is the empty text, an unquoted one is the missing text."""
    lines = (SAMPLES / "classification.csv").read_text(encoding="utf-8").splitlines()
    assert next(line for line in lines if line.startswith("c-007,")).startswith('c-007,"",2026-')
    assert next(line for line in lines if line.startswith("c-019,")).startswith("c-019,,2026-")
    assert {sample.id for sample in _classification() if not sample.text} == {"c-007", "c-019"}


@pytest.mark.parametrize("workload", LABELS)
def test_every_label_is_valid_and_used(workload: str) -> None:
    """Gold labels are of the workload's set, each is used, and those without text are neutral ones."""
    samples = WORKLOADS[workload]()
    assert {sample.label for sample in samples} == LABELS[workload]
    assert {sample.label for sample in samples if not sample.text} <= {"neutral", "other"}


@pytest.mark.parametrize("workload", WORKLOADS)
def test_scripts_beyond_latin(workload: str) -> None:
    """Each workload has Japanese and Arabic, so that nothing passes by being Latin only."""
    letters = {char for sample in WORKLOADS[workload]() for char in sample.text if char.isalpha()}
    scripts = {unicodedata.name(char).split()[0] for char in letters}
    assert {"LATIN", "HIRAGANA", "CJK", "ARABIC"} <= scripts
