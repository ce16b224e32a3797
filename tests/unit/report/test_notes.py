"""Every note has words of its own, and the heaviest come first."""

from dataclasses import replace
from typing import get_args

import pytest

from models.economics.figures import Note, NoteCode
from tasks.report import notes
from tests import month_figures as months

FIGURES = months.report().figures


@pytest.mark.parametrize("code", get_args(NoteCode))
def test_every_code_has_words(code: NoteCode) -> None:
    """A code that somebody adds without words is found here; what a note carries is said once."""
    told = notes.describe_note(Note(code, count=2, nano=months.dollars("12.34"), text="A10G"), FIGURES)
    assert told.endswith(".")
    assert "None" not in told
    assert "  " not in told
    assert "unknown" not in told


@pytest.mark.parametrize(
    ("note", "told"),
    [
        (
            Note("quarantined", count=1),
            "1 record was set aside before an engine answered it, and cost nothing.",
        ),
        (
            Note("quarantined", count=2),
            "2 records were set aside before an engine answered them, and cost nothing.",
        ),
        (
            Note("estimated_usage", count=1),
            "1 attempt holds an estimate of tokens or cost instead of what was reported.",
        ),
        (
            Note("upper_bounds", count=1, nano=4_000_000),
            (
                "$0.004 of what was paid to the API is the most it can have been (1 attempt whose outcome is not known"
                " yet, or never will be)."
            ),
        ),
        (
            Note("rate_unknown", text="reserved"),
            "Own model, reserved: there is no rate for it, so what it would cost is not known.",
        ),
        (
            Note("gpu_time_over_bill", count=7200),
            "Runs held 2 h more machine time than was billed: the terms name too few machines or days.",
        ),
    ],
)
def test_singular_plural_and_amounts(note: Note, told: str) -> None:
    """One is singular, and amounts below a cent are not rounded away."""
    assert notes.describe_note(note, FIGURES) == told


def test_the_heaviest_come_first() -> None:
    """What is missing stands before what is estimated, assumed or good to know."""
    weights = [weight for weight, _ in notes.describe_notes(months.report(months.doubtful()).figures)]
    assert weights == sorted(weights, key=notes.ORDER.index)
    assert weights[0] == "Incomplete"
    assert weights[-1] == "Good to know"


def test_what_holds_of_several_workloads_is_said_once() -> None:
    """One sentence names all workloads that were not evaluated."""
    month = months.a_month()
    unknown = tuple(replace(one, viability=None) for one in month.workloads)
    told = [
        text for _, text in notes.describe_notes(months.report(replace(month, workloads=unknown)).figures)
    ]
    assert [text for text in told if "not evaluated" in text] == [
        (
            "Whether the small model is good enough for enrichment, sentiment and classification was not evaluated,"
            " which counts as replaceable."
        )
    ]


def test_a_partial_month_is_named() -> None:
    """The note says which days are covered."""
    told = dict.fromkeys(text for _, text in notes.describe_notes(months.report(months.running()).figures))
    assert any("the first 12 of 31 days of October 2026" in text for text in told)
