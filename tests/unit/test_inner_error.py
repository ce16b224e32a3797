"""An error inside a reply with status 200: judged by its code, with what it may have cost."""

from typing import Any

import pytest

from models.engines.api.chat_format import parse_answer
from models.engines.api.errors.inner_error import BROKEN, judge_body, judge_inner_error
from models.engines.api.replies import UNUSABLE, Meaning, Reply, judge
from tests.replies import reply, request

USAGE = {"prompt_tokens": 20, "completion_tokens": 0, "total_tokens": 20}
NOTHING = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


def in_choice(error: object, usage: object = None, **choice: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of a choice
    """Make a reply whose one choice broke."""
    made = {"message": {"role": "assistant", "content": ""}, "finish_reason": "error", "error": error}
    return {"choices": [made | choice], "usage": usage}


@pytest.mark.parametrize(
    ("body", "meaning", "outcome", "failure"),
    [
        (in_choice({"code": 502, "message": "x"}), Meaning.RETRY, "unknown_outcome", "http_502"),
        (in_choice({"code": "502"}), Meaning.RETRY, "unknown_outcome", "http_502"),
        (in_choice({"code": 502.0}), Meaning.RETRY, "unknown_outcome", "http_502"),
        (in_choice({"status": 500}), Meaning.RETRY, "unknown_outcome", "http_500"),
        (in_choice({"code": 503}), Meaning.RETRY, "failed", "http_503"),
        (in_choice({"code": 529}), Meaning.RETRY, "failed", "http_529"),
        (in_choice({"code": 429}), Meaning.RETRY, "failed", "http_429"),
        (in_choice({"code": 429}, NOTHING), Meaning.RETRY, "failed", "http_429"),
        (in_choice({"code": 429}, USAGE), Meaning.RETRY, "unknown_outcome", "http_429"),
        (in_choice({"code": 408}), Meaning.RETRY, "unknown_outcome", "http_408"),
        (in_choice({"code": "rate_limit_exceeded"}), Meaning.RETRY, "failed", "http_429"),
        (in_choice({"code": "overloaded_error"}), Meaning.RETRY, "failed", "http_503"),
        (in_choice({"type": "overloaded_error"}), Meaning.RETRY, "failed", "http_503"),
        (in_choice({"status": "UNAVAILABLE"}), Meaning.RETRY, "failed", "http_503"),
        (in_choice({"code": 400, "type": "context_length_exceeded"}), Meaning.REJECTED, "failed", "http_400"),
        (in_choice({"code": "content_filter"}), Meaning.REJECTED, "failed", "http_400"),
        (in_choice({"code": "data_inspection_failed"}), Meaning.REJECTED, "failed", "http_400"),
        (in_choice({"code": "ResponsibleAIPolicyViolation"}), Meaning.REJECTED, "failed", "http_400"),
        (in_choice({"type": "exceed_context_size_error"}), Meaning.REJECTED, "failed", "http_400"),
        (in_choice({"code": "insufficient_balance"}), Meaning.NO_ACCESS, "failed", "http_402"),
        (in_choice({"code": UNUSABLE}), Meaning.RETRY, "unknown_outcome", UNUSABLE),
        (in_choice({"code": 403, "metadata": {"reasons": ["x"]}}), Meaning.REJECTED, "failed", "http_403"),
        (in_choice({"code": 401}), Meaning.NO_ACCESS, "failed", "http_401"),
        (in_choice({"message": "the text of a record"}), Meaning.RETRY, "unknown_outcome", BROKEN),
        (in_choice("the text of a record"), Meaning.RETRY, "unknown_outcome", BROKEN),
        (in_choice(None), Meaning.RETRY, "unknown_outcome", BROKEN),
        (in_choice(None, finish_reason="network_error"), Meaning.RETRY, "unknown_outcome", BROKEN),
        (
            in_choice(None, finish_reason=None, native_finish_reason="ERROR"),
            Meaning.RETRY,
            "unknown_outcome",
            BROKEN,
        ),
        (in_choice({"code": 502}, finish_reason="stop"), Meaning.RETRY, "unknown_outcome", "http_502"),
        ({"error": {"code": 429, "message": "x"}}, Meaning.RETRY, "failed", "http_429"),
        ({"error": {"code": 502}, "usage": USAGE}, Meaning.RETRY, "unknown_outcome", "http_502"),
        ({"error": {"code": 502}, "choices": []}, Meaning.RETRY, "unknown_outcome", "http_502"),
        ({"error": {"message": "the text of a record"}}, Meaning.RETRY, "unknown_outcome", BROKEN),
        ({"error": "rate_limit_exceeded"}, Meaning.RETRY, "failed", "http_429"),
        ({"object": "error", "code": 400, "message": "x"}, Meaning.REFUSED, "failed", "http_400"),
        ({"code": 500, "msg": "x", "success": False}, Meaning.RETRY, "unknown_outcome", "http_500"),
        (reply("") | {"error": {"code": 502}}, Meaning.RETRY, "unknown_outcome", "http_502"),
    ],
)
def test_an_error_in_the_place_of_an_answer(
    body: dict[str, Any], meaning: Meaning, outcome: str, failure: str
) -> None:
    """As if its code were the status; `failed` only where that says that nothing was done, and no usage came along."""
    verdict = judge_inner_error(body)
    assert verdict is not None
    assert (verdict.meaning, verdict.outcome, verdict.failure) == (meaning, outcome, failure)
    assert "record" not in repr(verdict)


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"choices": []},
        reply("neutral"),
        reply("neutral", error=None),
        reply("neutral", error={}),
        reply("neutral", error={"message": "", "type": "", "code": None}),
        reply("neutral") | {"code": 0, "message": "success", "error": None},
        reply(""),
        reply(None),
    ],
)
def test_no_error(body: object) -> None:
    """An answer with an empty error beside it is one, and what is no reply at all is judged elsewhere."""
    assert judge_inner_error(body) is None


