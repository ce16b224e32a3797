"""What is said of a cascade: one table with each stage and the whole, and which of them pays."""

from dataclasses import replace

from models.evaluation.cascade import Cascade, Gate, Stage
from models.evaluation.scores import Interval
from tasks.documents.page import Section
from tasks.evaluation_report import page as contents
from tests import evaluations as found


def section_of(name: str) -> Section:
    """Return the section of an evaluation."""
    return next(one for one in contents.short(found.EVERY[name]()).sections if one.key == "cascade")


def test_one_table_has_each_stage_and_the_whole() -> None:
    """Accuracy with its interval, threshold, share served, dollars and time of 1,000 records."""
    (table,) = section_of("cascaded").tables
    assert [row[0] for row in table.rows] == ["Classifier", "Small model", "API model", "All together"]
    assert [row[2] for row in table.rows] == ["0.83", "0.91", "takes the rest", ""]
    assert [row[3] for row in table.rows] == ["67%", "16%", "17%", "100%"]
    assert table.rows[-1] == ("All together", "90% (86% to 93%)", "", "100%", "$0.0132", "9.4 s")
    assert table.strong == frozenset({3})


def test_it_says_what_pays() -> None:
    """Which stages, from which confidence on, what they reach together with the interval, and how much cheaper that is."""
    told = " ".join(section_of("cascaded").sentences)
    assert (
        "the classifier where it is 0.83 sure, the small model where it is 0.91 sure and the API model"
        in told
    )
    assert (
        "reach 99.2% of it (95% interval 95.8% to 103.0%), measured on records that chose no threshold"
        in told
    )
    assert "The API model alone costs 6.94" in told


def test_a_trained_triage_has_a_row() -> None:
    """It serves no record: which go past the small model, from which chance on, and what asking costs; or that it is not used."""
    usual = found.cascaded()
    assert usual.cascade is not None
    for gate, said in (
        (Gate("triage-1", 0.21, found.share(30, 300), 210_000, 2.4), ("passes on below 0.21", "past: 10%")),
        (Gate("triage-1", None, found.share(0, 300), 210_000, 2.4), ("not used", "0%")),
    ):
        one = replace(usual, cascade=replace(usual.cascade, triage=gate))
        section = next(one for one in contents.page(one).sections if one.key == "cascade")
        row = section.tables[0].rows[3]
        assert row == ("Triage", "unknown", *said, "$0.00021", "2.4 s")
        told = " ".join(section.sentences)
        assert ("less than 0.21" in told) == (gate.threshold is not None)


def test_nothing_before_the_api_pays() -> None:
    """Then the API stands alone, and the others are not used."""
    section = section_of("api_alone")
    assert "is the API model alone: no other stage pays" in " ".join(section.sentences)
    assert [row[2] for row in section.tables[0].rows] == ["not used", "not used", "takes the rest", ""]


def test_without_an_api_the_best_stage_is_the_measure() -> None:
    """Records that must not leave: what is kept is the best stage's accuracy; what is unknown is said so."""
    usual = found.cascaded()
    stages = (Stage("classifier", 0.83, found.share(201, 300)), Stage("small", None, found.share(99, 300)))
    cascade = Cascade(stages, found.share(270, 300), 0.97, Interval(0.95, 1.01), None, 9.4, ())
    local = replace(usual, arms=usual.arms[:2], comparisons=(), cascade=cascade)
    section = next(one for one in contents.page(local).sections if one.key == "cascade")
    assert "of the best stage's accuracy" in " ".join(section.sentences)
    assert section.tables[0].rows[-1][4] == "unknown"


def test_the_classifier_is_told_against_the_api() -> None:
    """A sentence below the verdict."""
    told = " ".join(contents.page(found.cascaded()).sentences)
    assert "By itself the classifier reaches 106.6% of the API model's accuracy" in told
