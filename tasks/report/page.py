"""One month's report, put into words and tables in one order: what `html` and `markdown` lay out."""

from collections.abc import Iterator, Mapping
from fractions import Fraction

from models.economics.figures import MonthFigures
from models.economics.figures_recommendation import VerdictAnswer
from tasks.documents.amounts import percent, usd
from tasks.documents.page import Colour, Fact, Page, Section
from tasks.report import methodology, notes, sections, sentences
from tasks.report.month_report import MonthReport

COLOURS: Mapping[VerdictAnswer, Colour] = {"pays": "good", "does_not_pay": "bad", "cannot_be_said": "neutral"}

MOST_TO_TELL = 10
"""Times the API's cost: a loss beyond it says nothing as a share."""


def make_page(report: MonthReport) -> Page:
    """Put a report into words."""
    figures = report.figures
    extra = (sentences.since(figures), sentences.against_batches(figures), _warning(figures))
    return Page(
        title=sentences.title(figures),
        heading=f"Break-even report, {sentences.month_name(figures.month)}",
        covers=_covers(figures),
        colour=_colour(figures),
        answer=sentences.short_answer(figures),
        verdict=sentences.verdict(figures),
        sentences=tuple(filter(None, extra)),
        facts=_facts(figures),
        sections=tuple(_sections(report)),
        made=methodology.describe_version(report),
        documentation=report.documentation,
    )


def _sections(report: MonthReport) -> Iterator[Section]:
    yield from sections.list_sections(report.figures)
    yield methodology.make_notes_section(report.figures)
    changed = methodology.make_changes_section(report)
    if changed is not None:
        yield changed
    yield methodology.make_computed_section(report)


def _colour(figures: MonthFigures) -> Colour:
    if not sentences.is_comparable(figures):
        return "neutral"
    return COLOURS[figures.verdict.answer]


def _covers(figures: MonthFigures) -> str:
    days = "1" if figures.days == 1 else f"1 to {figures.days}"
    projected = "; costs projected to the whole month" if figures.partial else ""
    return f"{days} {sentences.month_name(figures.month)}, UTC{projected}"


def _warning(figures: MonthFigures) -> str | None:
    incomplete = [text for weight, text in notes.describe_notes(figures) if weight == "Incomplete"]
    if not incomplete:
        return None
    return "These figures are incomplete; what is missing stands below, in what to know about them."


def _facts(figures: MonthFigures) -> tuple[Fact, ...]:
    own, api = figures.scenario("hybrid"), figures.scenario("api_sync")
    whole = "projected" if figures.partial else ""
    costs = (
        Fact(
            "As it really ran" if figures.mode == "none" else "Your own model, as it ran",
            sentences.at_least(own),
            whole,
        ),
        Fact("The same work on the API", sentences.at_least(api), whole),
    )
    return costs if figures.mode == "none" else (*costs, _saving(figures))


def _saving(figures: MonthFigures) -> Fact:
    saving, api = figures.verdict.saving_nano, figures.scenario("api_sync").total_nano
    if saving is None or figures.verdict.answer == "cannot_be_said":
        return Fact("Saving, as far as it is known", usd(saving))
    share = Fraction(abs(saving), api) if api else None
    told = "" if share is None or share > MOST_TO_TELL else percent(share)
    return Fact("Loss" if saving < 0 else "Saving", usd(abs(saving)), told)
