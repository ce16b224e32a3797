"""What the lines of a batch mean together: a field refused, a key, a record; what is learnt, and whose fault it is."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from models.errors import ApiAccessError
from tests.batch_api import BatchApi
from tests.batch_state import Rules
from tests.integration.hybrid.batch_harness import (
    batch_lines,
    batch_settings,
    batch_states,
    changed_results,
    check_server,
    check_waiting,
    collect_until_done,
    engine,
    outcomes,
    start,
    steps,
    texts_of,
    write_texts,
)
from tests.integration.hybrid.harness import KEY, api_lines, collect
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import quarantined, run

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def bodies(api: BatchApi) -> list[dict[str, Any]]:
    """Return the bodies of all requests in the server's request files."""
    files = [file for file in api.book.files.values() if file.purpose == "batch"]
    return [orjson.loads(line)["body"] for file in files for line in file.content.splitlines()]


@pytest.mark.parametrize("field", ["temperature", "seed", "response_format"])
def test_a_refused_field_is_left_out_of_the_next_batch(
    tmp_path: Path, database_url: str, field: str, caplog: pytest.LogCaptureFixture
) -> None:
    """In the same round and at half price; the next partition's batches begin without it."""
    with BatchApi(Rules(), key=KEY) as api:
        api.book.answers.refuses, api.book.answers.plain = [field], '{"label": "neutral"}'
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, texts_of(12))
        while field in bodies(api)[0]:
            steps(api)
            again = collect(settings)
            assert (again.state, again.waiting) == ("waiting", {"batch": 12})
            check_waiting(settings, api)
        assert len(bodies(api)) == 12
        assert not any(field in body for body in bodies(api))
        assert collect_until_done(settings, api).state == "completed"
        rounds = 2 if field == "response_format" else 1  # json_object is tried before the prompt alone
        assert caplog.text.count(f"refuses {'' if rounds > 1 else 'the field '}{field} in batches") == rounds
        assert outcomes(api_lines(settings)) == {"ok": 12, "failed:http_400": 12 * rounds}
        run(settings, write_texts(tmp_path, texts_of(15)), engine(), rerun=True)
        assert not any(field in body for body in bodies(api))
        assert api.steps("chat") == 0
    check_server(settings, api)


@SQLITE
def test_two_batches_that_refuse_a_format_step_down_once(tmp_path: Path, database_url: str) -> None:
    """The second one was rendered before the first one's answer: it teaches nothing new."""
    with BatchApi(Rules(), key=KEY) as api:
        api.book.answers.refuses = ["response_format"]
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, texts_of(20))
        steps(api)
        collect(settings)
        assert {body["response_format"]["type"] for body in bodies(api)} == {"json_object"}
        api.book.answers.refuses, api.book.answers.plain = [], '{"label": "neutral"}'
        assert collect_until_done(settings, api).state == "completed"
    check_books(settings)
    check_server(settings, api)


@SQLITE
def test_a_field_that_the_file_check_refuses(tmp_path: Path, database_url: str) -> None:
    """The whole file is refused, and each line named: the field is left out, no record is set aside."""
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, texts_of(5))
        steps(api, 1)
        (batch,) = api.book.batches.values()
        errors = [{"code": "unsupported_value", "line": n, "param": "body.temperature"} for n in range(1, 6)]
        batch.fields |= {"status": "failed", "errors": {"data": errors}}
        result = collect(settings)
        assert (result.waiting, result.quarantined) == ({"batch": 5}, 0)
        assert not any("temperature" in body for body in bodies(api))
        assert collect_until_done(settings, api).state == "completed"
    assert outcomes(api_lines(settings)) == {"ok": 5, "failed:unsupported_value": 5}
    check_books(settings)
    check_server(settings, api)


@SQLITE
def test_a_file_whose_lines_are_all_refused(tmp_path: Path, database_url: str) -> None:
    """Then it is no fault of the records: none is set aside."""
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, texts_of(5))
        steps(api, 1)
        (batch,) = api.book.batches.values()
        errors = [{"code": "invalid_request", "line": number} for number in range(1, 6)]
        batch.fields |= {"status": "failed", "errors": {"data": errors}}
        result = collect(settings)
        assert (result.state, result.waiting, result.quarantined) == ("waiting", {"batch": 5}, 0)
        assert collect_until_done(settings, api).state == "completed"
    assert outcomes(api_lines(settings)) == {"ok": 5}
    check_books(settings)


def test_every_request_refused_is_the_settings_fault(tmp_path: Path, database_url: str) -> None:
    """No line is answered, nor without seed, nor without temperature: one line, no record set aside, nothing charged."""
    with BatchApi(Rules(), key=KEY) as api:
        api.book.answers.refuses, api.book.answers.nameless = ["model"], True
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, texts_of(4))
        for left in ({"seed", "temperature"}, {"temperature"}):
            assert left == {"seed", "temperature"} & bodies(api)[0].keys()
            steps(api)
            assert collect(settings).waiting == {"batch": 4}
        assert not {"seed", "temperature"} & bodies(api)[0].keys()
        steps(api)
        with pytest.raises(ApiAccessError, match=r"refuses every request of a batch \(http_400 odd_value\)"):
            collect(settings)
        assert outcomes(api_lines(settings)) == {"failed:http_400": 12}
        api.book.answers.refuses = []
        collect(settings)
        assert bodies(api)[0].keys() >= {"seed", "temperature"}  # it was no fault of theirs
        result = collect_until_done(settings, api)
        assert (result.state, result.published, result.quarantined) == ("completed", 4, 0)
    check_books(settings)
    check_server(settings, api)


