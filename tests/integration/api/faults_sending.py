"""Rows of the table of faults: delays in a body, statuses of gateways, and fields that providers refuse in their own words."""

from tests.integration.api.fault import AGAIN, IN_QUARANTINE, PERHAPS_BILLED, Fault, retried

OTHERWISE = "one warning: from then on the field is left out"


def _otherwise(name: str, says: str, status: int, user: str = OTHERWISE) -> Fault:
    """Make the row of an endpoint that wants to be asked otherwise, in the words of a provider."""
    attempts = (f"failed:http_{status}", "ok")
    return Fault(name, (f"says:{says}",), "published", attempts, user, forever=True, usage=True)


SENDING = (
    retried(
        "429 with its delay in words (OpenAI)",
        "says:openai_wait",
        "failed:http_429",
        AGAIN + ", after that time",
    ),
    retried(
        "429 with its delay as retryDelay (Gemini)",
        "says:google_wait",
        "failed:http_429",
        AGAIN + ", after that time",
    ),
    retried(
        "503 with its delay in the body", "says:google_503", "failed:http_503", AGAIN + ", after that time"
    ),
    retried("408, 499 or 598 of a gateway", "408", "unknown_outcome:http_408", PERHAPS_BILLED),
    retried("502 of a gateway", "502", "unknown_outcome:http_502", PERHAPS_BILLED),
    retried("504 of a gateway", "504", "unknown_outcome:http_504", PERHAPS_BILLED),
    retried("520, 522 or 524 (Cloudflare)", "524", "unknown_outcome:http_524", PERHAPS_BILLED),
    retried("529, overloaded", "529", "failed:http_529", AGAIN),
    Fault(
        "403 that says the text was flagged (OpenRouter)",
        ("says:flagged_403",),
        "quarantined:refused",
        ("failed:http_403",),
        IN_QUARANTINE,
    ),
    _otherwise("the field seed refused with 422 (Mistral, FastAPI)", "mistral_seed", 422),
    _otherwise("the field seed refused as text inside a message (Mistral)", "mistral_text", 422),
    _otherwise("the field seed refused in words (LiteLLM)", "litellm_seed", 400),
    _otherwise("the field seed refused in words with 500 (LiteLLM)", "litellm_500", 500),
    _otherwise("the field seed refused in words (Gemini)", "google_seed", 400),
    _otherwise("the field seed refused in words (Groq)", "groq_seed", 400),
    _otherwise(
        "the system role refused (chat templates)",
        "system",
        400,
        "one warning: from then on its text stands at the head of the first user message",
    ),
    _otherwise(
        "the system role refused with 500 (llama.cpp)",
        "template",
        500,
        "one warning: from then on its text stands at the head of the first user message",
    ),
    _otherwise(
        "json_schema refused in words (Groq)",
        "groq_format",
        400,
        "one warning: from then on json_object, and the schema in the prompt",
    ),
)
