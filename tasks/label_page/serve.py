"""`breakeven label`: a page on which a person labels records, on this machine's loopback address alone, until Ctrl-C."""

from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI
from nicegui import ui

from models.errors import UsageError
from models.settings import Settings
from models.workloads.answer_kind import answers_labels, known_labels
from models.workloads.base import Workload
from tasks.audit.by_people import people_share, text_number
from tasks.label_page.choose import AUDIT, PUBLISHED, choose_records
from tasks.label_page.desk import Desk
from tasks.label_page.view import LabelWindow
from tasks.label_page.words import describe_labels
from tasks.labelling.people_file import people_file, same_text
from tasks.labelling.people_labels import newest_labels
from tasks.local_page.server import gated_application, run_pages, serve_pages
from tasks.runtime.atomic_files import check_writable

LONGEST_NAME = 60
"""Characters of a labeller's name."""


@dataclass(frozen=True, slots=True)
class LabelRequest:
    """Which records are labelled, and by whom.

    `source`: published, audit, or a file. `limit`: records at most.
    """

    workload: str
    by: str
    source: str = PUBLISHED
    limit: int = 100


def open_desk(ask: LabelRequest, workload: Workload, settings: Settings) -> Desk:
    """Return the records that are to be labelled, without those that this person has labelled.

    Raises `UsageError` for a workload that answers no labels, a name that is none, and where there is nothing to label.
    """
    if not answers_labels(workload):
        msg = f"`breakeven label` is for workloads that answer labels; {workload.name} answers {workload.kind}: fill in a file of `breakeven evaluate {workload.name} --sample 100`"
        raise UsageError(msg)
    if not 0 < len(ask.by) <= LONGEST_NAME or not ask.by.isprintable() or ask.by != ask.by.strip():
        msg = f"--by takes a name of 1 to {LONGEST_NAME} visible characters"
        raise UsageError(msg)
    check_writable(settings.output_dir, settings.group_access)
    by_people = ask.source == AUDIT and people_share(workload, settings) > 0
    mine = [one for one in newest_labels(workload, settings) if one.by == ask.by]
    done = {same_text(one.text) for one in mine if one.drawn is not None or not by_people}
    seen = frozenset(text_number(one.text) for one in mine if one.drawn is not None)
    records = choose_records(workload, settings, ask.source, ask.limit, done.__contains__, seen)
    return Desk(records, people_file(settings.output_dir, workload.name), ask.by, settings.group_access)


def serve_desk(desk: Desk, workload: Workload, settings: Settings, port: int, *, open_browser: bool) -> None:
    """Serve the page until Ctrl-C; 0 is any free port. The address goes to standard error. Raises `UsageError` for a port that is taken."""
    serve_pages(
        lambda token, port: application(desk, workload, settings, token, port),
        port,
        f"records of {workload.name} to label are at",
        open_browser=open_browser,
    )


def application(desk: Desk, workload: Workload, settings: Settings, token: str, port: int) -> FastAPI:
    """Return the application: one page for whoever has the token."""
    title = f"breakeven label {workload.name}"
    application = gated_application(
        token, port, "breakeven label", "there is no such page; the records are at /\n"
    )
    ui.add_css(Path(__file__).with_name("page.css"), shared=True)

    def build() -> None:
        several, labels = workload.kind == "labels", known_labels(workload)
        LabelWindow(desk, labels, several, lambda: describe_labels(workload, settings)).build(title)

    ui.page("/")(build)
    run_pages(application, title)
    return application
