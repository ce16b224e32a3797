"""What a reply means: told by type, status and code, and never by the text of a message."""

import pytest

from models.engines.api.capabilities import EndpointCapabilities
from models.engines.api.replies import Meaning, Reply, error_reply, judge, malformed_reply, no_access


def refused(status: int, code: str | None = None, param: str | None = None, kind: str | None = None) -> Reply:
    """Make an error reply."""
    return Reply(status, code=code, param=param, kind=kind)


@pytest.mark.parametrize(
    ("reply", "meaning", "outcome", "failure", "down"),
    [
        (Reply(200), Meaning.ANSWERED, "ok", None, False),
        (Reply(failure="connect", sent=False), Meaning.RETRY, "failed", "connect", True),
        (Reply(failure="timeout"), Meaning.RETRY, "unknown_outcome", "timeout", True),
        (refused(500), Meaning.RETRY, "failed", "http_500", True),
        (refused(529), Meaning.RETRY, "failed", "http_529", True),
        (refused(429), Meaning.RETRY, "failed", "http_429", False),
        (refused(429, "rate_limit_exceeded"), Meaning.RETRY, "failed", "http_429", False),
        (refused(408), Meaning.RETRY, "unknown_outcome", "http_408", True),
        (refused(409), Meaning.RETRY, "failed", "http_409", False),
        (refused(425), Meaning.RETRY, "failed", "http_425", False),
        (refused(499), Meaning.RETRY, "unknown_outcome", "http_499", True),
        (refused(502), Meaning.RETRY, "unknown_outcome", "http_502", True),
        (refused(503), Meaning.RETRY, "failed", "http_503", True),
        (refused(504), Meaning.RETRY, "unknown_outcome", "http_504", True),
        (refused(520), Meaning.RETRY, "unknown_outcome", "http_520", True),
        (refused(521), Meaning.RETRY, "failed", "http_521", True),
        (refused(522), Meaning.RETRY, "unknown_outcome", "http_522", True),
        (refused(523), Meaning.RETRY, "failed", "http_523", True),
        (refused(524), Meaning.RETRY, "unknown_outcome", "http_524", True),
        (refused(598), Meaning.RETRY, "unknown_outcome", "http_598", True),
        (refused(429, "insufficient_quota"), Meaning.NO_ACCESS, "failed", "http_429", False),
        (refused(400, "billing_hard_limit_reached"), Meaning.NO_ACCESS, "failed", "http_400", False),
        (refused(302), Meaning.NO_ACCESS, "failed", "http_302", False),
        (refused(400), Meaning.REFUSED, "failed", "http_400", False),
        (refused(422, "422"), Meaning.REFUSED, "failed", "http_422", False),
    ],
)
def test_meaning(reply: Reply, meaning: Meaning, outcome: str, failure: str | None, down: bool) -> None:
    """What is tried again, what ends the run, what is billed, and what counts against the endpoint."""
    verdict = judge(reply)
    assert (verdict.meaning, verdict.outcome) == (meaning, outcome)
    assert (verdict.failure, verdict.down) == (failure, down)


@pytest.mark.parametrize(
    ("reply", "rejection", "detail"),
    [
        (
            refused(400, "context_length_exceeded", "messages"),
            "too_long",
            "longer than the API's model takes",
        ),
        (
            refused(400, "400", "input_tokens", "BadRequestError"),
            "too_long",
            "longer than the API's model takes",
        ),
        (
            refused(400, "400", None, "exceed_context_size_error"),
            "too_long",
            "longer than the API's model takes",
        ),
        (refused(413), "too_long", "longer than the API's model takes"),
        (refused(400, "content_filter"), "refused", "content_filter"),
        (refused(403, "content_policy_violation"), "refused", "content_filter"),
        (refused(400, "invalid_value", "messages"), "refused", "http_400 invalid_value"),
        (refused(400, "my flight is late"), "refused", "http_400"),
        (refused(400, "400", "max_tokens", "BadRequestError"), "refused", "http_400"),
    ],
)
def test_rejections(reply: Reply, rejection: str, detail: str) -> None:
    """The reason and detail that the record's quarantine shows; a code that could be a text is left out."""
    verdict = judge(reply)
    assert (verdict.rejection, verdict.detail) == (rejection, detail)


def test_a_broken_answer_may_have_been_billed() -> None:
    """A 200 that cannot be read is tried again, and its attempt's outcome is not known."""
    verdict = malformed_reply("empty_choices")
    assert (verdict.meaning, verdict.outcome, verdict.down) == (Meaning.RETRY, "unknown_outcome", True)


