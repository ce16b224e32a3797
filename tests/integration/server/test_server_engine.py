"""The engine over a server that misbehaves: what becomes of a record, and when the server counts as dead."""

import threading
import time
from collections.abc import Iterator

import pytest

from models.errors import EngineDied, EngineStartError, PromptTooLong
from models.ids import new_id
from models.requests import Completion, FreeText, Message, Request
from tests.faulty_api import FaultyApi, Rule
from tests.integration.api.harness import closed_port
from tests.integration.server.conftest import MakeServerEngine
from tests.integration.server.harness import ENRICHMENT, MODEL, fates, request, requests

COUNT = 30
WINDOW = 16


def test_every_request_is_answered(make_engine: MakeServerEngine) -> None:
    """With value, usage and confidence as the server reports them; the schema is enforced there, and nothing is sampled."""
    with FaultyApi() as api:
        done = list(make_engine(api.url).stream(requests(COUNT)))
    assert fates(done) == {str(number): "answered" for number in range(COUNT)}
    for one in done:
        assert one.value in {"negative", "neutral", "positive"}
        assert one.usage is not None
        assert one.usage.input_tokens > one.usage.cached_tokens > 0
        assert one.attempt is None, "only attempts on an API have a line of their own before they are sent"
        assert one.confidence == pytest.approx(1.0)
        assert one.engine_ns > 0
    (body,) = [seen.body for seen in api.seen if "record 7." in seen.body["messages"][-1]["content"]]
    assert (body["model"], body["temperature"], body["max_tokens"]) == (MODEL, 0, 16)
    assert body["response_format"]["json_schema"]["schema"]["properties"]["label"]["enum"]
    assert (body["logprobs"], body["top_logprobs"]) == (True, 20)


def test_objects_and_free_text(make_engine: MakeServerEngine) -> None:
    """An object comes as its value, with the mean confidence of its tokens; free text as it is."""
    text = request("say something", "text")
    free = Request(text.id, "text", text.messages, FreeText(), 40)
    with FaultyApi() as api:
        engine = make_engine(api.url)
        (thing,) = engine.stream(requests(1, ENRICHMENT))
        (said,) = engine.stream([free])
    assert isinstance(thing.value, dict)
    assert thing.confidence == pytest.approx(0.9)
    assert isinstance(said.value, str)
    assert "response_format" not in api.seen[-1].body


def test_identical_requests_are_asked_once(make_engine: MakeServerEngine) -> None:
    """The sliding window is that of every engine: a twin takes the answer of the first."""
    twins = [request("the same", str(number)) for number in range(5)]
    with FaultyApi() as api:
        done = list(make_engine(api.url).stream(twins))
    assert len(api.seen) == 1
    assert sum(one.reuses is not None for one in done) == 4


def test_no_more_are_in_flight_than_set(make_engine: MakeServerEngine) -> None:
    """`server_concurrency` bounds what the server has at one time."""
    with FaultyApi(latency=0.02) as api:
        list(make_engine(api.url, concurrency=3).stream(requests(COUNT)))
    assert api.most_at_once == 3


@pytest.mark.parametrize("fault", ["too_long", "too_long_vllm", "413"])
def test_a_prompt_that_is_too_long_without_its_record(make_engine: MakeServerEngine, fault: str) -> None:
    """Labels or a prompt that alone exceed the server's model are one line, and not a rejection of each record."""
    with (
        FaultyApi([Rule((fault,), forever=True)]) as api,
        pytest.raises(
            PromptTooLong, match="the prompt alone is longer than the server's model takes"
        ) as caught,
    ):
        list(make_engine(api.url).stream(requests(COUNT)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "becomes"),
    [
        ("429:0.01", "answered"),
        ("503", "answered"),
        ("500", "answered"),
        ("close", "answered"),
        ("cut", "answered"),
        ("reset", "answered"),
        ("hang", "answered"),
        ("invalid_json", "answered"),
        ("truncated_json", "answered"),
        ("not_chat", "answered"),
        ("empty_choices", "answered"),
        ("too_long", "too_long:longer than the server's model takes"),
        ("too_long_vllm", "too_long:longer than the server's model takes"),
        ("413", "too_long:longer than the server's model takes"),
        ("400", "refused:http_400"),
        ("422", "refused:http_422"),
        ("filtered", "refused:content_filter"),
        ("refusal", "refused:refusal"),
        ("nonsense", "invalid"),
        ("cut_short", "invalid"),
        ("fenced", "answered"),
        ("no_usage", "answered"),
        ("zero_usage", "answered"),
        ("think", "answered"),
        ("prose", "answered"),
        ("hiccup:502", "answered"),
        ("hiccup", "answered"),
        ("json_validate_failed", "answered"),
        ("ended:SAFETY", "refused:content_filter"),
    ],
)
def test_a_fault_once_harms_one_record_at_most(
    make_engine: MakeServerEngine, fault: str, becomes: str
) -> None:
    """What may pass is tried again; what is about the record is the record's, and every other one is answered."""
    with FaultyApi([Rule((fault,), match="record 7.")]) as api:
        done = list(make_engine(api.url, timeout_seconds=0.4).stream(requests(COUNT)))
    expected = {str(number): "answered" for number in range(COUNT)} | {"7": becomes}
    assert fates(done) == expected


