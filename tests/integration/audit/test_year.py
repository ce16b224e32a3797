"""A year of real runs and audits in which the right labels shift in the eighth month: from the pipeline to the alert and the report."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from models.months import months_later
from models.run import AUDIT
from tasks.alerts.audits import find_audit_alerts
from tasks.audit.request import AuditRequest
from tasks.audit.run import audit_partition
from tasks.planning.request import RunRequest
from tasks.report.audit_section import make_audits_section
from tasks.report.inputs import read_month_inputs
from tasks.run.run_partition import run_request
from tasks.runtime.shared_engine import shared_engine
from tests.fakes import ScriptedEngine
from tests.faulty_api import FaultyApi
from tests.integration.audit.harness import audit_settings
from tests.integration.evaluation.evaluating import right_unless
from tests.integration.pipeline.books import findings, ledger, table
from tests.integration.pipeline.harness import WORKLOAD, write_records

FIRST = date(2025, 11, 1)
"""The eighth month from it is June."""
SHIFT = months_later(FIRST, 7)
COUNT = 60


def wrong_in(month: date) -> Callable[[int], bool]:
    """Say of which records the local model answers otherwise than the API: a tenth, and from the shift on half."""
    return lambda number: number % (2 if month >= SHIFT else 10) == 0


@pytest.mark.long
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_year_of_runs_and_audits(tmp_path: Path, database_url: str) -> None:
    """One crossing, first seen in the month of the shift; the report's months show it, and the ledger adds up."""
    seen: dict[str, date] = {}
    with FaultyApi() as api:
        settings = audit_settings(tmp_path, database_url, api.url, audit={"share": 1.0})
        for month in (months_later(FIRST, number) for number in range(12)):
            texts = [f"{month:%Y-%m} message number {number}" for number in range(COUNT)]
            rows: list[object] = [{"id": f"r{place}", "text": text} for place, text in enumerate(texts)]
            source = str(write_records(tmp_path / f"{month}.jsonl", rows))
            engine = ScriptedEngine(handler=right_unless(wrong_in(month)))
            with shared_engine(settings, lambda _, own=engine: own):  # type: ignore[misc]
                run_request(RunRequest(WORKLOAD, month, source), settings)
            found = audit_partition(AuditRequest(WORKLOAD, month, source), settings)
            assert found.audited == COUNT
            with ledger(settings) as session:
                for alert in find_audit_alerts(session, month.replace(day=8)):
                    seen.setdefault(alert.crossing, month)
    assert seen == {f"{WORKLOAD} by vllm, {SHIFT:%Y-%m}": SHIFT}
    assert findings(settings) == []
    assert sum(run.purpose == AUDIT for run in table(settings, "runs")) == 12
    with ledger(settings) as session:
        inputs = read_month_inputs(session, settings, SHIFT, today=date(2026, 11, 20))
    section = make_audits_section(inputs)
    assert section is not None
    (shown,) = section.tables
    assert [(row[3], row[6]) for row in shown.rows][-2:] == [("2026-05", "90%"), ("2026-06", "50%")]
