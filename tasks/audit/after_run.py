"""Audits that follow by themselves: after a partition is published, and when the API's answers come in."""

import logging
from collections.abc import Callable, Iterable
from functools import partial

from models import workloads
from models.errors import BreakevenError, Interrupted
from models.run import PRODUCTION, RunResult
from models.settings import Settings
from tasks.audit.by_people import people_command
from tasks.audit.request import AuditRequest, AuditResult
from tasks.audit.run import audit_partition, collect_audit, uncounted_audits, waiting_audits
from tasks.audit.words import describe_audit
from tasks.planning.request import RunRequest

log = logging.getLogger(__name__)


def audit_published(result: RunResult, request: RunRequest, settings: Settings) -> AuditResult | None:
    """Audit a partition that a run has just published, where its workload is audited; what is wrong is a warning.

    What is published stands whatever becomes of its audit. Raises `Interrupted`.
    """
    if result.state != "completed" or request.purpose != PRODUCTION:
        return None
    if not settings.workload(request.workload).audit.share:
        return None
    workload = workloads.build(request.workload, settings.for_workload(request.workload))
    if workload.residency == "local":
        who = people_command(workload)
        log.info("%s %s is audited by people: %s", workload.name, result.partition, who)
        return None
    ask = AuditRequest(request.workload, result.partition, request.input, request.where)
    again = f"`breakeven audit {ask.workload} --date {ask.partition}` does it"
    return _warned(
        f"{ask.workload} {ask.partition} is published, and not audited",
        again,
        lambda: audit_partition(ask, settings),
    )


def audit_collected(results: Iterable[RunResult], settings: Settings) -> list[AuditResult]:
    """Audit the partitions that a collecting has published, and take up the audits that wait. Raises `Interrupted`, `DatabaseUnavailable`."""
    done = [audit_published(one, RunRequest(one.workload, one.partition), settings) for one in results]
    for workload, partition in (*waiting_audits(settings), *uncounted_audits(settings)):
        what = f"the audit of {workload} {partition} waits still"
        take_up = partial(collect_audit, workload, partition, settings)
        done.append(_warned(what, "the next collecting tries again", take_up))
    return [one for one in done if one is not None and (one.audited or one.state == "waiting")]


def _warned(what: str, again: str, audit: Callable[[], AuditResult]) -> AuditResult | None:
    try:
        found = audit()
    except Interrupted:
        raise
    except BreakevenError as error:
        log.warning("%s: %s; %s", what, error, again)
        return None
    log.info("%s", describe_audit(found))
    return found