def test_the_manner_steps_down_and_ends() -> None:
    """json_schema, json_object, none; then nothing is left to change. A field is left out once."""
    format_refused = judge(refused(400, None, "response_format.type"))
    capabilities = EndpointCapabilities("json_schema")
    steps = []
    while (lower := capabilities.step_down(format_refused)) is not None:
        capabilities = lower
        steps.append(capabilities.structured)
    assert steps == ["json_object", "none"]
    field_refused = judge(refused(400, "unsupported_value", "temperature"))
    without = capabilities.step_down(field_refused)
    assert without == EndpointCapabilities("none", frozenset({"temperature"}))
    assert without.step_down(field_refused) is None
    assert capabilities.step_down(judge(refused(400))) is None


@pytest.mark.parametrize(
    ("reply", "setting"),
    [
        (refused(401), "BREAKEVEN_API_KEY"),
        (refused(403), "BREAKEVEN_API_MODEL"),
        (refused(404), "BREAKEVEN_API_MODEL"),
        (refused(405), "BREAKEVEN_API_BASE_URL"),
        (refused(307), "BREAKEVEN_API_BASE_URL"),
        (refused(402), "add credit"),
        (refused(429, "insufficient_quota"), "add credit"),
        (refused(400, "billing_hard_limit_reached"), "add credit"),
    ],
)
def test_the_line_for_the_user_says_what_to_set(reply: Reply, setting: str) -> None:
    """One line with host, status and what to do."""
    line = no_access(reply, "api.example.org", "gpt-x")
    assert setting in line
    assert "api.example.org" in line
    assert f"http_{reply.status}" in line
    assert "\n" not in line


def test_a_model_that_is_gone_is_told_with_its_successor() -> None:
    """A 404 for a model whose end is known says when it left and what takes its place; of another it says nothing."""
    gone = no_access(refused(404), "api.openai.com", "gpt-4.1-nano-2025-04-14")
    assert "left OpenAI's API on 2026-10-23" in gone
    assert "BREAKEVEN_API_MODEL=gpt-5.6-luna" in gone
    assert "OpenAI's API" not in no_access(refused(404), "api.openai.com", "gpt-6-luna")


def worded(status: int, message: str) -> Reply:
    """Make an error reply that says it in words alone."""
    return error_reply(status, {"error": {"message": message, "type": "error", "param": None, "code": None}})


@pytest.mark.parametrize(
    ("reply", "meaning", "fields"),
    [
        (worded(400, "Unrecognized request argument supplied: seed"), Meaning.OTHER_FIELDS, ("seed",)),
        (worded(500, "ollama does not support parameters: {'seed': 1}"), Meaning.OTHER_FIELDS, ("seed",)),
        (
            error_reply(422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "no"}]}),
            Meaning.OTHER_FIELDS,
            ("seed",),
        ),
        (worded(400, "System role not supported"), Meaning.OTHER_ROLES, ()),
        (worded(500, "Conversation roles must alternate user/assistant"), Meaning.OTHER_ROLES, ()),
        (worded(400, "This model does not support response format `json_schema`."), Meaning.OTHER_FORMAT, ()),
        (worded(503, "seed is not supported"), Meaning.RETRY, ()),
        (worded(429, "Limit 30. Please try again in 2s"), Meaning.RETRY, ()),
        (worded(429, "Request too large for gpt-x on tokens per min"), Meaning.REJECTED, ()),
        (worded(403, "Content violates usage guidelines."), Meaning.REJECTED, ()),
        (worded(400, "Your input was flagged"), Meaning.REJECTED, ()),
        (worded(403, "You have no right to this model"), Meaning.NO_ACCESS, ()),
        (
            error_reply(
                400, {"error": {"code": "x", "innererror": {"code": "ResponsibleAIPolicyViolation"}}}
            ),
            Meaning.REJECTED,
            (),
        ),
        (error_reply(429, [{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}]), Meaning.RETRY, ()),
    ],
)
def test_meaning_of_words(reply: Reply, meaning: Meaning, fields: tuple[str, ...]) -> None:
    """Where neither code nor parameter says it, fixed words do; none of the text is kept."""
    verdict = judge(reply)
    assert (verdict.meaning, verdict.fields) == (meaning, fields)
    assert " " not in f"{verdict.failure}{verdict.detail or ''}".replace(
        "longer than the API's model takes", ""
    )


def test_a_refused_system_role_is_stepped_down_once() -> None:
    """The system text is folded; if that is refused too, nothing is left to give up."""
    verdict = judge(worded(400, "System role not supported"))
    folded = EndpointCapabilities().step_down(verdict)
    assert folded == EndpointCapabilities(folds_system=True)
    assert folded.step_down(verdict) is None