@pytest.mark.parametrize(
    ("fault", "becomes"),
    [
        ("500", "refused:http_500"),
        ("hang", "refused:timeout"),
        ("close", "refused:cut_off"),
        ("invalid_json", "invalid"),
        ("not_chat", "invalid"),
        ("empty_choices", "invalid"),
    ],
)
@pytest.mark.parametrize("place", [7, COUNT - 1])
def test_a_record_that_no_server_survives_is_set_aside(
    make_engine: MakeServerEngine, fault: str, becomes: str, place: int
) -> None:
    """It is tried three times; the server still gives a token, so it is the record's fault, also if it is the last."""
    with FaultyApi([Rule((fault,), match=f"record {place}.", forever=True)]) as api:
        done = list(make_engine(api.url, timeout_seconds=0.4).stream(requests(COUNT)))
    assert fates(done) == {str(number): "answered" for number in range(COUNT)} | {str(place): becomes}
    tried = [seen for seen in api.seen if f"record {place}." in seen.body["messages"][-1]["content"]]
    assert len(tried) == 3
    alive = [seen.body for seen in api.seen if seen.body["messages"][-1]["content"] == "Hello"]
    assert [one["max_tokens"] for one in alive] == [1]


@pytest.mark.parametrize("fault", ["500", "hang", "close", "invalid_json", "401", "404", "301"])
def test_a_server_that_answers_nothing_any_more_has_died(make_engine: MakeServerEngine, fault: str) -> None:
    """After it had answered: what had finished is kept, no record is blamed, and the line says what to look at."""
    with FaultyApi() as api:
        engine = make_engine(api.url, timeout_seconds=0.4)
        kept = list(engine.stream(requests(10)))
        api.rules.append(Rule((fault,), forever=True))
        done: list[Completion] = []
        with pytest.raises(EngineDied, match=r"the server 127\.0\.0\.1") as caught:
            done.extend(engine.stream(request(f"later {number}", str(number)) for number in range(10)))
    assert "\n" not in str(caught.value)
    assert len(kept) == 10
    assert done == []


def test_what_had_finished_is_returned_before_the_death(make_engine: MakeServerEngine) -> None:
    """The error comes once every completion that there is was taken."""
    with FaultyApi([Rule(("hang",), match="record 3.", forever=True)]) as api:
        engine = make_engine(api.url, timeout_seconds=0.3)
        done: list[Completion] = []

        def consume() -> None:
            for one in engine.stream(requests(8)):
                done.append(one)
                api.rules.append(Rule(("500",), forever=True))

        with pytest.raises(EngineDied):
            consume()
    assert set(fates(done).values()) == {"answered"}


def test_a_server_that_went_away_has_died(make_engine: MakeServerEngine) -> None:
    """Nobody listens any more: three attempts are enough to know."""
    with FaultyApi() as api:
        engine = make_engine(api.url)
        list(engine.stream(requests(3)))
    with pytest.raises(EngineDied, match=r"does not answer \(connect\)"):
        list(engine.stream([request("later")]))


