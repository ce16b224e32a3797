"""One evaluation, put into words and tables in one order: what page, Markdown and terminal lay out."""

from collections.abc import Iterator, Mapping

from models.economics.month import Viability
from models.evaluation.figures import Arm, Evaluation
from tasks.documents.amounts import plural, unit_usd
from tasks.documents.page import Colour, Fact, Page, Section
from tasks.evaluation_report import (
    cascade_section,
    judgement_section,
    labels_section,
    methodology,
    quality_sections,
    sections,
    sentences,
    threshold_section,
)

COLOURS: Mapping[Viability, Colour] = {"viable": "good", "not_viable": "bad", "undecided": "neutral"}
SHORT = frozenset(
    {"accuracy", "worth", "judgement", "costs", "cascade", "threshold", "checks", "agreement", "missing"}
)
"""Sections of the short form."""
MOST_WITH_COST = 2
"""Models beside which there is room for what each costs."""


def page(evaluation: Evaluation) -> Page:
    """Put an evaluation into words."""
    more = (
        sentences.rights(evaluation),
        sentences.adapter(evaluation),
        sentences.against_api(evaluation),
        sentences.classifier(evaluation),
        labels_section.warn_of_constant(evaluation),
        labels_section.warn_of_labellers(evaluation),
    )
    return Page(
        title=sentences.title(evaluation),
        heading=f"Evaluation of {evaluation.workload}",
        covers=_covers(evaluation),
        colour=COLOURS[evaluation.viability],
        answer=sentences.ANSWERS[evaluation.viability],
        verdict=sentences.verdict(evaluation),
        sentences=tuple(filter(None, (*more, _warning(evaluation)))),
        facts=tuple(_facts(evaluation)),
        sections=tuple(_sections(evaluation)),
        made=methodology.describe_origin(evaluation),
        explained_in="docs/evaluation.md of breakeven",
    )


def short(evaluation: Evaluation) -> Page:
    """Put an evaluation into the words that fit on a screen: without labels, calibration and how it was made."""
    whole = page(evaluation)
    kept = tuple(section for section in whole.sections if section.key in SHORT)
    return Page(
        title=whole.title,
        heading=whole.heading,
        covers=whole.covers,
        colour=whole.colour,
        answer=whole.answer,
        verdict=whole.verdict,
        sentences=whole.sentences,
        facts=whole.facts,
        sections=tuple(
            Section(one.key, one.title, one.sentences, None, one.tables, one.items) for one in kept
        ),
        made=whole.made,
        explained_in=whole.explained_in,
    )


def _sections(evaluation: Evaluation) -> Iterator[Section]:
    every = (
        quality_sections.quality(evaluation),
        labels_section.worth_of_labels(evaluation),
        judgement_section.judgement(evaluation),
        sections.costs(evaluation),
        cascade_section.cascade(evaluation),
        sections.checks(evaluation),
        sections.agreement(evaluation),
        threshold_section.threshold(evaluation),
        threshold_section.calibration(evaluation),
        *(sections.labels(arm) for arm in evaluation.arms),
        methodology.missing_section(evaluation),
        methodology.method_section(evaluation),
    )
    yield from (one for one in every if one is not None)


def _covers(evaluation: Evaluation) -> str:
    kind = "record" if evaluation.measure == "none" else "labelled record"
    return f"{plural(evaluation.records, kind)}, {evaluation.at.day} {evaluation.at:%B %Y}"


def _warning(evaluation: Evaluation) -> str | None:
    return "What could not be said, and why, stands below." if evaluation.missing else None


def _facts(evaluation: Evaluation) -> Iterator[Fact]:
    for arm in evaluation.arms:
        yield _quality(arm)
    if len(evaluation.arms) <= MOST_WITH_COST:
        for arm in evaluation.arms:
            yield Fact(f"1,000 records, {sentences.ARMS[arm.name]}", unit_usd(arm.nano_per_thousand))


def _quality(arm: Arm) -> Fact:
    name = sentences.arm_name(arm.name)
    if arm.texts is not None:
        interval = sentences.decimal_between(arm.texts.chrf.interval)
        return Fact(f"{name}, chrF", sentences.decimal(arm.texts.chrf.value), interval)
    right = arm.right
    if right is None:
        return Fact(f"{name}, valid answers", f"{arm.answered:,}", f"of {arm.records:,}")
    remark = sentences.render_interval(right.interval) if right.of else ""
    return Fact(f"{name}, accuracy", sentences.percentage(right.value), remark)
