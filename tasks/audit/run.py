"""One audit of one published partition: a share of what was served without the API is asked there, as a run of its own."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from db import audits, partitions
from db.audits import ServingRun
from models import workloads
from models.economics.pricing import usd_to_nano
from models.errors import UsageError
from models.run import AUDIT, RunResult
from models.settings import Settings
from models.workloads.base import Workload
from tasks.audit.agreement import agrees
from tasks.audit.by_people import people_command
from tasks.audit.draw import ServedRecord, find_texts, is_drawn, read_hashes, read_served
from tasks.audit.request import AuditRequest, AuditResult
from tasks.audit.store import audited_records
from tasks.evaluation.arms import read_answers
from tasks.evaluation.measures import asked_measure
from tasks.labelling.labelled_file import write_records
from tasks.planning.adapter_in_force import use_adapter
from tasks.planning.checks import source_of
from tasks.planning.request import RunRequest
from tasks.reading import open_partition
from tasks.reading.input_cache import InputCache
from tasks.run.run_partition import collect_partition, run_request
from tasks.runtime.ledger_access import ledger_if_any, with_patience, writing_ledger
from tasks.storage.output_folders import evaluations_folder

UNCOUNTED_DAYS = 7
"""How long an audit that was answered and never compared is looked for."""

UNAUDITED = timedelta(days=2)
"""How long a published partition that is to be audited is looked for: its audit follows it, unless something was killed or stopped."""

log = logging.getLogger(__name__)


def audit_partition(ask: AuditRequest, settings: Settings) -> AuditResult:
    """Ask the API for a share of what it did not serve of a published partition, and write down how often it agrees.

    What is published stays as it is. The same records are drawn each time, and one that was asked is not asked again. Raises `UsageError` before
    anything is asked: no share, no API, records that must not leave, nothing published, another prompt by now; and the errors of a run.
    """
    share, workload = check_audit(ask, settings)
    published = _find_published(ask, workload, settings)
    if _waits(ask, settings):
        return collect_audit(ask.workload, ask.partition, settings)
    served = read_served(published, workload, lambda key: is_drawn(ask.workload, ask.partition, key, share))
    if not served:
        return AuditResult(ask.workload, ask.partition, "nothing")
    _check_budget(ask, settings)
    own = settings.for_workload(ask.workload)
    source = source_of(workload, ask.reading, workload.routing, InputCache.of(own))
    texts = find_texts(open_partition(source, ask.partition), served)
    changed = len(served) - len(texts)
    if not texts:
        return AuditResult(ask.workload, ask.partition, "nothing", len(served), changed=changed)
    snapshot = evaluations_folder(settings.output_dir, ask.workload) / f"audit-{ask.partition}.parquet"
    write_records(texts, snapshot)
    request = RunRequest(
        ask.workload,
        ask.partition,
        str(snapshot),
        engine="openai",
        refresh=True,
        purpose=AUDIT,
        as_texts=True,
    )
    try:
        result = run_request(request, settings)
    finally:  # no text stays behind, however it ends
        snapshot.unlink(missing_ok=True)
    found = _finish(result, workload, published, settings)
    return replace(found, drawn=len(served), changed=changed)


def check_audit(ask: AuditRequest, settings: Settings) -> tuple[float, Workload]:
    """Return the share to audit, and the workload. Raises `UsageError` where it cannot be audited."""
    workload = workloads.build(ask.workload, settings.for_workload(ask.workload))
    share = workload.settings.audit.share if ask.share is None else ask.share
    name = ask.workload
    if not 0 <= share <= 1:
        msg = f"a share to audit lies above 0 and up to 1, not at {share}"
        raise UsageError(msg)
    if not share:
        msg = f"{name} is not audited: set share = 0.01 in [workloads.{name}.audit], or give --share"
        raise UsageError(msg)
    if workload.residency == "local":
        msg = f"the records of {name} must not leave (data_residency), so no API audits them: people do, by {people_command(workload)}"
        raise UsageError(msg)
    if settings.api_mode == "off":
        msg = f"an audit asks the API, which is off: set BREAKEVEN_API_MODE, or let people do it, by {people_command(workload)}"
        raise UsageError(msg)
    asked_measure(workload)
    return share, workload


def _find_published(ask: AuditRequest, workload: Workload, settings: Settings) -> Path:
    """Return the published file of a partition. Raises `UsageError` where there is none, or it was answered with another prompt."""
    with ledger_if_any(settings, update=True) as session:
        version, run = (None, None) if session is None else _published(session, ask.workload, ask.partition)
    if version is None or run is None:
        msg = f"{ask.workload} {ask.partition} is not published, so there is nothing to audit: run it first"
        raise UsageError(msg)
    if run.prompt not in _asking(workload, settings):
        msg = f"{ask.workload} {ask.partition} is published with another prompt than the API would be asked now: --rerun it first"
        raise UsageError(msg)
    return Path(version.output_path or "")


def _asking(workload: Workload, settings: Settings) -> set[str]:
    """Return the fingerprints of a workload by what it asks: with its adapter in force no prior of the plain model is divided out."""
    name = workload.name
    served = workloads.build(name, use_adapter(settings, name, loaded=False))
    return {workload.fingerprint, served.fingerprint}


def _published(
    session: Session, workload: str, partition: date
) -> tuple[partitions.PartitionVersion | None, ServingRun | None]:
    version = partitions.find_published(session, workload, partition)
    return version, None if version is None else audits.find_serving_run(session, version.id)


def _waits(ask: AuditRequest, settings: Settings) -> bool:
    return (ask.workload, ask.partition) in waiting_audits(settings)


def waiting_audits(settings: Settings) -> list[tuple[str, date]]:
    """Return the partitions of which an audit waits for the API, the longest waiting first."""
    with ledger_if_any(settings) as session:
        found = [] if session is None else partitions.list_waiting(session, AUDIT)
    return [(one.workload, one.partition) for one in found]


def uncounted_audits(settings: Settings) -> list[tuple[str, date]]:
    """Return the partitions whose audit was answered lately and never compared, since its process was killed."""
    with ledger_if_any(settings) as session:
        return (
            []
            if session is None
            else audits.list_uncounted(session, datetime.now(UTC) - timedelta(days=UNCOUNTED_DAYS))
        )


def unaudited(settings: Settings, until: datetime) -> list[tuple[str, date]]:
    """Return the partitions that were published lately, until then, and of which no audit by the API has begun."""
    with ledger_if_any(settings, update=True) as session:
        return [] if session is None else audits.list_unaudited(session, until - UNAUDITED, until)


def _check_budget(ask: AuditRequest, settings: Settings) -> None:
    """See that something is left of the month's dollars for audits, so that no audit is begun only to wait. Raises `UsageError`."""
    cap = settings.workload(ask.workload).audit.month_usd
    if cap is None:
        return
    today = datetime.now(UTC).date()
    with ledger_if_any(settings) as session:
        spent = 0 if session is None else audits.read_spend(session, ask.workload, today)
    if spent >= usd_to_nano(cap):
        msg = (
            f"the audits of {ask.workload} have used up what they may cost in {today:%Y-%m}: raise month_usd in "
            f"[workloads.{ask.workload}.audit], or audit {ask.partition} in the next month"
        )
        raise UsageError(msg)


