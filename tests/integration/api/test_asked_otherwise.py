"""An endpoint that wants to be asked otherwise, or denies single requests: found out, said once, and kept to."""

import logging

import pytest

from models.engines.api import probation
from models.engines.api.engine import OpenAIEngine
from models.errors import ApiAccessError
from models.requests import Completion
from tests.faulty_api import FaultyApi, Rule
from tests.faulty_replies import QUOTE
from tests.integration.api.conftest import MakeEngine
from tests.integration.api.harness import KEY, Book, check_books, fate, request

TEXTS = [f"text {i}" for i in range(12)]


@pytest.fixture(autouse=True)
def _held_for_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold what is undecided for less than two seconds."""
    monkeypatch.setattr(probation, "HOLD_SECONDS", 0.2)


def ask(engine: OpenAIEngine, book: Book, texts: list[str]) -> dict[str, Completion]:
    """Ask for all texts, settle their completions, and return them by text."""
    done = list(engine.stream([request(text, text) for text in texts]))
    book.settle(done)
    return {one.request.record_key: one for one in done}


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what the engine warned of."""
    return [record.getMessage() for record in caplog.records if record.name.startswith("models")]


@pytest.mark.parametrize(
    ("says", "status", "gone"),
    [
        ("mistral_seed", 422, {"seed"}),
        ("mistral_text", 422, {"seed"}),
        ("fastapi_seed", 422, {"seed"}),
        ("litellm_seed", 400, {"seed"}),
        ("litellm_500", 500, {"seed"}),
        ("openai_seed", 400, {"seed"}),
        ("google_seed", 400, {"seed"}),
        ("groq_seed", 400, {"seed"}),
        ("vague_seed", 400, {"seed"}),
        ("vague_temperature", 400, {"seed", "temperature"}),
        ("groq_format", 400, set()),
        ("openrouter_seed", 404, {"seed"}),
        ("openrouter_outputs", 404, set()),
    ],
)
def test_a_refused_field_is_left_out(
    make_engine: MakeEngine, caplog: pytest.LogCaptureFixture, says: str, status: int, gone: set[str]
) -> None:
    """Wherever it is named, or nowhere: every record is answered, with few refusals, and each field is warned of once."""
    book = Book()
    with FaultyApi([Rule((f"says:{says}",), forever=True)]) as api, caplog.at_level(logging.WARNING):
        done = ask(make_engine(api, book, concurrency=2, max_attempts=1), book, TEXTS)
        check_books(book, api)
        last = api.seen[-1].body
    assert {fate(one) for one in done.values()} == {"published"}
    assert not gone & last.keys()
    assert {"temperature", "seed"} - gone <= last.keys()
    refused = [closed for closed in book.closed.values() if closed.outcome != "ok"]
    assert {(closed.outcome, closed.failure) for closed in refused} == {("failed", f"http_{status}")}
    assert len(refused) <= 5
    assert len(warnings_of(caplog)) == max(1, len(gone))
    assert QUOTE not in caplog.text


