"""Whole evaluations of several labels, objects, answers and texts: both engines against the references in a file."""

import json
from pathlib import Path

import pytest

from db import evaluations
from models.errors import UsageError
from models.workloads import build
from tasks.evaluation_report.files import markdown
from tests.evaluation_json import from_json
from tests.integration.evaluation.kinds import TOPICS, engines
from tests.integration.evaluation.labelled_files import write_rows
from tests.integration.pipeline.books import check_sums, findings, ledger


def number_of(text: str) -> int:
    """Return the number at the end of a text."""
    return int(text.rsplit(" ", 1)[1])


def topics(number: int) -> list[str]:
    """Return the right topics of a text by its number; of each fourth there is none."""
    return [topic for at, topic in enumerate(TOPICS) if (number % 4) >> at & 1]


def test_several_labels(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Right is the exact set; the API leaves out a label of each fifth record, the small model adds one to each fourth."""
    rows = [{"text": f"message {n}", "labels": "|".join(topics(n)) or "[]"} for n in range(40)]

    def small(text: str) -> str:
        number = number_of(text)
        return json.dumps({"labels": sorted({*topics(number), *(["refund"] if number % 4 == 1 else [])})})

    def api(text: str) -> str:
        number = number_of(text)
        return json.dumps({"labels": topics(number)[(number % 5 == 0) :]})

    with engines(tmp_path, database_url, monkeypatch, small=small, api=api) as both:
        found = both.evaluate("topics", write_rows(tmp_path / "topics.csv", rows))
        check_sums(both.settings)
        assert findings(both.settings) == []
        with ledger(both.settings) as session:
            kept = evaluations.newest(session, "topics", model="tests/scripted", api_model="test-model")
    assert found.measure == "exact_set"
    mine, other = (arm.label_sets for arm in found.arms)
    assert mine is not None
    assert other is not None
    assert (mine.exact.count, mine.exact.of) == (30, 40)
    short = sum(1 for n in range(0, 40, 5) if topics(n))
    assert other.exact.count == 40 - short
    had = sum(len(topics(n)) for n in range(40))
    assert mine.micro_f1.value == pytest.approx(2 * had / (2 * had + 10))
    (verdict,) = found.comparisons
    assert (verdict.both + verdict.only_first, verdict.both + verdict.only_second) == (30, 40 - short)
    assert found.threshold is not None
    assert kept is not None
    assert (kept.accuracy, kept.api_accuracy) == (0.75, other.exact.value)
    assert from_json(kept.figures) == found


def product(number: int) -> dict[str, object]:
    """Return the right object of a text by its number."""
    return {"brand": f"Brand {number}", "price": 1000 + number, "colors": ["red", "blue"]}


def test_objects_by_the_fields_that_are_named(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Columns named as the fields; only brand and price decide, in whatever case and way of writing."""
    rows = [
        {"text": f"for sale {n}", "brand": f"BRAND {n}", "price": f"{1000 + n:,}.0", "colors": "red;blue"}
        for n in range(20)
    ]

    def small(text: str) -> str:
        number = number_of(text)
        changes = {"brand": "?"} if number % 10 == 0 else {"colors": ["blue"]} if number % 2 else {}
        return json.dumps({**product(number), **changes})

    with engines(
        tmp_path,
        database_url,
        monkeypatch,
        small=small,
        api=lambda text: json.dumps(product(number_of(text))),
        more={"products": {"compare": ["brand", "price"]}},
    ) as both:
        found = both.evaluate("products", write_rows(tmp_path / "products.csv", rows))
    small_arm, api_arm = found.arms
    assert found.measure == "whole_record"
    assert small_arm.objects is not None
    assert api_arm.objects is not None
    assert (small_arm.objects.right.count, api_arm.objects.right.count) == (18, 20)
    assert small_arm.objects.compared == ("brand", "price")
    by_field = {one.field: one for one in small_arm.objects.fields}
    assert (by_field["brand"].exact.count, by_field["brand"].normalised.count) == (0, 18)
    assert (by_field["price"].exact.count, by_field["price"].normalised.count) == (0, 20)
    assert (by_field["colors"].exact.count, by_field["colors"].normalised.count) == (10, 10)
    assert by_field["colors"].f1.value == pytest.approx((10 + 10 * 2 / 3) / 20)
    assert {check.name: check.share.count for check in small_arm.checks}[
        "brand: records in which it is filled"
    ] == 20
    assert found.agreement == ()
    assert "brand, price" in markdown(found)


def test_whole_objects_in_one_column(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JSON in the column `label`; without `compare` every field that is given decides."""
    rows = [{"text": f"for sale {n}", "label": {"brand": f"Brand {n}"}} for n in range(6)]
    with engines(
        tmp_path,
        database_url,
        monkeypatch,
        small=lambda text: json.dumps(product(number_of(text))),
        api=lambda text: json.dumps(product(number_of(text) + number_of(text) % 2)),
    ) as both:
        found = both.evaluate("products", write_rows(tmp_path / "products.jsonl", rows))
    (verdict,) = found.comparisons
    assert (verdict.both, verdict.only_first) == (3, 3)
    assert found.arms[0].objects is not None
    assert found.arms[0].objects.compared == ("brand",)


def test_texts_against_references(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No text is right or wrong: means with intervals, and their paired ratio decides; no threshold, no calibration."""
    rows = [
        {"text": f"long story {n}", "reference": f"the parcel number {n} arrived late in the evening"}
        for n in range(40)
    ]

    def api(text: str) -> str:
        return f"the parcel number {number_of(text)} arrived late in the night"

    def small(text: str) -> str:
        number = number_of(text)
        return api(text) if number % 2 else f"parcel {number}"

    with engines(tmp_path, database_url, monkeypatch, small=small, api=api) as both:
        found = both.evaluate("summaries", write_rows(tmp_path / "stories.csv", rows))
        with ledger(both.settings) as session:
            kept = evaluations.newest(session, "summaries")
    assert found.measure == "chrf"
    (compared,) = found.mean_comparisons
    assert found.verdict == compared
    assert compared.ratio is not None
    assert 0.5 < compared.ratio < 0.8
    assert compared.viability == found.viability == "not_viable"
    assert (found.comparisons, found.threshold, found.calibration) == ((), None, None)
    assert found.arms[1].texts is not None
    assert found.arms[1].texts.rouge_l.value == pytest.approx(8 / 9)
    assert kept is not None
    assert (kept.accuracy, kept.ratio) == (None, compared.ratio)
    assert "accura" not in markdown(found).lower()


def test_answers_from_a_context(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The preset `answering`: exact match and F1 of its answer, and how often "not in the context" is right."""
    rows = [
        {
            "context": f"The shop {n} opens at nine.",
            "question": f"When does shop {n} open?",
            "answer": "nine" if n % 3 else "not in the context",
        }
        for n in range(12)
    ]

    def answer(said: str) -> str:
        return json.dumps({"quote": "" if said.startswith("not") else "opens at nine", "answer": said})

    def shop(text: str) -> int:
        return int(text.split("shop ")[1].split(maxsplit=1)[0])

    with engines(
        tmp_path,
        database_url,
        monkeypatch,
        small=lambda text: answer("at nine" if shop(text) % 2 else "Nine."),
        api=lambda text: answer("nine" if shop(text) % 3 else "not in the context"),
    ) as both:
        found = both.evaluate("answering", write_rows(tmp_path / "questions.jsonl", rows))
    mine, other = (arm.answering for arm in found.arms)
    assert found.measure == "exact_match"
    assert mine is not None
    assert other is not None
    assert (mine.exact.count, other.exact.count) == (4, 12)
    assert mine.f1.value == pytest.approx((4 + 4 * 2 / 3) / 12)
    assert (mine.abstained.of, mine.unanswerable.count, mine.unanswerable.of) == (0, 0, 4)
    assert (other.abstained.count, other.unanswerable.count) == (4, 4)


def test_a_template_makes_the_texts_of_an_evaluation(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Texts are made of the columns as in a run, examples of columns among them; the fingerprint is production's."""
    template = {
        "text": "Subject: {{ subject }}\n\nstory {{ number }}",
        "examples": [{"subject": "Hi", "number": 0, "answer": "a greeting"}],
    }
    rows = [{"subject": "Late", "number": n, "reference": f"late {n}"} for n in range(3)]
    with engines(
        tmp_path,
        database_url,
        monkeypatch,
        small=lambda text: f"late {number_of(text)}",
        api=lambda text: f"late {number_of(text)}",
        more={"summaries": template},
    ) as both:
        found = both.evaluate("summaries", write_rows(tmp_path / "stories.jsonl", rows))
        texts = {seen.body["messages"][-1]["content"] for seen in both.api.seen}
        fingerprint = build("summaries", both.settings).fingerprint
    assert texts == {f"Subject: Late\n\nstory {n}" for n in range(3)}
    assert found.prompt_fingerprint == fingerprint


@pytest.mark.parametrize(
    ("workload", "changes", "says"),
    [
        ("summaries", {"measure": "answering"}, None),
        ("products", {"measure": "chrf"}, "measure = chrf does not suit products, which answers an object"),
        ("products", {"measure": "answering"}, 'set compare = \\["FIELD"\\]'),
        (
            "topics",
            {"measure": "answering"},
            "measure is for kind object or text, and this one is labels",
        ),
        (
            "products",
            {"compare": ["brnad"]},
            "compare: the path 'brnad' is not in the schema; did you mean brand\\?",
        ),
    ],
)
def test_measures_that_do_not_suit(
    tmp_path: Path,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    workload: str,
    changes: dict[str, object],
    says: str | None,
) -> None:
    """One line says so before anything is asked; a text may be compared as an answer."""
    rows = [
        {"text": f"a {n}", "reference": f"a {n}", "labels": "billing", "label": {"brand": "x"}}
        for n in range(3)
    ]
    source = write_rows(tmp_path / "rows.jsonl", rows)
    with engines(
        tmp_path,
        database_url,
        monkeypatch,
        small=lambda text: text,
        api=lambda text: text,
        more={workload: changes},
    ) as both:
        if says is None:
            assert both.evaluate(workload, source).measure == "exact_match"
            return
        with pytest.raises(UsageError, match=says):
            both.evaluate(workload, source)
        assert both.api.seen == []
