"""The usage that a reply reports, in the words of several providers, as one set of token counts.

OpenAI counts reasoning within `completion_tokens` (`completion_tokens_details.reasoning_tokens`) and, from GPT-5.6
on, names what it writes to its prompt cache (`prompt_tokens_details.cache_write_tokens`), which is neither read from
the cache nor plain input (https://developers.openai.com/api/docs/guides/prompt-caching, read 2026-11-30). xAI and
Gemini count reasoning beside `completion_tokens`, and only `total_tokens` holds it
(https://github.com/vercel/ai/pull/12425, https://github.com/Clarifai/clarifai-python/pull/978,
https://github.com/router-for-me/CLIProxyAPI/issues/5733, read 2026-11-30). Anthropic counts what it reads from its
cache and writes to it beside `input_tokens` (https://github.com/browser-use/browser-use/pull/4294, read 2026-11-30),
and some gateways hand that on as `prompt_tokens`, with a total that holds it or does not.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.engines.api.answers.reply_body import first_choice, mapping, read_message
from models.requests import Message, Usage

MOST_TOKENS = 20_000_000
"""No request has more: the longest context that is sold holds ten million tokens (Llama 4 Scout, 2026-11-30)."""
NO_NUMBER = -1
"""Stands for a count that is there and is none."""
MOST_WORDS_A_TOKEN, MOST_CHARACTERS_A_TOKEN, MOST_IDEOGRAPHS_A_TOKEN = 5, 128, 16
"""No vocabulary in use has a token that holds more: see `least_tokens`."""

_INPUT, _OUTPUT = ("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens")
_INPUT_DETAILS = ("prompt_tokens_details", "input_tokens_details", "prompt_token_details")
_OUTPUT_DETAILS = ("completion_tokens_details", "output_tokens_details")
_READ_BESIDE, _WRITTEN_BESIDE = "cache_read_input_tokens", "cache_creation_input_tokens"
"""Anthropic's own names."""
_READ = (
    _READ_BESIDE,
    "prompt_cache_hit_tokens",
    "cached_tokens",
    "num_cached_tokens",
    "cached_prompt_tokens",
    "prompt_cached_tokens",
    "cache_read_tokens",
    "cached_input_tokens",
    "cached_content_token_count",
)
"""How DeepSeek, Moonshot, Mistral and others name what was read from a cache."""
_WRITTEN = ("cache_write_tokens", "cache_creation_tokens", _WRITTEN_BESIDE)
"""How OpenAI and OpenRouter, LiteLLM and Anthropic name what was written to a cache."""
_REASONED = ("reasoning_tokens", "thinking_tokens", "thoughts_token_count")
COUNTS = (*_INPUT, *_OUTPUT, "total_tokens", *_READ, *_WRITTEN, *_REASONED)
DETAILS = (*_INPUT_DETAILS, *_OUTPUT_DETAILS)
"""Every name under which a reply counts tokens, and the objects in which it does beside `usage` itself."""
_DIGITS = re.compile(r"\d{1,100}", re.ASCII)
_IDEOGRAPH = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


@dataclass(frozen=True, slots=True)
class _Counts:
    """The counts of a reply as they stand there."""

    given: int
    made: int
    read: int
    written: int
    reasoned: int
    total: int | None
    beside: bool
    """Whether what was read and written is named as Anthropic does, which counts it beside the input."""


def usage_of(body: object, messages: tuple[Message, ...] = ()) -> Usage | None:
    """Return the usage that a reply reports, None where it reports none or one that cannot be.

    It cannot be that a prompt has no token, that more of it was read from a cache than it has, that a total is less
    than its parts, that a count is beyond every context, or that prompt (`messages`, as far as they are known) and answer,
    with the reasoning that is shown, have more than the tokens reported could spell. A usage above what is expected is none
    of these: it is billed.
    """
    usage = read_usage(body)
    if usage is None or not _can_hold(usage.input_tokens, [message.content for message in messages]):
        return None
    choice = first_choice(body)
    message = None if isinstance(choice, str) else read_message(choice)
    written = [] if message is None else [message.content, message.reasoning]
    return usage if _can_hold(usage.output_tokens, written) else None


