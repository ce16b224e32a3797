"""The usage that a reply reports, in the words of several providers, as one set of token counts.

OpenAI counts reasoning within `completion_tokens` (`completion_tokens_details.reasoning_tokens`) and, from GPT-5.6
on, names what it writes to its prompt cache (`prompt_tokens_details.cache_write_tokens`), which is neither read from
the cache nor plain input (https://developers.openai.com/api/docs/guides/prompt-caching, read 2026-11-30). xAI and
Gemini count reasoning beside `completion_tokens`, and only `total_tokens` holds it
(https://github.com/vercel/ai/pull/12425, https://github.com/Clarifai/clarifai-python/pull/978, read 2026-11-30).
"""

from collections.abc import Mapping

from models.requests import Usage

MOST_TOKENS = 2**31 - 1
CACHE_WRITES = ("cache_write_tokens", "cache_creation_tokens")
"""How OpenAI and OpenRouter, and how LiteLLM names what was written to a cache."""


def usage_of(body: object) -> Usage | None:
    """Return the usage that a reply reports, None where it reports none or one that cannot be."""
    reported = _mapping(_mapping(body).get("usage"))
    given, made = _count(reported.get("prompt_tokens")), _count(reported.get("completion_tokens"))
    details = _mapping(reported.get("prompt_tokens_details"))
    hit = _count(details.get("cached_tokens") or 0)
    reasoned = max(_count(_mapping(reported.get("completion_tokens_details")).get("reasoning_tokens")), 0)
    beside = _beside(given, made, reasoned, _count(reported.get("total_tokens")))
    if not given >= hit >= 0 or not 0 <= made <= MOST_TOKENS - beside:
        return None
    written = max((_count(details.get(name)) for name in CACHE_WRITES), default=0)
    return Usage(
        given,
        hit,
        made + beside,
        beside or min(reasoned, made),
        min(max(written, 0), given - hit),
    )


def _beside(given: int, made: int, reasoned: int, total: int) -> int:
    """Return the reasoning tokens that a reply does not count among those of the completion."""
    more = total - given - made
    if more > 0 and reasoned in {0, more}:
        return more
    return reasoned if reasoned > made else 0


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _count(number: object) -> int:
    """Return a number of tokens, -1 for what is none."""
    if isinstance(number, int) and not isinstance(number, bool) and number <= MOST_TOKENS:
        return number
    return -1
