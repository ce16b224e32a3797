"""What tests of audits need: a partition that a local engine has served, and an API that answers the same to some of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Row

from models.run import RunResult
from models.settings import Settings
from tasks.audit.request import AuditRequest, AuditResult
from tasks.audit.run import audit_partition
from tests.fakes import ScriptedEngine
from tests.integration.evaluation.evaluating import right_unless, settings_of
from tests.integration.pipeline.books import table
from tests.integration.pipeline.harness import DAY, WORKLOAD, good_rows, run, write_records

COUNT = 200
SHARE = 0.25
WRONG = 5
"""Every so manieth record the local engine answers otherwise than the API."""


def audit_settings(folder: Path, url: str, api: str, **more: Any) -> Settings:  # noqa: ANN401  fields of Settings
    """Make settings under which a quarter of the records is audited; no record goes to the API by policy."""
    own = {"audit": {"share": SHARE} | more.pop("audit", {}), **more.pop("own", {})}
    return settings_of(folder, url, api, **({"workloads": {WORKLOAD: own}} | more))


def serve(settings: Settings, folder: Path, count: int = COUNT, **options: Any) -> RunResult:  # noqa: ANN401
    """Publish the test's partition, answered by the local engine alone."""
    engine = ScriptedEngine(handler=right_unless(lambda number: number % WRONG == 0))
    source = write_records(folder / "in.jsonl", good_rows(count))
    result = run(settings, source, engine, **options)
    assert (result.state, result.escalated) == ("completed", 0)
    return result


def audit(settings: Settings, folder: Path, **more: Any) -> AuditResult:  # noqa: ANN401  fields of AuditRequest
    """Audit the test's partition."""
    return audit_partition(AuditRequest(WORKLOAD, DAY, str(folder / "in.jsonl"), **more), settings)


def audits(settings: Settings) -> Sequence[Row[Any]]:
    """Return the rows of audits."""
    return table(settings, "audits")
