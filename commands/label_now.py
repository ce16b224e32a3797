"""Lets a person label records, from the terminal: chooses them, serves the page, says what came of it."""

import getpass

from flows.environment import read_settings
from models import workloads
from tasks.audit.by_people import audit_by_people, describe_people_audit
from tasks.display.messages import message_console
from tasks.display.working import show_working
from tasks.label_page.serve import LabelRequest, open_desk, serve_desk
from tasks.label_page.words import describe_labels


def label_and_print(
    workload: str, by: str | None, source: str, limit: int, port: int, *, open_browser: bool
) -> None:
    """Serve the page until Ctrl-C, then say how many texts are labelled and how far labellers agree."""
    settings = read_settings()
    built = workloads.build(workload, settings)
    ask = LabelRequest(workload, _user() if by is None else by, source, limit)
    with show_working("choosing records"):
        audit_by_people(built, settings)
        desk = open_desk(ask, built, settings)
    serve_desk(desk, built, settings, port, open_browser=open_browser)
    found = audit_by_people(built, settings)
    lines = describe_labels(built, settings)
    if found is not None and found.audited:
        lines.append(describe_people_audit(workload, found))
    for line in lines:
        message_console().print(line)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user without a name
        return "me"
