"""The same words in every form: page, Markdown and terminal; odd evaluations and names break none of them."""

import re
from io import StringIO

import pytest
from rich.console import Console

from models.evaluation.figures import Evaluation
from tasks.documents import html
from tasks.documents.page import Chart, Page, Section
from tasks.evaluation_report import page as contents
from tasks.evaluation_report import terminal
from tasks.evaluation_report.files import markdown
from tests import evaluations as found
from tests.document_forms import Elements, has_whole_tables, missing, plain, squeezed, told

PICTURES = {name: Chart(b"\x89PNG", f"what {name} shows") for name in ("accuracy", "threshold")}


def printed(evaluation: Evaluation, width: int = 10_000) -> str:
    """Return what stands on a terminal of so many columns."""
    console = Console(file=StringIO(), width=width)
    for part in terminal.render_parts(evaluation):
        console.print(part)
    written = console.file
    assert isinstance(written, StringIO)
    return written.getvalue()


@pytest.mark.parametrize("name", found.EVERY)
def test_every_sentence_stands_in_every_form(name: str) -> None:
    """The page holds each sentence and cell, Markdown and terminal those of the short form; the verdict comes first."""
    evaluation = found.EVERY[name]()
    page, short = contents.page(evaluation), contents.short(evaluation)
    forms = (
        (page, Elements(html.render_file(page, PICTURES)).text),
        (short, plain(markdown(evaluation))),
        (short, printed(evaluation)),
    )
    for view, shown in forms:
        assert missing(view, shown) == []
        first = squeezed(short.sections[0].title) if short.sections else ""
        assert squeezed(shown).index(squeezed(short.verdict)) < squeezed(shown).index(first)


@pytest.mark.parametrize("name", found.EVERY)
def test_no_value_of_python_is_shown(name: str) -> None:
    """What is unknown is said in words: no None, nan or inf, and no long fraction."""
    words = " ".join(told(contents.page(found.EVERY[name]())))
    assert not re.search(r"\b(None|nan|inf|True|False)\b|\d\.\d{7}|Fraction|Decimal", words)


def test_sections_follow_what_was_found() -> None:
    """A part that was not found is left out, and what could not be said is told in its place."""
    keys = {name: [one.key for one in contents.page(found.EVERY[name]()).sections] for name in found.EVERY}
    assert keys["usual"] == [
        "accuracy",
        "worth",
        "costs",
        "threshold",
        "calibration",
        "labels_small",
        "labels_api",
        "how",
    ]
    assert keys["adapter"][-2:] == ["labels_adapter", "how"]
    assert keys["no_api"] == ["accuracy", "costs", "calibration", "labels_small", "missing", "how"]
    assert keys["enrichment"] == ["costs", "checks", "agreement", "missing", "how"]
    assert keys["label_sets"] == keys["usual"]
    assert keys["objects"] == ["accuracy", "worth", "costs", "threshold", "calibration", "how"]
    assert keys["texts"] == ["accuracy", "costs", "missing", "how"]
    assert keys["cascaded"][:4] == ["accuracy", "worth", "costs", "cascade"]
    assert keys["judged"] == ["judgement", "costs", "checks", "agreement", "missing", "how"]
    assert keys["no_records"] == ["costs", "how"]


def test_colours_say_what_the_verdict_says() -> None:
    """Green, red and grey, as in the monthly report."""
    colours = {
        name: contents.page(found.EVERY[name]()).colour
        for name in ("usual", "not_viable", "undecided", "no_api")
    }
    assert colours == {"usual": "good", "not_viable": "bad", "undecided": "neutral", "no_api": "neutral"}


def test_unknown_cost_is_not_nothing() -> None:
    """What an API without a price costs is unknown, in the facts, the table and the curve."""
    page = contents.page(found.nothing_right())
    facts = {fact.label: fact.value for fact in page.facts}
    assert facts["1,000 records, API model"] == "unknown"
    rows = {row[0]: row for row in _section(page, "costs").tables[0].rows}
    assert rows["API model"][1] == rows["API model"][3] == "unknown"
    assert {row[-1] for row in _section(page, "threshold").tables[0].rows} == {"unknown"}


def test_many_labels_are_listed_worst_first() -> None:
    """Of 77 labels those that do worst are listed, and the most frequent confusions instead of a picture."""
    labels, confusions = _section(contents.page(found.many_labels()), "labels_small").tables
    assert labels.caption == "Precision and recall of the 15 lowest of 77 labels"
    assert labels.rows[0] == ("intent_76_of_a_bank_customer", "0", "0% (0% to 56%)", "no records", "0.000")
    assert confusions.rows[0][:3] == ("intent_03_of_a_bank_customer", "intent_04_of_a_bank_customer", "3")
    assert len(confusions.rows) == 15


def test_checks_have_no_single_score() -> None:
    """Free answers are told check by check with their intervals, for each model."""
    checks = _section(contents.page(found.enrichment()), "checks")
    assert checks.tables[0].rows[0] == (
        "Attributes found in the text",
        *["812 of 901: 90% (88.0% to 91.9%)"] * 2,
    )
    agreement = _section(contents.page(found.enrichment()), "agreement")
    assert agreement.tables[0].rows[0] == ("Same category", "241 of 296: 81% (77% to 85%)")


