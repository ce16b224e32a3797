"""Rows of the table of faults: how replies with status 200 are read."""

from tests.integration.api.fault import ATTEMPTS, IN_QUARANTINE, PERHAPS_BILLED, Fault, retried

ESTIMATED = "tokens and cost marked as estimated"


def _answered(name: str, fault: str, note: str = "", user: str = "", *, usage: bool = True) -> Fault:
    """Make the row of an odd reply that is an answer; `note` says how it was read."""
    seen = user or (f"`{note}` as the line's failure" if note else "nothing")
    return Fault(name, (fault,), "published", (f"ok:{note}" if note else "ok",), seen, usage=usage)


def _estimated(name: str, fault: str) -> Fault:
    return _answered(name, fault, user=ESTIMATED, usage=False)


REPLIES = (
    # Usage that cannot be
    _estimated("usage of 0 tokens for a real answer", "zero_usage"),
    _estimated("a prompt of 0 tokens", "zero_prompt"),
    _estimated("a real answer of 0 tokens", "zero_completion"),
    _estimated("far fewer tokens than any tokenizer makes of the prompt", "tiny_prompt"),
    _estimated("a total that is less than its parts", "small_total"),
    _answered(
        "more tokens than the request can have used",
        "many_tokens",
        user="the upper-bound cost; what was reported stands beside it",
        usage=False,
    ),
    _estimated("fewer tokens than the reasoning that is shown has", "shown_reasoning"),
    _answered(
        "more tokens than the limit allowed", "more:5000", user="the tokens and the cost that are billed"
    ),
    # Tokens beside the completion's
    _answered(
        "reasoning beside the completion, in the total alone (Gemini)", "beside", user="it counts as output"
    ),
    _answered("reasoning beside the completion, named (xAI)", "beside:named", user="it counts as output"),
    _answered(
        "cached tokens beside the input (Anthropic)",
        "anthropic",
        user="they count as input, read from a cache",
    ),
    # Answers that do not stand alone
    _answered("reasoning between marks before the answer", "think", "after_reasoning"),
    _answered("reasoning of which only the closing mark is there", "half_think", "after_reasoning"),
    _answered("reasoning whose marks the server took away (gpt-oss)", "stripped", "after_reasoning"),
    _answered("prose around one block of JSON", "prose", "from_prose"),
    _answered("the answer's object in a list of one", "list", "from_list"),
    _answered("content as a list of parts", "parts", "from_parts"),
    _answered("content that a gateway has decoded", "decoded", "from_object"),
    _answered("a label with a full stop and in another case", "full_stop", "other_spelling"),
    _answered("a label in a sentence that names no other", "sentence", "from_prose"),
    Fault(
        "two different answers",
        ("two_answers",),
        "quarantined:invalid_output",
        ("ok",),
        IN_QUARANTINE,
        usage=True,
    ),
    Fault(
        "an answer in the reasoning alone",
        ("reasoning_alone",),
        "quarantined:invalid_output",
        ("ok",),
        IN_QUARANTINE,
        usage=True,
    ),
    # Errors inside a status 200
    retried("an error 502 inside a 200", "hiccup:502", "unknown_outcome:http_502", PERHAPS_BILLED),
    retried(
        "an error inside a 200, with the prompt's usage",
        "billed_hiccup:502",
        "unknown_outcome:http_502",
        "the first attempt's cost, by the usage that came with it",
    ),
    retried(
        "an error inside a 200 that says nothing more",
        "hiccup",
        "unknown_outcome:error_in_answer",
        PERHAPS_BILLED,
    ),
    retried("an error 429 inside a 200", "hiccup:429", "failed:http_429", "nothing: it is asked for again"),
    retried(
        "an error 503 in the place of the choices",
        "hiccup_body:503",
        "failed:http_503",
        "nothing: it is asked for again",
    ),
    Fault(
        "content filter, as an error inside a 200",
        ("hiccup:content_filter",),
        "quarantined:refused",
        ("failed:http_400",),
        IN_QUARANTINE,
    ),
    Fault(
        "finish reason SAFETY, RECITATION, guardrail_intervened and the like",
        ("ended:SAFETY",),
        "quarantined:refused",
        ("ok",),
        IN_QUARANTINE,
        usage=True,
    ),
    # An answer that the endpoint itself finds unusable
    retried(
        "400 json_validate_failed (Groq)",
        "json_validate_failed",
        "unknown_outcome:json_validate_failed",
        PERHAPS_BILLED,
    ),
    Fault(
        "400 json_validate_failed without end",
        ("json_validate_failed",),
        "quarantined:invalid_output",
        ("unknown_outcome:json_validate_failed",) * ATTEMPTS,
        IN_QUARANTINE + "; the upper-bound cost of each attempt",
        forever=True,
    ),
)
