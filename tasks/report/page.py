"""One month's report, put into words and tables in one order: what `html` and `markdown` lay out."""

from collections.abc import Iterator

from models.economics.figures import MonthFigures
from tasks.documents.page import Colour, Page, Section
from tasks.report import advice, methodology, notes, sections, sentences
from tasks.report.audit_section import make_audits_section
from tasks.report.month_report import MonthReport
from tasks.report.training_section import list_news, make_training_section


def make_page(report: MonthReport) -> Page:
    """Put a report into words."""
    figures = report.figures
    return Page(
        title=advice.title(figures),
        heading=f"Break-even report, {sentences.month_name(figures.month)}",
        covers=_covers(figures),
        colour=_colour(figures),
        answer=advice.headline(figures),
        verdict=advice.verdict(figures),
        sentences=(*_list_sentences(figures), *list_news(report.inputs)),
        facts=(),
        first=sections.make_ways_table(figures),
        sections=tuple(_sections(report)),
        made=methodology.describe_version(report),
        documentation=report.documentation,
    )


def _list_sentences(figures: MonthFigures) -> Iterator[str]:
    yield from advice.explain(figures)
    if (incomplete := _warning(figures)) is not None:
        yield incomplete


def _sections(report: MonthReport) -> Iterator[Section]:
    yield sections.make_costs_section(report.figures)
    yield from sections.list_sections(report.figures)
    audited = make_audits_section(report.inputs)
    if audited is not None:
        yield audited
    trained = make_training_section(report.inputs)
    if trained is not None:
        yield trained
    yield methodology.make_notes_section(report.figures)
    changed = methodology.make_changes_section(report)
    if changed is not None:
        yield changed
    yield methodology.make_computed_section(report)


def _colour(figures: MonthFigures) -> Colour:
    """Green where things may stay as they are, red where a change surely saves, else neither."""
    recommendation = figures.recommendation
    if sentences.is_idle(figures) or not recommendation.certain:
        return "neutral"
    return "good" if recommendation.action == "stay" else "bad"


def _covers(figures: MonthFigures) -> str:
    days = "1" if figures.days == 1 else f"1 to {figures.days}"
    projected = "; costs projected to the whole month" if figures.partial else ""
    return f"{days} {sentences.month_name(figures.month)}, UTC{projected}"


def _warning(figures: MonthFigures) -> str | None:
    incomplete = [text for weight, text in notes.describe_notes(figures) if weight == "Incomplete"]
    if not incomplete:
        return None
    return "These figures are incomplete; what is missing stands below, in what to know about them."
