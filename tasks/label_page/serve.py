"""`breakeven label`: a page on which a person labels records, on this machine's loopback address alone, until Ctrl-C."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI
from nicegui import ui

from models.errors import UsageError
from models.settings import Settings
from models.workloads.answer_kind import answers_labels, known_labels
from models.workloads.base import Workload
from tasks.audit.by_people import no_share, people_share, text_number
from tasks.audit.draw import ServedRecord
from tasks.audit.verdicts import verdict
from tasks.label_page.answer_view import AnswerWindow
from tasks.label_page.choose import AUDIT, PUBLISHED, choose_records
from tasks.label_page.desk import Desk
from tasks.label_page.view import LabelWindow
from tasks.label_page.window import DeskWindow
from tasks.label_page.words import describe_labels
from tasks.labelling.people_file import people_file, same_text
from tasks.labelling.people_labels import newest_labels, newest_verdicts
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
    by_people = ask.source == AUDIT and people_share(workload, settings) > 0
    if not answers_labels(workload) and not by_people:
        raise (
            no_share(workload)
            if ask.source == AUDIT and workload.residency == "local"
            else _needs_audit(workload)
        )
    if not 0 < len(ask.by) <= LONGEST_NAME or not ask.by.isprintable() or ask.by != ask.by.strip():
        msg = f"--by takes a name of 1 to {LONGEST_NAME} visible characters"
        raise UsageError(msg)
    check_writable(settings.output_dir, settings.group_access)
    if answers_labels(workload):
        mine = [one for one in newest_labels(workload, settings) if one.by == ask.by]
        done = {same_text(one.text) for one in mine if one.drawn is not None or not by_people}
        seen = frozenset(text_number(one.text) for one in mine if one.drawn is not None)
        is_seen: Callable[[ServedRecord], bool] = lambda one: one.text_hash in seen  # noqa: E731
    else:
        done = set()
        is_seen = _judged_by(ask.by, workload, settings)
    records = choose_records(workload, settings, ask.source, ask.limit, done.__contains__, is_seen)
    return Desk(records, people_file(settings.output_dir, workload.name), ask.by, settings.group_access)


def _judged_by(by: str, workload: Workload, settings: Settings) -> Callable[[ServedRecord], bool]:
    """Return what says whether somebody has judged a published answer; one that was published since is another one."""
    mine = {text_number(one.text): one for one in newest_verdicts(workload, settings) if one.by == by}

    def is_seen(one: ServedRecord) -> bool:
        return one.text_hash in mine and verdict(workload, mine[one.text_hash], one.value) is not None

    return is_seen


def _needs_audit(workload: Workload) -> UsageError:
    name = workload.name
    return UsageError(
        f"{name} answers {workload.kind}, which `breakeven label` shows for audits by people alone: --from audit, where no API may be asked and "
        f"[workloads.{name}.audit] has a share; else fill in a file of `breakeven evaluate {name} --sample 100`"
    )


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
        def summary() -> list[str]:
            return describe_labels(workload, settings)

        window: DeskWindow = AnswerWindow(desk, summary, workload=workload)
        if answers_labels(workload):
            several = workload.kind == "labels"
            window = LabelWindow(desk, summary, labels=known_labels(workload), several=several)
        window.build(title)

    ui.page("/")(build)
    run_pages(application, title)
    return application
