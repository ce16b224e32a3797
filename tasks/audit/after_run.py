"""Audits that follow by themselves: after a partition is published, and when the API's answers come in."""

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial

from models import workloads
from models.errors import BreakevenError, Interrupted, defect
from models.evaluation.audit_counts import Judge
from models.run import PRODUCTION, RunResult
from models.settings import Settings
from tasks.audit.by_people import people_command
from tasks.audit.request import AuditRequest, AuditResult
from tasks.audit.run import audit_partition, collect_audit, unaudited, uncounted_audits, waiting_audits
from tasks.audit.words import describe_audit
from tasks.backfill.request import BackfillRequest
from tasks.planning.request import RunRequest

AT_WORK = timedelta(hours=1)
"""How long after a partition is published its audit is left to whoever published it, who may be at it still."""

log = logging.getLogger(__name__)


def audit_published(result: RunResult, request: RunRequest, settings: Settings) -> AuditResult | None:
    """Audit a partition that a run has just published, where its workload is audited; what is wrong is a warning.

    What is published stands whatever becomes of its audit. Raises `Interrupted`.
    """
    if result.state != "completed" or request.purpose != PRODUCTION or request.shard is not None:
        return None
    ask = AuditRequest(request.workload, result.partition, request.input, request.where)
    match _auditor(ask.workload, settings):
        case "api":
            return _audit(ask, settings)
        case "people":
            workload = workloads.build(ask.workload, settings.for_workload(ask.workload))
            log.info("%s %s is audited by people: %s", ask.workload, ask.partition, people_command(workload))
    return None


def audit_collected(results: Iterable[RunResult], settings: Settings) -> list[AuditResult]:
    """Take up the audits that wait, then audit what a collecting has published, and what was published before and is due.

    Answers that are there come first, since they are paid; then what waits longest, since an audit that is begun may take the dollars that it
    waits for. Raises `Interrupted`, `DatabaseUnavailable`.
    """
    waiting = (*uncounted_audits(settings), *waiting_audits(settings))
    due = unaudited(settings, datetime.now(UTC) - AT_WORK)
    done: list[AuditResult | None] = []
    for workload, partition in dict.fromkeys(waiting):
        what = f"the audit of {workload} {partition} waits still"
        take_up = partial(collect_audit, workload, partition, settings)
        done.append(_warned(what, "the next collecting tries again", take_up))
    done += [audit_published(one, RunRequest(one.workload, one.partition), settings) for one in results]
    done += _audit_due([AuditRequest(*one) for one in due if one not in waiting], settings)
    return [one for one in done if one is not None and (one.audited or one.changed or one.state == "waiting")]


def audit_left(ask: BackfillRequest, settings: Settings) -> list[AuditResult]:
    """Audit what an earlier backfill of this range has published and left without, since it was stopped. Raises `Interrupted`, `DatabaseUnavailable`."""
    due = unaudited(settings, datetime.now(UTC))
    own = [
        AuditRequest(name, day, ask.input, ask.where)
        for name, day in due
        if name == ask.workload and ask.range.first <= day <= ask.range.last
    ]
    return _audit_due(own, settings)


def _audit_due(due: Iterable[AuditRequest], settings: Settings) -> list[AuditResult]:
    """Audit partitions one after the other; where one of a workload fails, its others are left to the next try."""
    done, failed = list[AuditResult](), set[str]()
    for ask in due:
        if ask.workload in failed or settings.api_mode == "off" or _auditor(ask.workload, settings) != "api":
            continue
        found = _audit(ask, settings)
        if found is None:
            failed.add(ask.workload)
        else:
            done.append(found)
    return done


def _auditor(name: str, settings: Settings) -> Judge | None:
    """Return who audits what is published of a workload; None: nobody is to, or it is not among the settings any more."""
    try:
        if not settings.workload(name).audit.share:
            return None
        workload = workloads.build(name, settings.for_workload(name))
    except BreakevenError as error:
        log.warning("%s is not audited: %s", name, error)
        return None
    return "people" if workload.residency == "local" else "api"


def _audit(ask: AuditRequest, settings: Settings) -> AuditResult | None:
    given = "" if ask.input is None else " with the --input of the run"
    return _warned(
        f"{ask.workload} {ask.partition} is published, and not audited",
        f"`breakeven audit {ask.workload} --date {ask.partition}`{given} does it",
        lambda: audit_partition(ask, settings),
    )


def _warned(what: str, again: str, audit: Callable[[], AuditResult]) -> AuditResult | None:
    try:
        found = audit()
    except Interrupted:
        raise
    except BreakevenError as error:
        log.warning("%s: %s; %s", what, error, again)
        return None
    except Exception as error:  # noqa: BLE001  what is published stands, and the others have their turn
        log.warning("%s: %s; %s", what, defect(error), again)
        return None
    log.info("%s", describe_audit(found))
    return found