def collect_audit(workload: str, partition: date, settings: Settings) -> AuditResult:
    """Take up an audit whose answers wait, and write down how often the API agrees once all are there. Raises the errors of a run."""
    built = workloads.build(workload, settings.for_workload(workload))
    result = collect_partition(workload, partition, settings=settings, purpose=AUDIT)
    if result.state == "skipped":  # all its answers are there already
        result = replace(result, output=_answered_file(workload, partition, settings))
    published = _find_published(AuditRequest(workload, partition), built, settings)
    return _finish(result, built, published, settings)


def _answered_file(workload: str, partition: date, settings: Settings) -> str | None:
    with ledger_if_any(settings) as session:
        found = None if session is None else partitions.find_published(session, workload, partition, AUDIT)
    return None if found is None else found.output_path


def _finish(result: RunResult, workload: Workload, published: Path, settings: Settings) -> AuditResult:
    """Compare what the API answered with what is published, and write it down; or say what it waits for."""
    name, partition = result.workload, result.partition
    if result.state == "waiting" or result.output is None:
        return AuditResult(
            name, partition, "waiting", waiting=dict(result.waiting), cost_nano=result.api_cost_nano
        )
    answers, asked = read_answers(Path(result.output), workload), read_hashes(Path(result.output))
    served = read_served(published, workload, answers.__contains__)
    agreeing = {
        key: agrees(workload, one.value, answers[key].value)
        for key, one in served.items()
        if asked[key] == one.text_hash
    }
    _store(settings, name, partition, served, agreeing)
    return AuditResult(
        name,
        partition,
        "audited",
        audited=len(agreeing),
        agreeing=sum(agreeing.values()),
        unanswered=result.quarantined,
        cost_nano=result.api_cost_nano,
    )


def _store(
    settings: Settings,
    workload: str,
    partition: date,
    served: Mapping[str, ServedRecord],
    agreeing: Mapping[str, bool],
) -> None:
    def write() -> None:
        with make_session.begin() as session:
            version, run = _published(session, workload, partition)
            asked = partitions.find_published(session, workload, partition, AUDIT)
            asking = None if asked is None else audits.find_serving_run(session, asked.id)
            if version is None or run is None or asking is None:
                msg = f"{workload} {partition} was given up while it was audited: audit it again"
                raise UsageError(msg)
            rows = audited_records(session, run, asking.run_id, served, agreeing, "api")
            audits.replace_audits(session, workload, partition, rows)

    with writing_ledger(settings, create=False) as make_session:
        with_patience(settings.database_patience_seconds, write)
