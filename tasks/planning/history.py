"""What earlier runs tell of one that is to begin."""

from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from db import infrastructure, throughput
from models.catalogue.assumed_terms import entered_terms
from models.default_model import model_name
from models.economics.owning import EnteredTerms
from models.economics.terms_in_force import is_same_kind, terms_on
from models.economics.throughput import ExpectedTime, expect_time
from models.months import month_of
from tasks.planning.checks import Checked


def history_filter(checked: Checked) -> throughput.HistoryFilter:
    """Return what earlier runs must share with a request to count for it."""
    workload, settings = checked.workload, checked.settings
    return throughput.HistoryFilter(
        workload.name,
        workload.fingerprint,
        model_name(settings),
        checked.machine.kind,
        settings.api_model,
    )


def expect_records(checked: Checked, records: int, session: Session) -> ExpectedTime | None:
    """Return how long so many records take by earlier runs on such a machine: of this prompt, else of the workload; None: no run tells."""
    like = replace(history_filter(checked), trained=checked.asks_trained)
    loads = throughput.list_load_times(session, like.model, like.machine)
    for asked in (like, replace(like, prompt_fingerprint=None)):
        found = expect_time(throughput.list_earlier_runs(session, asked), loads, records)
        if found is not None:
            return found
    return None


def is_paid_by_use(checked: Checked, session: Session) -> bool:
    """Whether a further worker on such a machine costs its time: by the terms that were entered for today, else as the settings say."""
    today = datetime.now(UTC).date()
    entries = infrastructure.list_entries(session, EnteredTerms)
    held = terms_on(entered_terms((entry.what for entry in entries), month_of(today)), today)
    modes: list[str] = [one.mode for one in held if is_same_kind(one.kind, checked.machine.kind)]
    return "reserved" not in (modes or [checked.machine.billing_mode])
