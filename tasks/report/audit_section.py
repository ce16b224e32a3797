"""The report's part on audits: how often the API, or people, agree with what was served without it."""

from collections.abc import Iterable
from fractions import Fraction
from itertools import groupby

from models.economics.month import MonthInputs
from models.evaluation.audit_counts import AuditCount
from tasks.documents.amounts import count, percent
from tasks.documents.page import Section, Table
from tasks.documents.plain_json import Json, plain, plain_ratio

MONTHS = 6
"""How many months of each workload are shown, the newest ones."""
_AUDITED_BY = {"api": "API", "people": "People"}
_SERVED_BY = {"classifier": "Classifier", "vllm": "Own model"}
_EXPLAINED = (
    "A random share of what was served without the API was asked there as well, or labelled by people where the API may not be asked, and this is how"
    " often both answers are the same, with the 95% interval. To agree with the API is not to be right: who is, labels say."
)


_OPEN = (
    "Open are records that people saw and said nothing of that counts: skipped, or labellers are tied. The interval reaches from where all of these disagree"
    " to where all agree."
)


def make_audits_section(inputs: MonthInputs) -> Section | None:
    """Return the section; None where nothing was audited in this month."""
    if not any(one.month == inputs.month for one in inputs.audits):
        return None
    columns: tuple[str, ...] = (
        "Workload",
        "Served by",
        "Audited by",
        "Month",
        "Audited",
        "Agree",
        "Share",
        "Interval",
        "Change",
    )
    rows, sentences = tuple(_rows(inputs)), (_EXPLAINED, *_bases(inputs))
    if any(one.unjudged for one in inputs.audits):
        columns, sentences = (*columns, "Open"), (*sentences, _OPEN)
    else:
        rows = tuple(row[:-1] for row in rows)
    table = Table("How often the API, or people, agree", columns, rows, prose=frozenset({1, 2, 3}))
    return Section("audits", "What audits found", sentences, tables=(table,))


def _bases(inputs: MonthInputs) -> Iterable[str]:
    """Say of which workloads the verdict on the small model rests on audits."""
    for basis, whose in (("audits", "audits"), ("people", "audits by people")):
        names = [one.workload for one in inputs.workloads if one.basis == basis]
        if names:
            yield (
                f"No evaluation says whether the small model is good enough for {', '.join(names)}: that rests on {whose} of this month and the two before it."
            )


def _rows(inputs: MonthInputs) -> Iterable[tuple[str, ...]]:
    for _, series in groupby(inputs.audits, key=lambda one: (one.workload, one.engine, one.judge)):
        months = list(series)
        before: list[AuditCount | None] = [None, *months]
        yield from [_row(now, last) for now, last in zip(months, before, strict=False)][-MONTHS:]


def _row(now: AuditCount, last: AuditCount | None) -> tuple[str, ...]:
    agreement, interval = _share(now), now.interval
    compared = last is not None and last.audited and now.audited
    change = agreement - _share(last) if last is not None and compared else None
    limits = (
        ""
        if interval is None
        else " to ".join(percent(Fraction(one)) for one in (interval.low, interval.high))
    )
    return (
        now.workload,
        _SERVED_BY.get(now.engine, now.engine),
        _AUDITED_BY[now.judge],
        f"{now.month:%Y-%m}",
        count(now.audited),
        count(now.agreeing),
        percent(agreement) if now.audited else "",
        limits,
        "" if change is None else percent(change),
        count(now.unjudged),
    )


def _share(one: AuditCount) -> Fraction:
    return Fraction(one.agreeing, max(one.audited, 1))


def audits_to_json(inputs: MonthInputs) -> list[Json]:
    """Return the counts for programs, each with its share and interval."""
    found: list[Json] = []
    for one in inputs.audits:
        limits = None if one.interval is None else (Fraction(one.interval.low), Fraction(one.interval.high))
        share = plain_ratio(_share(one)) if one.audited else None
        found.append({**_members(one), "agreement": share, "interval": plain(limits)})
    return found


def _members(one: AuditCount) -> dict[str, Json]:
    return {
        "workload": one.workload,
        "served_by": one.engine,
        "judge": one.judge,
        "month": f"{one.month:%Y-%m}",
        "audited": one.audited,
        "agreeing": one.agreeing,
        "unjudged": one.unjudged,
    }
