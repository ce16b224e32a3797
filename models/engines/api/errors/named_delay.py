"""The delay that an error names: OpenAI's "Please try again in 1.2s", Google's `retryDelay`, `retry_after` fields.

Sources, read 2026-11-30: Gemini sends no Retry-After, only `details[].retryDelay` with up to nine decimals
(github.com/dcdpr/jp/pull/1061, github.com/vercel/ai/issues/18627); OpenRouter the headers of its upstream in
`metadata.headers`.
"""

import re
from collections.abc import Iterable, Mapping

MOST_SECONDS = 1e9
"""No delay that is named counts for more: a whole number may have more digits than a float can hold."""
LONGEST = 1000
"""Characters of a duration that are read."""
_UNITS = {
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), 0.001),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86400.0),
}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)?", re.IGNORECASE)
_DURATION = r"((?:\d+(?:\.\d+)?\s*[a-z]+[,\s]*(?:and\s+)?)+|\d+(?:\.\d+)?)"
_SAID = re.compile(
    r"(?:\b(?:re)?try(?:\s+(?:your\s+request|the\s+request|it|again))*\s+(?:in|after)|\breset(?:s)?\s+(?:in|after)|\bwait(?:\s+for)?"
    rf"|\bavailable\s+in)\s+(?:about\s+|at\s+least\s+)?{_DURATION}",
    re.IGNORECASE,
)
_MEMBERS = {
    "retrydelay": 1.0,
    "retryafter": 1.0,
    "retryafterseconds": 1.0,
    "retryaftersec": 1.0,
    "retryinseconds": 1.0,
    "retryafterms": 0.001,
    "retryaftermilliseconds": 0.001,
    "waitseconds": 1.0,
}


def delay_in(nodes: Iterable[Mapping[str, object]], text: str) -> float | None:
    """Return the seconds that an error asks to wait: from a member of one of its objects, else from its words."""
    named = [seconds for node in nodes if (seconds := _of_members(node)) is not None]
    if named:
        return max(named)
    said = [seconds for found in _SAID.finditer(text) if (seconds := seconds_of(found[1])) is not None]
    return max(said, default=None)


def seconds_of(text: str) -> float | None:
    """Read a duration such as `7m12s`, `1.2s`, `20 seconds`, `1 minute and 5 seconds`, or a number of seconds.

    What follows the last unit that is known is no part of it.
    """
    total: float | None = None
    for number, unit in _PART.findall(text[:LONGEST]):
        if unit and unit.lower() not in _UNITS:
            break
        total = (total or 0.0) + float(number) * _UNITS.get(unit.lower(), 1.0)
    return None if total is None else min(total, MOST_SECONDS)


def _of_members(node: Mapping[str, object]) -> float | None:
    for name, value in node.items():
        unit = _MEMBERS.get(re.sub(r"[^a-z]", "", str(name).lower()))
        if unit is None or isinstance(value, bool):
            continue
        if isinstance(value, int | float) and value >= 0:
            return float(min(value, MOST_SECONDS)) * unit
        if isinstance(value, str) and (seconds := seconds_of(value)) is not None:
            return seconds * unit if value.strip().replace(".", "", 1).isdigit() else seconds
    return None