def test_several_labels_have_both_f1() -> None:
    """Exact sets count as right; micro and macro F1 stand beside them with their intervals."""
    right, _ = _section(contents.page(found.label_sets()), "accuracy").tables
    assert right.columns[4:6] == ("Micro F1", "Macro F1")
    assert right.rows[0] == (
        "Small model",
        "251 of 300",
        "84%",
        "79% to 87%",
        "0.870 (0.840 to 0.895)",
        "0.841 (0.811 to 0.866)",
        "2",
    )


def test_objects_are_told_field_by_field() -> None:
    """The fields that decide are named and stand out; of two hundred fields those that do worst are listed."""
    section = _section(contents.page(found.objects()), "accuracy")
    assert section.sentences[1].endswith("the order of lists apart: brand, price.")
    fields = section.tables[2]
    assert fields.caption == "Small model, field by field"
    assert fields.rows[0] == ("brand", "81% (76% to 85%)", "84% (79% to 87%)", "0.900 (0.870 to 0.925)")
    assert fields.strong == {0, 1}
    many = _section(contents.page(found.many_fields()), "accuracy").tables[1]
    assert many.caption == "Small model, the 30 lowest of 200 fields"
    assert [row[0] for row in many.rows] == [f"field_{at:03}" for at in range(30)]


def test_answers_are_told_with_what_is_not_in_the_context() -> None:
    """Who said that it is not in the context, how often rightly, and of how many; of none that is told in words."""
    abstained = _section(contents.page(found.answers()), "accuracy").tables[2]
    assert abstained.rows == (
        ("Small model", "31", "77% (60% to 89%)", "no such records"),
        ("API model", "31", "77% (60% to 89%)", "60% (45% to 74%)"),
    )


def test_texts_have_means_and_no_accuracy() -> None:
    """ChrF and ROUGE-L stand with their intervals; nothing is called accuracy, and the rule stands on chrF."""
    page = contents.page(found.texts())
    table, compared = _section(page, "accuracy").tables
    assert table.rows[0] == ("Small model", "0.412", "0.382 to 0.437", "0.312", "0.282 to 0.337", "2")
    assert compared.rows == (
        ("Small model against API model", "300", "0.412", "0.437", "94.2%", "unknown", "90.4% to 98.1%"),
    )
    assert page.facts[0].label == "Small model, chrF"
    assert "accura" not in " ".join(told(page)).lower()
    items = {item.mark: item.text for item in _section(page, "how").items}
    assert "bootstrap" in items["Interval of a ratio, evaluated once"]


def test_a_judge_has_no_accuracy() -> None:
    """Preferences, ties and swaps stand with their intervals and the cost; the page says that this is no accuracy."""
    section = _section(contents.page(found.judged()), "judgement")
    assert section.tables[0].rows[3] == (
        "Another judgement in the other order",
        "27 of 280",
        "9.6% (7% to 14%)",
    )
    words = " ".join(section.sentences)
    assert "its opinion and no accuracy" in words
    assert "55% (50% to 60%) preferred the one that stood first" in words
    assert "14 pairs were the same answer twice" in words
    assert "Judging cost $0.08, for 532 questions" in words


def test_how_it_was_made() -> None:
    """Records, labels, prompt, models, seed and formulas stand in the page."""
    items = {item.mark: item.text for item in _section(contents.page(found.adapter()), "how").items}
    assert "300 records of labels/sentiment.csv; labels 9f2c41d07be6f3a1." in items["Records"]
    assert "4 more were left out" in items["Records"]
    assert "seed 7" in items["Records"]
    assert items["Prompt"].startswith("version 2, fingerprint ab54d286a9c1d0f7.")
    assert items["API model"] == "gpt-4.1-mini, 288 records asked for."
    assert "Wilson" in items["Interval of a share"]
    assert "Tang, Tang and Chan" in items["Interval of a ratio, evaluated once"]
    assert items["Calibrated confidence"].startswith("Platt")


def test_names_are_escaped() -> None:
    """A name with markup makes no element in the page, no cell in Markdown, no style on the terminal."""
    evaluation = found.marked_up()
    elements = Elements(html.render_file(contents.page(evaluation), PICTURES))
    assert "script" not in elements.names
    assert found.MARKUP in elements.text
    assert "<" not in markdown(evaluation)
    assert has_whole_tables(markdown(evaluation))
    assert printed(evaluation).count(found.MARKUP) == 3  # a check, an agreement, what is missing


def test_a_narrow_terminal_cuts_nothing() -> None:
    """Words wrap and numbers fold on a terminal of 80 columns."""
    wide, narrow = printed(found.usual()), printed(found.usual(), width=80)
    assert max(map(len, narrow.splitlines())) <= 80
    assert "\N{HORIZONTAL ELLIPSIS}" not in narrow
    assert wide.count("261 of 300") == narrow.count("261 of 300")


def _section(page: Page, key: str) -> Section:
    return next(one for one in page.sections if one.key == key)
