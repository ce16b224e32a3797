"""One month's report, put into words and tables in one order: what `html` and `markdown` lay out."""

from collections.abc import Iterator, Mapping
from fractions import Fraction

from models.economics.figures import Answer, MonthFigures
from tasks.report import computed, notes, sections, words
from tasks.report.amounts import percent, usd
from tasks.report.document import MonthReport
from tasks.report.view import Colour, Fact, Page, Section

COLOURS: Mapping[Answer, Colour] = {"pays": "good", "does_not_pay": "bad", "cannot_be_said": "neutral"}


def page(report: MonthReport) -> Page:
    """Put a report into words."""
    figures = report.figures
    extra = (words.since(figures), words.against_batches(figures), _warning(figures))
    return Page(
        title=words.title(figures),
        heading=f"Break-even report, {words.month_name(figures.month)}",
        covers=_covers(figures),
        colour=_colour(figures),
        answer=words.short_answer(figures),
        verdict=words.verdict(figures),
        sentences=tuple(filter(None, extra)),
        facts=_facts(figures),
        sections=tuple(_sections(report)),
        made=computed.made(report),
        documentation=report.documentation,
    )


def _sections(report: MonthReport) -> Iterator[Section]:
    yield from sections.sections(report.figures)
    yield computed.notes_section(report.figures)
    changed = computed.changes_section(report)
    if changed is not None:
        yield changed
    yield computed.computed_section(report)


def _colour(figures: MonthFigures) -> Colour:
    if words.NOTHING_TO_COMPARE & set(figures.verdict.reasons):
        return "neutral"
    return COLOURS[figures.verdict.answer]


def _covers(figures: MonthFigures) -> str:
    if figures.partial:
        return f"{words.covered(figures)}; costs projected to the whole month".capitalize()
    return f"All {figures.days_in_month} days, UTC"


def _warning(figures: MonthFigures) -> str | None:
    incomplete = [text for weight, text in notes.in_words(figures) if weight == "Incomplete"]
    if not incomplete:
        return None
    return "These figures are incomplete; what is missing stands below, in what to know about them."


def _facts(figures: MonthFigures) -> tuple[Fact, ...]:
    own, api = figures.scenario("hybrid"), figures.scenario("api_sync")
    whole = "projected" if figures.partial else ""
    saving = own.saving_sync_nano
    share = Fraction(saving, api.total_nano) if saving is not None and api.total_nano else None
    label = "Loss" if saving is not None and saving < 0 else "Saving"
    return (
        Fact("Your own model, as it ran", usd(own.total_nano), whole),
        Fact("The same work on the API", words.at_least(api), whole),
        Fact(
            label, usd(None if saving is None else abs(saving)), "" if share is None else percent(abs(share))
        ),
    )