def test_a_broken_body_without_an_error() -> None:
    """It is malformed, as before; an error that it holds says more."""
    assert judge_body(reply("neutral"), None) is None
    broken, told = judge_body({}, "wrong_schema"), judge_body({"error": {"code": 429}}, "wrong_schema")
    assert (broken and broken.failure, told and told.failure) == ("wrong_schema", "http_429")


@pytest.mark.parametrize(
    "reason",
    [
        "content_filter",
        "SAFETY",
        "RECITATION",
        "PROHIBITED_CONTENT",
        "BLOCKLIST",
        "SPII",
        "content_filtered",
        "guardrail_intervened",
        "sensitive",
        "moderation",
        "refusal",
        "content-filter",
        "FinishReason.SAFETY",
        "FINISH_REASON_SAFETY",
        "ContentFiltered",
        "MODEL_ARMOR",
        "LANGUAGE",
        "content_policy_violation",
        "guardrails",
    ],
)
@pytest.mark.parametrize("field", ["finish_reason", "native_finish_reason"])
def test_reasons_that_are_refusals(reason: str, field: str) -> None:
    """However a provider calls it, and also where a gateway calls it something else."""
    body = reply("")
    body["choices"][0][field] = reason
    parsed = parse_answer(request(), body)
    assert (parsed.rejection, parsed.detail, parsed.value) == ("refused", "content_filter", None)


@pytest.mark.parametrize(
    "reason", ["length", "MAX_TOKENS", "max_tokens", "model_length", "max_output_tokens"]
)
def test_reasons_that_are_the_token_limit(reason: str) -> None:
    """All of them end in `length`; without a text, and within reasoning, the limit was used up by it."""
    for content, rejection in (("", "reasoning_limit"), ("<think>so", "reasoning_limit"), ("neut", None)):
        body = reply(content)
        body["choices"][0]["finish_reason"] = reason
        parsed = parse_answer(request(), body)
        assert (parsed.finish_reason, parsed.rejection, parsed.value) == ("length", rejection, None)


def test_an_answer_that_groq_found_unusable() -> None:
    """It is asked for again, nobody knows whether it was billed, and the settings are not at fault."""
    verdict = judge(Reply(400, code=UNUSABLE, kind="invalid_request_error"))
    assert (verdict.meaning, verdict.outcome, verdict.failure) == (Meaning.RETRY, "unknown_outcome", UNUSABLE)
    assert not verdict.down