def read_usage(body: object) -> Usage | None:
    """Return the usage that a reply reports, without a look at prompt and answer; None where it contradicts itself."""
    counts = _counts(mapping(mapping(body).get("usage")))
    if counts is None:
        return None
    given = counts.given + _uncounted_input(counts)
    cached = counts.read + counts.written
    reasoned, made = counts.reasoned, counts.made
    if counts.total is not None:
        missing = counts.total - given - made
        if missing < 0 and missing not in {-cached, -counts.read, counts.given - given}:
            return None
        if missing > 0:
            made, reasoned = made + missing, reasoned or missing
    if reasoned > made:  # counted beside the completion, by an endpoint whose total does not hold it
        made = max(made, counts.made + reasoned)
    if not 0 < given <= MOST_TOKENS or counts.read > given or made > MOST_TOKENS:
        return None
    return Usage(given, counts.read, made, reasoned, min(counts.written, given - counts.read))


def least_tokens(text: str) -> int:
    """Return the tokens that a text has at least, in whatever vocabulary.

    A token of OpenAI's vocabularies holds 128 characters (spaces) or 11 ideographs at most, and never a space between
    two words, as counted in o200k_base and cl100k_base (2026-11-30); the vocabularies that join words (AI21's, SuperBPE)
    stop at five. So the bound holds for every tokenizer, and lets pass what is only a few times too low.
    """
    if not text.strip():
        return 0
    ideographs = 0 if text.isascii() else len(_IDEOGRAPH.findall(text))
    return max(
        1,
        len(text.split()) // MOST_WORDS_A_TOKEN,
        len(text) // MOST_CHARACTERS_A_TOKEN,
        ideographs // MOST_IDEOGRAPHS_A_TOKEN,
    )


def _can_hold(tokens: int, texts: Sequence[str]) -> bool:
    """Whether so many tokens can spell the texts. A word and its space are two characters: most need no counting."""
    enough = 2 * MOST_WORDS_A_TOKEN * tokens >= sum(map(len, texts)) + len(texts)
    return (enough and tokens > 0) or tokens >= sum(map(least_tokens, texts))


def _uncounted_input(counts: _Counts) -> int:
    """Return the input tokens that a reply counts beside the prompt's: those of the cache, where it does so.

    So it is where the total says it, where the prompt would be less than its part, and where the names are Anthropic's.
    """
    cached = counts.read + counts.written
    if counts.beside:
        return cached
    more = 0 if counts.total is None else counts.total - counts.given - counts.made
    for part in (cached, counts.read, counts.written):
        if part and more in {part, part + counts.reasoned} and more != counts.reasoned:
            return part
    return 0


def _counts(reported: Mapping[str, object]) -> _Counts | None:
    """Read the counts of a reply; None where one that is needed is missing, or none is a number."""
    given, made = _first(reported, _INPUT), _first(reported, _OUTPUT)
    total = _count(reported.get("total_tokens"))
    parts = [mapping(reported.get(name)) for name in _INPUT_DETAILS]
    read = [_count(where.get(name)) for where in (reported, *parts) for name in _READ]
    written = [_count(where.get(name)) for where in (reported, *parts) for name in _WRITTEN]
    if made is None and total is not None:
        made = 0  # Gemini leaves it out where all was reasoning; the total says how much
    if given is None or made is None or NO_NUMBER in (given, made, total, *read):
        return None
    outputs = [reported, *(mapping(reported.get(name)) for name in _OUTPUT_DETAILS)]
    reasoned = [_count(where.get(name)) for where in outputs for name in _REASONED]
    read_most, written_most = max(_known(read)), max(_known(written))
    named = [_count(reported.get(name)) or 0 for name in (_READ_BESIDE, _WRITTEN_BESIDE)]
    beside = any(count > 0 for count in named) and (
        reported.get("prompt_tokens") is None or read_most + written_most > given
    )
    return _Counts(given, made, read_most, written_most, max(_known(reasoned)), total, beside)


def _known(counts: list[int | None]) -> list[int]:
    return [0, *(count for count in counts if count is not None)]


def _first(reported: Mapping[str, object], names: tuple[str, ...]) -> int | None:
    """Return the first count that is there, and of two the one that is not 0; None where none is."""
    found = [count for name in names if (count := _count(reported.get(name))) is not None]
    return next(filter(None, found), 0) if found else None


def _count(number: object) -> int | None:
    """Return a number of tokens, which may be a whole float or digits; None where it is missing, `NO_NUMBER` for what is none."""
    if number is None:
        return None
    found = whole_number(number)
    return NO_NUMBER if found is None or found > MOST_TOKENS else found


def whole_number(value: object) -> int | None:
    """Return a whole number that is not negative, also one written as a float or in digits; None for anything else."""
    if isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
