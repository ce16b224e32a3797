"""How sure a server's answer is, from the log-probabilities of its tokens, where it gives them."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import exp, inf, isfinite, log
from typing import Any

from models.engines.api.chat_format import Parsed
from models.engines.api.schema import LABEL
from models.engines.vllm.label_probabilities import label_probabilities
from models.requests import Choice, OutputFormat

ALTERNATIVES = 20
"""Likely tokens that are asked for beside each token of a label: the most that OpenAI's protocol allows."""
_BEFORE_LABEL = re.compile(rf'\s*{{\s*"{LABEL}"\s*:\s*"')
_ENDED = re.compile(r'(?:[^"\\]|\\.)*"', re.DOTALL)
"""Text up to and with its first quote that is not escaped."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token of an answer, its log-probability, and those of the tokens that were likely in its place."""

    text: str
    logprob: float
    likely: Mapping[str, float]


Confidence = tuple[float | None, Mapping[str, float] | None]
"""0 to 1, and for a label the probability of each; None where the reply does not tell."""


def confidence_of(output: OutputFormat, parsed: Parsed, body: object) -> Confidence:
    """Return how sure the answer of a reply is: of a label its share among the labels, else the tokens' geometric mean."""
    tokens = read_tokens(body)
    if not tokens or parsed.value is None:
        return None, None
    if not isinstance(output, Choice):
        return exp(sum(token.logprob for token in tokens) / len(tokens)), None
    answer = str(parsed.value)
    probabilities = _of_labels(output.labels, answer, tokens)
    return (None, None) if probabilities is None else (probabilities[answer], probabilities)


def read_tokens(body: Any) -> list[Token]:  # noqa: ANN401  any JSON; what is not so is caught
    """Return the tokens of the first choice; empty where the reply gives none, or any that cannot be."""
    try:
        return [_token(one) for one in body["choices"][0]["logprobs"]["content"] or ()]
    except (LookupError, TypeError, ValueError, AttributeError):
        return []


def _token(one: dict[str, Any]) -> Token:
    likely = {str(other["token"]): _logprob(other["logprob"]) for other in one.get("top_logprobs") or ()}
    text, logprob = str(one["token"]), _logprob(one["logprob"])
    return Token(text, logprob, likely | {text: logprob})


def _logprob(value: object) -> float:
    if not isinstance(value, int | float) or not isfinite(value):
        raise TypeError
    return min(float(value), 0.0)


def _of_labels(labels: Sequence[str], answer: str, tokens: Sequence[Token]) -> dict[str, float] | None:
    """Return each label's probability; None where the tokens do not spell the answer.

    The label stands inside an object, `{"label":"..."}`, or by itself. Tokens need not end where it begins or
    ends: what a token holds before it must be there in a token that could have stood in its place, and what
    comes after its closing quote is cut off.
    """
    text = "".join(token.text for token in tokens)
    before = _BEFORE_LABEL.match(text)
    quoted, start = before is not None, before.end() if before else len(text) - len(text.lstrip())
    for ascii_only in (False, True):
        labels_by_spelling = {_spell(label, quoted=quoted, ascii_only=ascii_only): label for label in labels}
        spelled = _spell(answer, quoted=quoted, ascii_only=ascii_only)
        if text.startswith(spelled, start):
            steps, decoded = _steps(tokens, start, start + len(spelled), quoted=quoted)
            found = label_probabilities(list(labels_by_spelling), steps, decoded, spelled)
            return {labels_by_spelling[one]: share for one, share in found.items()}
    return None


def _spell(label: str, *, quoted: bool, ascii_only: bool) -> str:
    """Return a label as it stands in the answer: as it is, or as JSON writes it, with its closing quote."""
    return json.dumps(label, ensure_ascii=ascii_only)[1:] if quoted else label


def _steps(
    tokens: Sequence[Token], start: int, end: int, *, quoted: bool
) -> tuple[list[dict[str, float]], list[str]]:
    """Return, for the tokens that spell the characters from `start` to `end`, the likely ones and the chosen one."""
    steps: list[dict[str, float]] = []
    decoded: list[str] = []
    ends = accumulate(len(token.text) for token in tokens)
    for token, until in zip(tokens, ends, strict=True):
        begin = until - len(token.text)
        if begin < end and until > start:
            head = token.text[: max(start - begin, 0)]
            steps.append(_cut(token.likely, head, quoted=quoted))
            decoded.append(_part(token.text, head, quoted=quoted))
    return steps, decoded


def _cut(likely: Mapping[str, float], head: str, *, quoted: bool) -> dict[str, float]:
    """Return the log-probability of each part of a label that a likely token holds."""
    sums: dict[str, float] = {}
    for text, logprob in likely.items():
        if text.startswith(head):
            part = _part(text, head, quoted=quoted)
            sums[part] = sums.get(part, 0.0) + exp(logprob)
    return {part: log(total) if total > 0 else -inf for part, total in sums.items()}


def _part(text: str, head: str, *, quoted: bool) -> str:
    """Return what a token holds of a label: without what stands before it, and up to the quote that ends it."""
    rest = text[len(head) :]
    ended = _ENDED.match(rest) if quoted else None
    return rest if ended is None else ended[0]