def test_parameters_that_are_not_named_may_be_the_format(make_engine: MakeEngine) -> None:
    """OpenRouter's 404 with `require_parameters`: what helps is found out, and the model's name is not blamed."""
    book = Book()
    with FaultyApi([Rule(("says:openrouter_format",), forever=True)]) as api:
        done = ask(make_engine(api, book, concurrency=2, max_attempts=1), book, TEXTS)
        check_books(book, api)
    assert {fate(one) for one in done.values()} == {"published"}
    assert api.seen[-1].body["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize("says", ["system", "template", "developer"])
def test_a_refused_system_role_is_folded_into_the_first_user_message(
    make_engine: MakeEngine, caplog: pytest.LogCaptureFixture, says: str
) -> None:
    """A chat template or provider without the role gets the same text in a user message."""
    book = Book()
    with FaultyApi([Rule((f"says:{says}",), forever=True)]) as api, caplog.at_level(logging.WARNING):
        done = ask(make_engine(api, book, concurrency=1), book, TEXTS)
        first, last = api.seen[0].body["messages"], api.seen[-1].body["messages"]
    assert {fate(one) for one in done.values()} == {"published"}
    assert "system" not in [message["role"] for message in last]
    assert last[0]["role"] == "user"
    assert last[0]["content"].startswith(first[0]["content"])
    (line,) = warnings_of(caplog)
    assert "system role" in line


def test_vague_refusals_are_the_settings_fault_after_one_try_without_each_field(
    make_engine: MakeEngine,
) -> None:
    """Each try has its line; then the run fails with one line that names the settings, and nothing is quarantined."""
    book = Book()
    with FaultyApi([Rule(("400:odd_value",), forever=True)]) as api:
        engine = make_engine(api, book, concurrency=2)
        with pytest.raises(ApiAccessError, match="BREAKEVEN_API_OMIT_FIELDS") as caught:
            ask(engine, book, TEXTS)
        sent = [(seen.body.keys() >= {"seed"}, seen.body.keys() >= {"temperature"}) for seen in api.seen]
    assert sent[-2:] == [(False, True), (False, False)]
    assert 3 <= sent.count((True, True)) <= 4
    assert len(sent) == len(book.lines)
    assert "\n" not in str(caught.value)
    assert "EXTRA_BODY" not in str(caught.value)


def test_a_field_of_ones_own_may_be_what_is_refused(make_engine: MakeEngine) -> None:
    """Where a setting adds fields, the run's one line names that setting too."""
    with FaultyApi([Rule(("vague:top_k",), forever=True)]) as api:
        engine = make_engine(api, Book(), extra_body={"top_k": 1})
        with pytest.raises(ApiAccessError, match="BREAKEVEN_API_EXTRA_BODY"):
            list(engine.stream([request(text, text) for text in TEXTS]))


@pytest.mark.parametrize(
    ("fault", "status"), [("bad_key", 401), ("no_model", 404), ("402", 402), ("405", 405)]
)
def test_a_passing_denial_is_tried_again(make_engine: MakeEngine, fault: str, status: int) -> None:
    """Once others were answered, a 401 or 404 of one request is an attempt like any other."""
    book = Book()
    with FaultyApi([Rule((fault,), match="text 6")]) as api:
        done = ask(make_engine(api, book, concurrency=1), book, TEXTS)
        check_books(book, api)
    assert {fate(one) for one in done.values()} == {"published"}
    assert book.of_record("text 6") == [f"failed:http_{status}", "ok"]


@pytest.mark.parametrize(
    ("fault", "detail", "lines"),
    [
        ("403", "http_403", 1),
        ("no_model", "http_404 model_not_found", 3),
        ("bad_key", "http_401 invalid_api_key", 3),
    ],
)
def test_a_denial_that_stays_is_the_records_own(
    make_engine: MakeEngine, fault: str, detail: str, lines: int
) -> None:
    """A 403, or another denial at every attempt, sets that record aside with status and code; also where it is the last one."""
    for place in ("text 6", TEXTS[-1]):
        book = Book()
        with FaultyApi([Rule((fault,), match=place, forever=True)]) as api:
            done = ask(make_engine(api, book, concurrency=1, max_attempts=3), book, TEXTS)
            check_books(book, api)
        poison = done.pop(place)
        assert (poison.rejection, poison.detail) == ("refused", detail)
        assert len(book.of_record(place)) == lines
        assert {fate(one) for one in done.values()} == {"published"}


@pytest.mark.parametrize(
    ("fault", "ended"),
    [
        ("403", ["failed:http_403"]),
        ("no_model", ["failed:http_404", "ok"]),
        ("bad_key", ["failed:http_401", "ok"]),
    ],
)
def test_a_denial_that_comes_before_the_first_answer_waits_for_it(
    make_engine: MakeEngine, fault: str, ended: list[str]
) -> None:
    """A gateway denies faster than a model answers: others under way show that it is the record's own."""
    book = Book()
    once = Rule((fault,), match="text 0", forever=fault == "403")
    with FaultyApi([once, Rule(("late:0.1",), forever=True)]) as api:
        done = ask(make_engine(api, book, concurrency=4), book, TEXTS)
        check_books(book, api)
    assert book.of_record("text 0") == ended
    assert {fate(one) for key, one in done.items() if key != "text 0"} == {"published"}


@pytest.mark.parametrize(
    ("fault", "setting"), [("bad_key", "BREAKEVEN_API_KEY"), ("403", "BREAKEVEN_API_MODEL")]
)
def test_a_key_that_is_withdrawn_ends_the_run(make_engine: MakeEngine, fault: str, setting: str) -> None:
    """Several denials in a row without an answer between: one line names the setting, and no record is set aside."""
    book = Book()
    with FaultyApi([Rule((*("ok",) * 6, *(fault,) * 99))]) as api:
        done: list[Completion] = []
        with pytest.raises(ApiAccessError, match=setting) as caught:
            done.extend(
                make_engine(api, book, concurrency=4).stream(
                    [request(f"text {i}", f"text {i}") for i in range(60)]
                )
            )
        denied = [seen for seen in api.seen if seen.fault == fault]
    assert KEY not in str(caught.value)
    assert not any(one.rejection for one in done)
    assert 3 <= len(denied) <= 8


def test_a_quota_that_is_used_up_ends_the_run_at_once(make_engine: MakeEngine) -> None:
    """Codes of the account are believed, however many were answered before."""
    book = Book()
    with (
        FaultyApi([Rule(("quota",), match="text 6")]) as api,
        pytest.raises(ApiAccessError, match="add credit"),
    ):
        ask(make_engine(api, book, concurrency=1), book, TEXTS)


def test_a_flagged_text_is_refused_even_before_anything_was_answered(make_engine: MakeEngine) -> None:
    """A 403 that says moderation is the record's, from the first request on."""
    book = Book()
    with FaultyApi([Rule(("says:flagged_403",), match="text 0")]) as api:
        done = ask(make_engine(api, book, concurrency=1), book, TEXTS)
    assert (done["text 0"].rejection, done["text 0"].detail) == ("refused", "content_filter")
    assert {fate(one) for key, one in done.items() if key != "text 0"} == {"published"}


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_format_that_is_passed_over_is_noticed(
    make_engine: MakeEngine, caplog: pytest.LogCaptureFixture, concurrency: int
) -> None:
    """Prose for every record: the schema goes into the prompt, the first ones are billed and asked again, once each."""
    book = Book()
    with FaultyApi([Rule(("ignores_format",), forever=True)]) as api, caplog.at_level(logging.WARNING):
        done = ask(make_engine(api, book, concurrency=concurrency), book, TEXTS)
        check_books(book, api)
        last = api.seen[-1].body
    assert {fate(one) for one in done.values()} == {"published"}
    assert last["response_format"]["type"] == "json_schema"
    assert "JSON" in last["messages"][0]["content"]
    ignored = [closed for closed in book.closed.values() if closed.failure == "format_ignored"]
    assert {closed.outcome for closed in ignored} == {"ok"}
    assert all(closed.usage is not None for closed in ignored)
    assert 1 <= len(ignored) <= 3 + concurrency
    assert len(api.seen) == len(TEXTS) + len(ignored)
    assert len(warnings_of(caplog)) == 1


def test_one_answer_without_a_value_is_its_own_fault(
    make_engine: MakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    """Where others are readable, prose for one record is taken as it is: billed once, and no warning."""
    book = Book()
    with (
        FaultyApi([Rule(("nonsense",), match="text 0", forever=True)]) as api,
        caplog.at_level(logging.WARNING),
    ):
        done = ask(make_engine(api, book, concurrency=4), book, TEXTS)
    assert fate(done.pop("text 0")) == "quarantined:invalid_output"
    assert book.of_record("text 0") == ["ok"]
    assert {fate(one) for one in done.values()} == {"published"}
    assert warnings_of(caplog) == []


def test_a_single_record_tries_it_for_itself(make_engine: MakeEngine) -> None:
    """Where no other request can tell, it is asked once more with the schema; prose again is set aside, and nothing is learnt."""
    book = Book()
    with FaultyApi([Rule(("nonsense",), forever=True)]) as api:
        engine = make_engine(api, book)
        done = ask(engine, book, ["text 0"])
    assert fate(done["text 0"]) == "quarantined:invalid_output"
    assert book.of_record("text 0") == ["ok:format_ignored", "ok"]
    assert not engine.learnt.tells_schema


def test_what_was_learnt_before_is_kept_to_from_the_first_request(make_engine: MakeEngine) -> None:
    """An engine that begins with what another learnt is refused nothing."""
    book, again = Book(), Book()
    with FaultyApi([Rule(("says:mistral_seed",), forever=True)]) as api:
        engine = make_engine(api, book, concurrency=1)
        ask(engine, book, TEXTS)
        other = make_engine(api, again, concurrency=1, capabilities=engine.learnt)
        ask(other, again, TEXTS)
    assert {closed.outcome for closed in again.closed.values()} == {"ok"}
    assert engine.learnt.without == {"seed"}
