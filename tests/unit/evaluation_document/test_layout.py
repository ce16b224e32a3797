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


def test_how_it_was_made() -> None:
    """Records, labels, prompt, models, seed and formulas stand in the page."""
    items = {item.mark: item.text for item in _section(contents.page(found.adapter()), "how").items}
    assert "300 records of labels/sentiment.csv; labels 9f2c41d07be6f3a1." in items["Records"]
    assert "4 more were left out" in items["Records"]
    assert "seed 7" in items["Records"]
    assert items["Prompt"].startswith("version 2, fingerprint ab54d286a9c1d0f7.")
    assert items["API model"] == "gpt-4.1-mini, 288 records asked for."
    assert "Wilson" in items["Interval of a share"]
    assert "Tang, Tang and Chan" in items["Interval of a ratio"]
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
