"""Audits in batches: they wait, at the Batch price, until a collecting takes their answers up."""

from pathlib import Path

import pytest

from models.run import AUDIT
from tasks.audit.after_run import audit_collected
from tasks.audit.run import waiting_audits
from tests.batch_api import BatchApi
from tests.batch_state import Rules
from tests.integration.audit.harness import WRONG, audit, audit_settings, audits, serve
from tests.integration.hybrid.batch_harness import steps
from tests.integration.hybrid.harness import KEY, api_lines
from tests.integration.pipeline.books import check_sums, findings, table
from tests.integration.pipeline.harness import DAY, WORKLOAD, published

COUNT = 24


@pytest.mark.usefixtures("impatient")
def test_an_audit_waits_for_its_batch_and_is_compared_when_it_is_there(
    tmp_path: Path, database_url: str
) -> None:
    """Until then nothing is counted; a second audit meanwhile asks nothing; the answers cost half."""
    with BatchApi(Rules(idempotency=False), key=KEY) as api:
        settings = audit_settings(tmp_path, database_url, api.url, api_mode="batch", batch_max_requests=10)
        serve(settings, tmp_path, COUNT)
        before = published(settings)
        found = audit(settings, tmp_path, share=1.0)
        assert (found.state, found.waiting, found.drawn) == ("waiting", {"batch": COUNT}, COUNT)
        assert waiting_audits(settings) == [(WORKLOAD, DAY)]
        assert audit(settings, tmp_path, share=1.0).state == "waiting"
        assert audit_collected([], settings)[0].state == "waiting"
        assert audits(settings) == []
        steps(api)
        (done,) = audit_collected([], settings)
        assert audit_collected([], settings) == []
    assert (done.state, done.audited, done.agreeing) == (
        "audited",
        COUNT,
        COUNT - len(range(0, COUNT, WRONG)),
    )
    assert len(audits(settings)) == COUNT == len(api_lines(settings))
    assert all(line.batch_id for line in api_lines(settings))
    assert [run.state for run in table(settings, "runs") if run.purpose == AUDIT] == ["completed"]
    assert published(settings).equals(before)
    check_sums(settings)
    assert findings(settings) == []
