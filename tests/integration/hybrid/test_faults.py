"""The fault matrix through the whole pipeline: what the record, the output and the ledger get."""

import re
from collections import Counter
from pathlib import Path

import pytest

from models.errors import ApiAccessError
from models.settings import Settings
from tests.fakes import ScriptedEngine, unsure
from tests.faulty_api import FaultyApi, Rule
from tests.integration.api.faults import ATTEMPTS, FAULTS, REFUSED, RUN_FAILS, Fault
from tests.integration.api.harness import closed_port
from tests.integration.hybrid.harness import api_lines, check_seen, hybrid_settings
from tests.integration.pipeline.books import check_books, check_sums, table
from tests.integration.pipeline.harness import good_rows, published, quarantined, run, write_records
from tests.ledgers import new_sqlite
from tests.sampling import sampled

RECORD = "unsure: the record in question"
OTHERS = 4
SHORT = {
    "429 without Retry-After",
    "connection refused, or a name that does not resolve",
    "connection closed in mid-body",
    "no usage",
    "an answer of another schema",
    "content filter, as a 400",
    "context length exceeded (OpenAI)",
    "response_format json_schema refused",
    "wrong key (401), from the first request on",
    "every request refused with a 400",
}
"""One fault for each fate, and for each kind of line in the ledger; the whole table meets the API's engine in every run."""


def settings_of(fault: Fault, tmp_path: Path, database_url: str, url: str) -> Settings:
    """Make settings with the options of the table's row."""
    options = {f"api_{name}": value for name, value in fault.options.items()}
    return hybrid_settings(tmp_path, database_url, url, api_max_attempts=ATTEMPTS, **options)


def endings(settings: Settings) -> Counter[str]:
    """Count how the lines of the record in question end, `OUTCOME` or `OUTCOME:FAILURE`."""
    own = [line for line in api_lines(settings) if line.record_key == "record"]
    return Counter(f"{line.outcome}:{line.failure}" if line.failure else line.outcome for line in own)


def in_the_ledger(fault: Fault) -> Counter[str]:
    """Say how the table's attempts end in the ledger: an answer of no use is no `ok` there."""
    ends = list(fault.attempts)
    if fault.fate.startswith("quarantined"):
        ends[-1] = re.sub("^ok", "invalid_output", ends[-1])
    return Counter(ends)


def fate_of(settings: Settings, key: str) -> str:
    """Say what became of a record, in the table's words."""
    waits = {row.reason: row._mapping["count"] for row in table(settings, "waiting_counts")}
    if waits:
        done = {line.record_key for line in table(settings, "ledger_lines") if line.outcome == "ok"}
        return "published" if key in done else f"deferred:{next(iter(waits))}"
    if key in published(settings)["record_key"].to_list():
        return "published"
    aside = quarantined(settings)
    return f"quarantined:{aside.filter(aside['record_key'] == key)['reason'].item()}"


@pytest.mark.parametrize("fault", sampled(FAULTS, SHORT, lambda fault: fault.name))
def test_fault(fault: Fault, tmp_path: Path) -> None:
    """Nothing is lost, nothing counted twice; the record's fate and lines are those of docs/faults.md."""
    rows: list[object] = [*good_rows(OTHERS, "unsure number {}".format), {"id": "record", "text": RECORD}]
    source = write_records(tmp_path / "in.jsonl", rows)
    rule = Rule(fault.faults, "" if fault.everybody else RECORD, forever=fault.forever)
    with FaultyApi([rule]) as api:
        url = closed_port() if REFUSED in fault.faults else api.url
        settings = settings_of(fault, tmp_path, new_sqlite(tmp_path / "ledger.db"), url)
        engine = ScriptedEngine(handler=unsure("unsure"))
        if fault.fate == RUN_FAILS:
            with pytest.raises(ApiAccessError) as caught:
                run(settings, source, engine)
            assert "\n" not in str(caught.value)
            assert fault.user in str(caught.value)
            assert [row.state for row in table(settings, "runs")] == ["failed"]
            check_sums(settings)
        else:
            result = run(settings, source, engine)
            fate = fault.run_fate or fault.fate
            assert fate_of(settings, "record") == fate
            others = {fate_of(settings, f"r{number}") for number in range(OTHERS)}
            assert others == {fate if fault.everybody else "published"}
            assert (result.state == "waiting") == fate.startswith("deferred")
            (check_sums if result.state == "waiting" else check_books)(settings)
    assert endings(settings) == in_the_ledger(fault)
    assert not [line for line in api_lines(settings) if line.outcome == "pending"]
    check_seen(settings, api.seen)


def test_a_dead_endpoint_is_left_alone_and_its_records_are_taken_up_later(
    tmp_path: Path, database_url: str
) -> None:
    """The breaker spares the endpoint; the run says so, ends waiting, and the next one completes it."""
    source = write_records(tmp_path / "in.jsonl", good_rows(200, "unsure number {}".format))
    dead = hybrid_settings(
        tmp_path, database_url, closed_port(), api_breaker_failures=5, api_breaker_seconds=0.1
    )
    result = run(dead, source, ScriptedEngine(handler=unsure("unsure")))
    assert (result.state, result.waiting) == ("waiting", {"api_unavailable": 200})
    assert len(api_lines(dead)) < 40
    assert {line.cost_nano for line in api_lines(dead)} == {0}
    with FaultyApi() as api:
        alive = hybrid_settings(tmp_path, database_url, api.url)
        again = run(alive, source, ScriptedEngine(handler=unsure("unsure")))
    assert (again.state, again.escalated) == ("completed", 200)
    check_books(alive)
    check_seen(alive, api.seen)
