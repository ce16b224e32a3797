"""The report's section on what was trained: the sentence of each, its row, and what programs read."""

import json
from dataclasses import replace
from datetime import date

from models.economics.break_even import month_figures
from models.economics.training_payback import TrainedUse
from tasks.report.notes import describe_note
from tasks.report.page import make_page
from tasks.report.training_section import list_news, make_training_section, training_to_json
from tasks.report.versions import parse_inputs, write_inputs
from tests.month_figures import a_month, dollars, report

USE = TrainedUse(
    workload="sentiment",
    name="classifier-1a2b3c4d",
    kind="classifier",
    trained_on=date(2026, 10, 3),
    cost_nano=dollars("1.40"),
    examples=400,
    accuracy=0.9,
    accuracy_low=0.83,
    accuracy_high=0.94,
    records=12_345,
    saved_nano=dollars("3.10"),
    month_records=12_345,
    month_saved_nano=dollars("3.10"),
    instead="vllm",
    paid_back=date(2026, 10, 9),
)


def test_it_is_said_when_a_training_was_paid_back() -> None:
    """In a sentence and a row, with what it served and saved and against what."""
    section = make_training_section(replace(a_month(), trained=(USE,)))
    assert section is not None
    assert section.sentences[0] == (
        "classifier-1a2b3c4d of sentiment was trained for $1.40 on 3 October 2026; paid back on 9 October 2026; in this month it"
        " served 12,345 records and saved +$3.10, against the own model."
    )
    assert section.tables[0].rows == (
        (
            "sentiment",
            "classifier-1a2b3c4d",
            "2026-10-03",
            "$1.40",
            "90% (83% to 94%)",
            "12,345",
            "+$3.10",
            "2026-10-09",
        ),
    )


def test_news_is_what_was_trained_or_paid_back_in_the_month() -> None:
    """Another month's stays in the section."""
    before = replace(USE, trained_on=date(2026, 8, 3))
    old = replace(before, paid_back=date(2026, 9, 9))
    assert len(list_news(replace(a_month(), trained=(USE, before, old)))) == 2


def test_what_does_not_pay_yet_and_what_serves_nothing_is_said() -> None:
    """A saving below zero stays below zero."""
    dear = replace(USE, paid_back=None, saved_nano=-dollars("0.20"), month_saved_nano=-dollars("0.20"))
    unused = replace(
        USE, paid_back=None, records=0, month_records=0, instead=None, accuracy=None, accuracy_low=None
    )
    section = make_training_section(replace(a_month(), trained=(dear, unused)))
    assert section is not None
    assert (
        "not paid back yet; in this month it served 12,345 records and saved \N{MINUS SIGN}$0.20"
        in section.sentences[0]
    )
    assert section.sentences[1].endswith("on 3 October 2026; it has served nothing yet.")
    assert section.tables[0].rows[1][4:] == ("", "0", "", "")


def test_what_was_trained_before_is_shown_while_it_serves() -> None:
    """A month without either has no section; programs get all the same."""
    before = replace(USE, trained_on=date(2026, 8, 3))
    assert make_training_section(replace(a_month(), trained=(before,))) is not None
    idle = replace(a_month(), trained=(replace(before, month_records=0),))
    assert make_training_section(idle) is None
    (one,) = training_to_json(idle)
    assert isinstance(one, dict)
    assert (one["cost_usd"], one["saved_usd"], one["accuracy"], one["paid_back"]) == (
        "1.4",
        "3.1",
        "0.9",
        "2026-10-09",
    )
    json.dumps(one)


def test_money_of_trainings_and_audits_is_noted_and_in_no_way() -> None:
    """The notes tell both; the ways cost what they cost without."""
    month = replace(a_month(), training_nano=dollars("1.40"), audits_nano=dollars("0.25"), trained=(USE,))
    figures = month_figures(month)
    said = [describe_note(one, figures) for one in figures.notes if one.code in {"training", "audits"}]
    assert [text.split(" in ")[0] for text in said] == ["Training cost $1.40", "Audits cost $0.25"]
    assert figures.scenarios == month_figures(a_month()).scenarios
    assert parse_inputs(write_inputs(month)) == month
    page = make_page(replace(report(), inputs=month))
    assert "training" in [one.key for one in page.sections]
    assert page.sentences[-1].startswith("classifier-1a2b3c4d of sentiment was trained for $1.40")
