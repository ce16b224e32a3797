"""An answer that is one character too long: asked for once more, told which rule it broke, at once and in batches."""

import json
from pathlib import Path

from db.attempts import list_numbers
from models.economics.pricing import Price, cost_nano
from models.engines.api.usage import usage_of
from models.run import RunResult
from models.settings import Settings
from tasks.planning.request import RunRequest
from tasks.run.run_partition import collect_partition, run_request
from tests.batch_api import BatchApi
from tests.batch_state import Rules
from tests.faulty_api import FaultyApi, Rule
from tests.integration.hybrid.batch_harness import batch_lines, batch_settings, outcomes, steps, write_texts
from tests.integration.hybrid.harness import KEY, api_lines, check_seen, hybrid_settings
from tests.integration.pipeline.books import check_sums, findings, ledger, table
from tests.integration.pipeline.harness import DAY, published, quarantined

NAME = "titles"
TOLD = "An earlier answer broke one rule. Answer again, and keep it: title: must have at most 9 characters."
SCHEMA = {
    "type": "object",
    "properties": {"title": {"type": "string", "maxLength": 9}},
    "required": ["title"],
    "additionalProperties": False,
}


def workload(folder: Path) -> dict[str, object]:
    """Define a workload whose titles have at most nine characters."""
    path = folder / "titles.json"
    path.write_text(json.dumps(SCHEMA), encoding="utf-8")
    return {NAME: {"kind": "object", "prompt": "Give it a title.", "schema_file": str(path)}}


def ask(settings: Settings, texts: list[str]) -> RunResult:
    """Let the API answer these texts."""
    source = write_texts(settings.output_dir.parent, texts)
    return run_request(RunRequest(NAME, DAY, str(source), engine="openai"), settings)


def check_lines(settings: Settings, api: FaultyApi) -> None:
    """See that each attempt is charged at what the server bills for it, to the nano-dollar."""
    price = next(row for row in table(settings, "prices") if row.model == "test-model")
    own = Price(**{name: getattr(price, name) for name in Price.__slots__})
    usages = {one.attempt: usage_of({"usage": one.usage}) for one in api.seen}
    for line in api_lines(settings):
        usage = usages[str(line.id)]
        assert usage is not None
        assert line.cost_nano == cost_nano(own, usage)


def test_it_is_told_and_keeps_the_limit(tmp_path: Path, database_url: str) -> None:
    """One further attempt for the one record, whose request is another one; no word of record or answer is in the note."""
    with FaultyApi([Rule(("long",), "number 3")]) as api:
        settings = hybrid_settings(tmp_path, database_url, api.url, workloads=workload(tmp_path))
        result = ask(settings, [f"text number {n}" for n in range(10)])
        check_seen(settings, api.seen)
    assert (result.state, result.published, result.quarantined) == ("completed", 10, 0)
    first, second = [one.body["messages"] for one in api.seen if "number 3" in str(one.body)]
    assert second == [*first[:-1], {**first[-1], "content": f"{first[-1]['content']}\n\n{TOLD}"}]
    own = sorted(
        (line for line in api_lines(settings) if line.record_key == "r3"), key=lambda line: line.attempt
    )
    assert [(line.attempt, line.outcome, line.failure) for line in own] == [
        (1, "invalid_output", "over_limit"),
        (2, "ok", None),
    ]
    assert len({line.request_hash for line in own}) == 2
    check_lines(settings, api)
    check_sums(settings)
    assert findings(settings) == []


def test_once_and_within_the_attempts(tmp_path: Path, database_url: str) -> None:
    """What is too long again is set aside as ever; where a record has one attempt alone, nothing is asked again."""
    for most, asked in ((5, 2), (1, 1)):
        folder = tmp_path / str(most)
        folder.mkdir()
        url = database_url if most == 1 else f"sqlite:///{folder / 'ledger.db'}"
        with FaultyApi([Rule(("long",), "number 3", forever=True)]) as api:
            settings = hybrid_settings(
                folder, url, api.url, workloads=workload(folder), api_max_attempts=most, api_concurrency=1
            )
            result = ask(settings, [f"text number {n}" for n in range(10)])
            check_seen(settings, api.seen)
        assert (result.published, result.reasons) == (9, {"invalid_output": 1})
        assert sum("number 3" in str(one.body) for one in api.seen) == asked
        (rule,) = quarantined(settings, NAME)["rule"]
        assert rule == "must have at most 9 characters"
        check_sums(settings)


def test_identical_records_share_the_second_answer_too(tmp_path: Path, database_url: str) -> None:
    """Two of the same text are asked for twice together, not four times."""
    with FaultyApi([Rule(("long",), "number 3")]) as api:
        settings = hybrid_settings(
            tmp_path, database_url, api.url, workloads=workload(tmp_path), api_concurrency=1
        )
        result = ask(settings, ["fine", "number 3", "number 3"])
        check_seen(settings, api.seen)
    assert (result.published, result.quarantined) == (3, 0)
    assert published(settings, NAME).height == 3
    assert sum("number 3" in str(one.body) for one in api.seen) <= 3
    check_sums(settings)


def test_in_batches(tmp_path: Path, database_url: str) -> None:
    """It goes into the next batch, told what was wrong, whichever process makes that; what fails again is set aside."""
    with BatchApi(Rules(idempotency=False), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url, workloads=workload(tmp_path))
        assert ask(settings, ["fine", "good", "[[long]]", "[[long ever]]"]).waiting == {"batch": 4}
        steps(api)
        assert collect_partition(NAME, DAY, settings=settings).waiting == {"batch": 2}
        prompts = [entry for file in api.book.files.values() for entry in file.content.splitlines()]
        assert [TOLD in entry.decode() for entry in prompts] == [True, True]
        steps(api)
        result = collect_partition(NAME, DAY, settings=settings)
    assert (result.state, result.published, result.reasons) == ("completed", 3, {"invalid_output": 1})
    assert outcomes(batch_lines(settings)) == {"ok": 3, "invalid_output:over_limit": 2, "invalid_output": 1}
    with ledger(settings) as session:
        numbers = dict(list_numbers(session, table(settings, "runs")[0].id))
    assert numbers == {"r0": 1, "r1": 1, "r2": 2, "r3": 2}
    check_sums(settings)
    assert findings(settings) == []
