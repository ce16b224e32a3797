"""Whether a request can have used what a reply reports of it. What it cannot have used is kept, and not charged.

A provider may add a prompt of its own, wrap a schema, count with another vocabulary (a token of which is a byte at least),
pass over the limit of an answer, or reason beyond it. All that has its bounds: the texts that were sent and came back, and the
longest output of a model that reasons (65,536 tokens, Gemini 3; others keep to the limit that they are told, 2026-11-30).
"""

import json
from collections.abc import Mapping

from models.economics.upper_bound import upper_bound_tokens
from models.engines.api.answers.reply_body import first_choice, mapping, read_message
from models.engines.api.schema import schema_text
from models.engines.api.usage import COUNTS, DETAILS, MOST_TOKENS, whole_number
from models.requests import Request, Usage

HIDDEN_INPUT = 20_000
"""Tokens of a prompt of the provider's own."""
HIDDEN_OUTPUT = 65_536
"""Tokens of reasoning that no reply shows."""
MOST_NUMBER = 10**20
"""A larger count is written down as this one."""


def doubt_usage(body: object, usage: Usage | None, request: Request) -> str | None:
    """Return what a reply reports that its request cannot have used, as JSON of counts; None where nothing is in doubt.

    `usage` is what was read of it, None where it cannot be for another reason, such as a count beyond every context.
    """
    if usage is None:
        return doubt_by_size(body)
    bound = upper_bound_tokens(request.messages, schema_text(request.output), request.token_limit)
    choice = first_choice(body)
    message = None if isinstance(choice, str) else read_message(choice)
    written = "" if message is None else message.content + message.reasoning
    shown = len(written.encode("utf-8", "surrogatepass"))
    if (
        usage.input_tokens <= bound.input_tokens + HIDDEN_INPUT
        and usage.output_tokens <= max(bound.output_tokens, shown) + HIDDEN_OUTPUT
    ):
        return None
    return write_counts(reported_counts(body))


def doubt_by_size(body: object) -> str | None:
    """Return the counts that a reply reports where one is beyond every context; None where none is."""
    counts = reported_counts(body)
    return write_counts(counts) if any(count > MOST_TOKENS for count in counts.values()) else None


def reported_counts(body: object) -> dict[str, int]:
    """Return the counts that a reply names, however large they are."""
    reported = mapping(mapping(body).get("usage"))
    counts: dict[str, int] = {}
    for where in (reported, *(mapping(reported.get(name)) for name in DETAILS)):
        found = {name: whole_number(where.get(name)) for name in COUNTS}
        counts |= {name: min(count, MOST_NUMBER) for name, count in found.items() if count is not None}
    return counts


def write_counts(counts: Mapping[str, object]) -> str:
    """Write what is in doubt as it stands on a ledger line."""
    return json.dumps(counts, separators=(",", ":"))