@SQLITE
@pytest.mark.parametrize(("field", "batches"), [("seed", 2), ("temperature", 3), ("reasoning_effort", 4)])
def test_a_field_that_no_refusal_names(tmp_path: Path, database_url: str, field: str, batches: int) -> None:
    """Nothing was answered: the next batch is tried without the seed, then without temperature and effort, as at once."""
    with BatchApi(Rules(), key=KEY) as api:
        api.book.answers.refuses, api.book.answers.nameless = [field], True
        effort = {"api_reasoning_effort": "low"} if field == "reasoning_effort" else {}
        settings = batch_settings(tmp_path, database_url, api.url, **effort)
        start(settings, texts_of(4))
        result = collect_until_done(settings, api)
    assert (result.state, result.published) == ("completed", 4)
    assert len(table(settings, "batches")) == batches
    check_books(settings)
    check_server(settings, api)


@SQLITE
def test_a_refused_system_role(tmp_path: Path, database_url: str) -> None:
    """The next batch says the same in the first user message."""
    with BatchApi(Rules(), key=KEY) as api:
        api.book.answers.refuses = ["system"]
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, texts_of(4))
        steps(api)
        assert collect(settings).waiting == {"batch": 4}
        assert not any(one["role"] == "system" for body in bodies(api) for one in body["messages"])
        assert collect_until_done(settings, api).state == "completed"
    assert outcomes(api_lines(settings)) == {"ok": 4, "failed:http_400": 4}
    check_books(settings)
    check_server(settings, api)


def test_one_refused_request_is_its_records_fault(tmp_path: Path, database_url: str) -> None:
    """Others of its batch were answered."""
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, [*texts_of(4), *(f"unsure [[status 400 odd_value]] {n}" for n in range(3))])
        steps(api)
        result = collect(settings)
        assert (result.state, result.published, result.quarantined) == ("completed", 4, 3)
    assert quarantined(settings)["reason"].to_list() == ["refused"] * 3
    check_books(settings)


@pytest.mark.parametrize(("status", "batches"), [(403, 1), (401, 2), (404, 2)])
def test_a_denied_request_among_answered_ones_is_its_records_own(
    tmp_path: Path, database_url: str, status: int, batches: int
) -> None:
    """A 403 sets the record aside, what may pass is asked once more; no collecting fails for it, then or later."""
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, [*texts_of(6), f"unsure [[status {status}]]"])
        steps(api)
        result = collect(settings)
        if batches > 1:
            assert result.waiting == {"batch": 1}
            result = collect_until_done(settings, api)
        assert (result.state, result.published, result.quarantined) == ("completed", 6, 1)
    assert (quarantined(settings)["reason"].to_list(), len(table(settings, "batches"))) == (
        ["refused"],
        batches,
    )
    assert outcomes(api_lines(settings)) == {"ok": 6, f"failed:http_{status}": batches}
    check_books(settings)
    check_server(settings, api)


@pytest.mark.parametrize("status", [401, 404])
def test_a_denial_that_passes(tmp_path: Path, database_url: str, status: int) -> None:
    """What was denied beside answers is asked again in the same round, in a new batch."""
    texts = [*texts_of(6), *(f"unsure [[once status {status}]] {n}" for n in range(4))]
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, texts)
        steps(api)
        assert collect(settings).waiting == {"batch": 4}
        assert outcomes(api_lines(settings)) == {"ok": 6, f"failed:http_{status}": 4, "pending": 4}
        check_waiting(settings, api)
        assert collect_until_done(settings, api).state == "completed"
    check_books(settings)
    check_server(settings, api)


@pytest.mark.parametrize("mark", ["status 401", "status 429 insufficient_quota"])
def test_lines_that_tell_of_the_account_end_the_round(tmp_path: Path, database_url: str, mark: str) -> None:
    """No line was answered, or a code says so: nothing is lost, and the round ends with one clear line."""
    texts = [f"unsure [[once {mark}]] {n}" for n in range(4)]
    quota = [] if "401" in mark else texts_of(3)
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, [*quota, *texts])
        steps(api)
        with pytest.raises(ApiAccessError, match=r"the API takes no request in a batch \(http_4") as caught:
            collect(settings)
        assert "\n" not in str(caught.value)
        assert batch_states(settings) == {"collected": 1}
        check_waiting(settings, api)
        again = run(settings, tmp_path / "in.jsonl", engine())
        assert again.waiting == {"batch": 4}
        assert collect_until_done(settings, api).state == "completed"
    assert len(batch_lines(settings)) == len(texts) * 2 + len(quota)
    check_books(settings)
    check_server(settings, api)


def test_a_format_that_is_passed_over(
    tmp_path: Path, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """No answer has a value: all are billed, and asked for again with the schema in the prompt; then none is set aside."""
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, texts_of(5))
        steps(api)
        with changed_results(api) as entries:
            for entry in entries:
                entry["response"]["body"]["choices"][0]["message"]["content"] = "It is hard to tell."
        result = collect(settings)
        assert (result.waiting, result.quarantined) == ({"batch": 5}, 0)
        assert all("JSON" in body["messages"][0]["content"] for body in bodies(api))
        assert caplog.text.count("passes over response_format in batches") == 1
        done = collect_until_done(settings, api)
    assert (done.state, done.published) == ("completed", 5)
    assert outcomes(api_lines(settings)) == {"invalid_output:format_ignored": 5, "ok": 5}
    assert all(line.cost_nano > 0 for line in api_lines(settings))
    check_books(settings)
    check_server(settings, api)
