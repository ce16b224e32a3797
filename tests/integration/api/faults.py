"""What an API can do to a record, and what becomes of it: the table behind the tests and docs/faults.md."""

from types import MappingProxyType

from tests.integration.api.fault import (
    AGAIN,
    ATTEMPTS,
    IN_QUARANTINE,
    LATER,
    PERHAPS_BILLED,
    REFUSED,
    RUN_FAILS,
    Fault,
    retried,
)
from tests.integration.api.faults_replies import REPLIES

__all__ = ["ATTEMPTS", "FAULTS", "REFUSED", "RUN_FAILS", "Fault"]

FAULTS = (
    Fault("none", ("ok",), "published", ("ok",), "nothing", usage=True),
    # Rate limits
    retried("429 with Retry-After in seconds", "429:0.2", "failed:http_429", AGAIN + ", after that time"),
    retried("429 with Retry-After as a date", "429:date", "failed:http_429", AGAIN + ", after that time"),
    retried("429 without Retry-After", "429", "failed:http_429", AGAIN + ", after backing off"),
    Fault(
        "429 without end",
        ("429",),
        "deferred:api_unavailable",
        ("failed:http_429",) * ATTEMPTS,
        LATER,
        forever=True,
    ),
    Fault(
        "429 with a Retry-After beyond the run's deadline",
        ("429:600",),
        "deferred:deadline",
        ("failed:http_429",),
        LATER,
        options=MappingProxyType({"run_seconds": 30.0}),
    ),
    # Failures of the server and of the way to it
    Fault(
        "connection refused, or a name that does not resolve",
        (REFUSED,),
        "deferred:api_unavailable",
        ("failed:connect",) * ATTEMPTS,
        LATER,
        forever=True,
        everybody=True,
        options=MappingProxyType({"breaker_failures": 1000}),
    ),
    Fault(
        "a burst of 500 and 503",
        ("500", "503:0.1"),
        "published",
        ("failed:http_500", "failed:http_503", "ok"),
        AGAIN,
        usage=True,
    ),
    retried("409 or 425", "409", "failed:http_409", AGAIN),
    retried("connection closed without an answer", "close", "unknown_outcome:cut_off", PERHAPS_BILLED),
    retried("connection closed in mid-body", "cut", "unknown_outcome:cut_off", PERHAPS_BILLED),
    retried("connection reset in mid-body", "reset", "unknown_outcome:reset", PERHAPS_BILLED),
    retried("no answer at all", "hang", "unknown_outcome:timeout", PERHAPS_BILLED, timeout_seconds=1.0),
    retried(
        "an answer that drips in byte by byte",
        "drip",
        "unknown_outcome:timeout",
        PERHAPS_BILLED,
        timeout_seconds=1.0,
    ),
    # Broken answers
    retried("a body that is not JSON", "invalid_json", "unknown_outcome:invalid_json", PERHAPS_BILLED),
    retried("a body cut off in its JSON", "truncated_json", "unknown_outcome:invalid_json", PERHAPS_BILLED),
    retried("JSON that is no chat completion", "not_chat", "unknown_outcome:wrong_schema", PERHAPS_BILLED),
    retried("no choices", "empty_choices", "unknown_outcome:empty_choices", PERHAPS_BILLED),
    Fault(
        "bodies that are not JSON, without end",
        ("invalid_json",),
        "deferred:api_unavailable",
        ("unknown_outcome:invalid_json",) * ATTEMPTS,
        IN_QUARANTINE + "; " + "the upper-bound cost of each attempt",
        forever=True,
        run_fate="quarantined:unanswered",
    ),
    Fault("two choices", ("two_choices",), "published", ("ok",), "nothing: the first counts", usage=True),
    Fault(
        "the whole reply sent twice",
        ("twice",),
        "published",
        ("ok",),
        "nothing; the copy is never another record's answer (at most that one ends as `stale_reply` and is asked again)",
        usage=True,
    ),
    Fault("an answer in a Markdown fence", ("fenced",), "published", ("ok",), "nothing", usage=True),
    Fault("no usage", ("no_usage",), "published", ("ok",), "tokens and cost marked as estimated"),
    Fault("impossible usage", ("bad_usage",), "published", ("ok",), "tokens and cost marked as estimated"),
    Fault(
        "an answer of another schema",
        ("wrong_schema",),
        "quarantined:invalid_output",
        ("ok",),
        IN_QUARANTINE,
        usage=True,
    ),
    Fault(
        "an answer that is neither JSON nor a label",
        ("nonsense",),
        "quarantined:invalid_output",
        ("ok",),
        IN_QUARANTINE,
        usage=True,
    ),
    Fault(
        "an answer cut off at the token limit",
        ("cut_short",),
        "quarantined:invalid_output",
        ("ok",),
        IN_QUARANTINE,
        usage=True,
    ),
    Fault(
        "reasoning that used up the tokens: no text, finish reason length",
        ("eaten",),
        "quarantined:reasoning_limit",
        ("ok:reasoning_limit",),
        "the record in quarantine.parquet, and in one line the settings to change: api_reasoning_tokens, api_reasoning_effort",
        usage=True,
    ),
    # Refusals of one record
    Fault(
        "content filter, as a 400",
        ("content_filter",),
        "quarantined:refused",
        ("failed:http_400",),
        IN_QUARANTINE,
    ),
    Fault(
        "content filter, as a finish reason",
        ("filtered",),
        "quarantined:refused",
        ("ok",),
        IN_QUARANTINE,
        usage=True,
    ),
    Fault(
        "the model refuses to answer", ("refusal",), "quarantined:refused", ("ok",), IN_QUARANTINE, usage=True
    ),
    Fault(
        "context length exceeded (OpenAI)",
        ("too_long",),
        "quarantined:too_long",
        ("failed:http_400",),
        IN_QUARANTINE,
    ),
    Fault(
        "context length exceeded (vLLM)",
        ("too_long_vllm",),
        "quarantined:too_long",
        ("failed:http_400",),
        IN_QUARANTINE,
    ),
    Fault("413", ("413",), "quarantined:too_long", ("failed:http_413",), IN_QUARANTINE),
    Fault(
        "another 4xx, while other records are answered",
        ("400:odd_value",),
        "quarantined:refused",
        ("failed:http_400",),
        IN_QUARANTINE + " and status and code as its detail",
    ),
    # The endpoint cannot do what it is asked for
    Fault(
        "response_format json_schema refused",
        ("no_format:json_schema",),
        "published",
        ("failed:http_400", "ok"),
        "one warning: from then on json_object, and the schema in the prompt",
        forever=True,
        usage=True,
    ),
    Fault(
        "the field temperature refused",
        ("no_field:temperature",),
        "published",
        ("failed:http_400", "ok"),
        "one warning: from then on the field is left out",
        forever=True,
        usage=True,
    ),
    # No request can succeed
    Fault(
        "wrong key (401)",
        ("bad_key",),
        RUN_FAILS,
        ("failed:http_401",),
        "set BREAKEVEN_API_KEY",
    ),
    Fault(
        "no right to the model (403)", ("403",), RUN_FAILS, ("failed:http_403",), "set BREAKEVEN_API_KEY or"
    ),
    Fault(
        "unknown model (404)", ("no_model",), RUN_FAILS, ("failed:http_404",), "set BREAKEVEN_API_MODEL or"
    ),
    Fault(
        "quota used up (429 insufficient_quota)", ("quota",), RUN_FAILS, ("failed:http_429",), "add credit"
    ),
    Fault("a redirect", ("301",), RUN_FAILS, ("failed:http_301",), "set BREAKEVEN_API_BASE_URL"),
    Fault(
        "every request refused with a 400",
        ("400:odd_value",),
        RUN_FAILS,
        ("failed:http_400",),
        "refuses every request (http_400 odd_value)",
        forever=True,
        everybody=True,
    ),
    *REPLIES,
)
