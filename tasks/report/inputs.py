"""Settings and ledger to the inputs of a month's break-even."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

from sqlalchemy.orm import Session

from db import audits, infrastructure, month, trained_use
from db.month import MonthUsage
from models.catalogue import assumed_terms
from models.economics.break_even import past_month
from models.economics.interruptions import SpotUse, forget_interruptions, sum_spot
from models.economics.month import MonthInputs, WorkloadUsage
from models.economics.owning import Bill, EnteredTerms, Labour
from models.economics.past_month import PastMonth
from models.economics.spot_basis import SpotBasis
from models.economics.terms_in_force import RunTerms, terms_of
from models.errors import UsageError
from models.gpu_time import NS_PER_SECOND
from models.months import days_in, month_of, months_later, next_month
from models.routing.policy import Policy
from models.settings import Settings
from models.workloads import build
from tasks.report.judged import NOT_JUDGED, Judged, find_judgements
from tasks.report.market import add_market

MOST_MONTHS = 36
"""Earlier months that are looked at, the nearest ones."""
MONTHS_MEASURED = 3
"""Months over which interruptions of spot machines are measured, the last one that of the report: markets change."""


@dataclass(frozen=True, slots=True)
class Books:
    """What was entered, in the order of its entering, and what was used in each month. `spot`: a machine may be taken away."""

    terms: Sequence[EnteredTerms]
    bills: Mapping[date, int]
    labour: Sequence[Labour]
    used: Mapping[date, MonthUsage]
    spot: bool = False


def read_month_inputs(
    session: Session,
    settings: Settings,
    of: date,
    *,
    today: date,
) -> MonthInputs:
    """Read what the break-even of the month of a day stands on; of one that is not over, up to `today` (UTC).

    Whether a workload is replaceable is what its newest evaluation says, else what audits do. Raises `UsageError` for a month that has
    not begun, and for labour settings that are no amount.
    """
    this = month_of(of)
    if this > today:
        msg = f"{this:%Y-%m} has not begun in UTC; choose a month that is over, or the running one"
        raise UsageError(msg)
    began = month.find_first_month(session)
    first = max(began or this, months_later(this, -MOST_MONTHS))
    books = _of_what_can_be_taken(read_books(session, min(first, this), next_month(this)), settings)
    judged = find_judgements(session, this)
    earlier: list[PastMonth] = []
    while first < this:
        earlier.append(past_month(_inputs(books, settings, first, days_in(first), judged)))
        first = next_month(first)
    days = min((today - this).days + 1, days_in(this))
    inputs = _inputs(books, settings, this, days, judged)
    counted = audits.count_months(session, until=this.replace(day=days_in(this)))
    uses = trained_use.read_uses(session, inputs.last_day)
    inputs = replace(inputs, earlier=tuple(earlier), audits=tuple(counted), trained=tuple(uses))
    inputs = replace(inputs, proposals=tuple(trained_use.read_proposals(session, this)))
    return add_market(inputs, session, settings)


def read_books(session: Session, first: date, end: date) -> Books:
    """Read all that was entered, and what was used in the months of `first <= day < end`."""
    return Books(
        [entry.what for entry in infrastructure.list_entries(session, EnteredTerms)],
        {entry.what.month: entry.what.nano_usd for entry in infrastructure.list_entries(session, Bill)},
        [entry.what for entry in infrastructure.list_entries(session, Labour)],
        month.read_usage(session, first, end),
    )


def _of_what_can_be_taken(books: Books, settings: Settings) -> Books:
    """Leave interruptions out where nobody has a spot machine, or a rate of one: nothing depends on them there. Else say so."""
    modes = {entry.billing_mode for entry in books.terms}
    modes |= {run.billing_mode for usage in books.used.values() for run in usage.gpu_runs}
    if "spot" in modes or settings.spot.usd_per_hour is not None:
        return replace(books, spot=True)
    used = {
        of: replace(usage, gpu_runs=forget_interruptions(usage.gpu_runs)) for of, usage in books.used.items()
    }
    return replace(books, used=used)


def _inputs(
    books: Books, settings: Settings, of: date, days: int, judged: Mapping[str, Judged]
) -> MonthInputs:
    used = books.used.get(of, MonthUsage())
    before = [run for other, usage in books.used.items() if other < of for run in usage.gpu_runs]
    last = books.used.get(months_later(of, -1), MonthUsage())
    routed = {usage.workload: usage.routed for usage in last.workloads}
    kinds = {run.kind for run in (*before, *used.gpu_runs)} | {entry.kind for entry in books.terms}
    return MonthInputs(
        month=of,
        days=days,
        workloads=tuple(
            _with(usage, judged.get(usage.workload, NOT_JUDGED), settings, routed.get(usage.workload, 0))
            for usage in used.workloads
        ),
        gpu_runs=used.gpu_runs,
        terms=(
            *assumed_terms.reserved_by_runs(used.gpu_runs, before, of),
            *assumed_terms.entered_terms(books.terms, of),
        ),
        labour=tuple(assumed_terms.labour_terms(books.labour, settings)),
        batch_discount=settings.batch_discount,
        bill_nano=books.bills.get(of),
        references=tuple(assumed_terms.references(books.terms, settings, kinds)),
        evaluations_nano=used.evaluations_nano,
        training_nano=used.training_nano,
        audits_nano=used.audits_nano,
        spot=_find_spot_basis(books, settings, of) if books.spot else None,
    )


def _find_spot_basis(books: Books, settings: Settings, of: date) -> SpotBasis:
    """Measure interruptions in a month and those just before it; what is assumed stands beside."""
    held: list[SpotUse] = []
    for month_of_runs in (months_later(of, -back) for back in range(MONTHS_MEASURED)):
        terms = assumed_terms.entered_terms(books.terms, month_of_runs)
        runs = books.used.get(month_of_runs, MonthUsage()).gpu_runs
        held += sum_spot([RunTerms(run, terms_of(terms, run)) for run in runs], Fraction(1))
    return SpotBasis(
        settings.spot.interruptions_per_hour,
        round(settings.commit_seconds * NS_PER_SECOND),
        sum(one.interruptions for one in held),
        sum(one.held_ns for one in held),
        sum(one.lost_ns for one in held),
    )


def _with(usage: WorkloadUsage, judged: Judged, settings: Settings, before: int) -> WorkloadUsage:
    """Add what a month's lines do not hold of a workload; `before`: records that its policy routed in the month before.

    Of a workload that is no longer set up, nothing else is known.
    """
    try:
        workload = build(usage.workload, settings)
    except UsageError:
        return replace(usage, viability=judged.viability, basis=judged.basis, routes=before > 0)
    return replace(
        usage,
        viability=judged.viability,
        basis=judged.basis,
        batch_acceptable=workload.settings.batch_acceptable is not False,
        may_leave=workload.residency != "local",
        routes=before > 0 or (settings.api_mode != "off" and _routes(workload.routing)),
    )


def _routes(policy: Policy) -> bool:
    """Whether a policy sends on what the small model may miss."""
    by_confidence = policy.min_confidence is not None and "low_confidence" in policy.escalate
    complex_ones = (policy.complex_over_chars, policy.complex_where, policy.simple_languages)
    by_text = policy.triage or any(one is not None for one in complex_ones)
    return by_confidence or (by_text and "complex" in policy.escalate) or policy.not_viable == "api"