def test_a_server_at_its_limit_is_waited_for(make_engine: MakeServerEngine) -> None:
    """However often it says so, while it answers others; one that says nothing else for too long has died."""
    with FaultyApi([Rule(("429:0.01",) * 20, match="record 7.")]) as api:
        assert set(fates(list(make_engine(api.url).stream(requests(COUNT)))).values()) == {"answered"}
    with FaultyApi([Rule(("503",), forever=True)]) as api, pytest.raises(EngineDied, match="http_503"):
        list(make_engine(api.url, timeout_seconds=0.3).stream(requests(2)))


@pytest.mark.parametrize("fault", ["400", "422", "500", "invalid_json"])
def test_a_server_that_answers_no_record_is_not_the_records_fault(
    make_engine: MakeServerEngine, fault: str
) -> None:
    """Where it refuses each of them from the start, none is set aside: the settings are named."""
    with FaultyApi([Rule((fault,), match="record", forever=True)]) as api:
        done: list[Completion] = []
        with pytest.raises(EngineDied, match="BREAKEVEN_SERVER_STRUCTURED_OUTPUT"):
            done.extend(make_engine(api.url).stream(requests(COUNT)))
    assert done == []


@pytest.mark.parametrize(
    ("fault", "lacking"),
    [
        ("no_format:json_schema", "response_format"),
        ("no_field:seed", "seed"),
        ("no_field:logprobs", "logprobs"),
        ("vague:logprobs", "logprobs"),
        ("vague:response_format", "response_format"),
    ],
)
def test_what_the_server_does_not_know_is_left_out(
    make_engine: MakeServerEngine, fault: str, lacking: str
) -> None:
    """Learnt from its first refusals, also from one that names nothing; no record is lost."""
    with FaultyApi([Rule((fault,), forever=True)]) as api:
        done = list(make_engine(api.url).stream(requests(COUNT)))
    assert set(fates(done).values()) == {"answered"}
    bodies = [seen.body for seen in api.seen if seen.status == 200]
    if fault.startswith("no_format"):
        assert {body["response_format"]["type"] for body in bodies} == {"json_object"}
    else:
        assert not [body for body in bodies if lacking in body]
    assert {one.confidence is None for one in done} == {lacking == "logprobs"}
    forms = 4 if fault == "vague:response_format" else 1
    refused = [seen for seen in api.seen if seen.status == 400]
    assert len(refused) <= forms * WINDOW, (
        "requests that came after the first answer are asked in the old form"
    )


@pytest.mark.parametrize("structured", ["json_object", "none"])
def test_a_server_without_schemas(make_engine: MakeServerEngine, structured: str) -> None:
    """The shape is put into the prompt, as for an API."""
    with FaultyApi() as api:
        done = list(make_engine(api.url, structured_output=structured).stream(requests(5)))
    assert set(fates(done).values()) == {"answered"}
    assert api.seen[0].body.get("response_format", {"type": "none"}) == {"type": structured}


def test_template_arguments_are_passed_on(make_engine: MakeServerEngine) -> None:
    """Servers such as vLLM and llama.cpp take them for each request, such as a model that would think."""
    with FaultyApi() as api:
        list(make_engine(api.url, chat_template_kwargs={"enable_thinking": False}).stream(requests(1)))
    assert api.seen[0].body["chat_template_kwargs"] == {"enable_thinking": False}


def test_a_prompt_that_the_server_cuts_is_told_of(
    make_engine: MakeServerEngine, caplog: pytest.LogCaptureFixture
) -> None:
    """Ollama answers a prompt beyond its context as if nothing had happened, but reports few tokens: one warning a run."""
    with FaultyApi() as api:
        engine = make_engine(api.url)
        list(engine.stream([request("plain words that are long enough " * 300, "whole")]))
        assert caplog.messages == []
        list(engine.stream(request(f"{number}" + "x" * 30_000, str(number)) for number in range(3)))
    (said,) = caplog.messages
    assert "cuts long prompts" in said
    assert "xxx" not in said


def test_a_record_without_text_is_not_asked(make_engine: MakeServerEngine) -> None:
    """As with vLLM: there is nothing to answer."""
    with FaultyApi() as api:
        empty = Request(new_id(), "k", (Message("user", " \n "),), FreeText(), 4)
        assert fates(list(make_engine(api.url).stream([empty]))) == {"k": "empty:the prompt has no user text"}
    assert api.seen == []


def test_a_stop_abandons_what_is_in_flight(make_engine: MakeServerEngine) -> None:
    """The stream ends at once, and the engine answers the next one."""
    stopped = threading.Event()

    def endless() -> Iterator[Request]:
        for number in range(10**6):
            if number == 20:
                stopped.set()
            yield request(f"late {number}", str(number))

    with FaultyApi([Rule(("hang",), match="late 1", forever=True)]) as api:
        engine = make_engine(api.url, timeout_seconds=60, lookahead=1)
        since = time.monotonic()
        list(engine.stream(endless(), stop=stopped.is_set))
        assert time.monotonic() - since < 30, "it waited for a request that hangs"
        assert len(list(engine.stream([request("next")]))) == 1


def test_its_time_is_that_of_requests_in_flight(make_engine: MakeServerEngine) -> None:
    """Side by side they cost the wall clock once; nothing is loaded, and idle time is not ours."""
    with FaultyApi(latency=0.2) as api:
        engine = make_engine(api.url)
        assert engine.lap().total_ns == 0
        since = time.monotonic_ns()
        list(engine.stream(requests(8)))
        wall = time.monotonic_ns() - since
        time.sleep(0.1)
        lap = engine.lap()
    assert (lap.load_ns, lap.idle_ns) == (0, 0)
    assert 0.2e9 <= lap.busy_ns <= wall
    assert engine.lap().total_ns == 0


def test_a_closed_engine_cannot_stream(make_engine: MakeServerEngine) -> None:
    """As every engine."""
    with FaultyApi() as api:
        engine = make_engine(api.url)
        engine.close()
        engine.close()
        with pytest.raises(EngineDied, match="closed"):
            list(engine.stream(requests(1)))


# --- the start


def test_nobody_listens(make_engine: MakeServerEngine) -> None:
    """One line: start it, or correct the address."""
    with pytest.raises(EngineStartError, match=r"does not answer \(connect\): start it") as caught:
        make_engine(closed_port())
    assert "BREAKEVEN_SERVER_URL" in str(caught.value)


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, "BREAKEVEN_SERVER_KEY"),
        (403, "BREAKEVEN_SERVER_KEY"),
        (307, "elsewhere"),
        (503, "still be loading"),
    ],
)
def test_a_server_that_does_not_list_its_models_for_a_reason(
    make_engine: MakeServerEngine, status: int, says: str
) -> None:
    """It wants a key, is elsewhere, or not ready: the engine does not start, and a redirect is not followed."""
    with FaultyApi(models=status) as api, pytest.raises(EngineStartError, match=says):
        make_engine(api.url)


def test_a_server_without_a_list(make_engine: MakeServerEngine) -> None:
    """Is asked all the same."""
    with FaultyApi(models=404) as api:
        assert len(list(make_engine(api.url).stream(requests(1)))) == 1


def test_a_model_that_it_does_not_have(make_engine: MakeServerEngine) -> None:
    """The line names those that it has: an answer of another model would stand under a false name in the ledger."""
    said = r"no model 'test-model'.*BREAKEVEN_MODEL.*qwen3:8b, llama3\.1:8b"
    with FaultyApi(models=["qwen3:8b", "llama3.1:8b"]) as api, pytest.raises(EngineStartError, match=said):
        make_engine(api.url)
    with FaultyApi(models=["test-model:latest"]) as api:
        make_engine(api.url)


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_no_proxy_of_the_environment_is_asked(
    make_engine: MakeServerEngine, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """Records that must stay would leave by it; list and records go to the server itself."""
    with FaultyApi() as proxy, FaultyApi() as api:
        monkeypatch.setenv(variable, proxy.url.removesuffix("/v1"))
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        proxy.models = 403
        list(make_engine(api.url).stream(requests(3)))
    assert (len(api.seen), proxy.seen) == (3, [])


def test_the_key_is_sent_and_never_shown(make_engine: MakeServerEngine) -> None:
    """It stands in the header, and in no repr."""
    from pydantic import SecretStr  # noqa: PLC0415

    with FaultyApi() as api:
        engine = make_engine(api.url)
        list(engine.stream(requests(1)))
        assert api.seen[0].authorization == "Bearer no-key-is-set"
    assert "KEY" not in repr(type(engine.options)(engine.options.address, SecretStr("KEY"), MODEL))
