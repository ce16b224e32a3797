"""What the body of an error says beside its code: the field it is about, the delay it asks for. No text of it is kept.

Providers name a refused field in many places (all read 2026-11-30): OpenAI in `param`; FastAPI, Mistral and Azure's
models in `detail: [{"loc": ["body", "seed"]}]`, also as a JSON text inside `message`
(github.com/mistralai/platform-docs-public/issues/7); LiteLLM in "does not support parameters: {'seed': 1}", with status
400 or 500 (github.com/BerriAI/litellm/issues/3923); Google in `Unknown name "seed"` and `fieldViolations`. A message may quote
a prompt, so it is only searched for names of our own and for fixed phrases, and nothing else of it leaves this file.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from models.engines.api.errors.named_delay import delay_in

NAMED_FIELDS = (
    "temperature",
    "seed",
    "reasoning_effort",
    "top_logprobs",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
)
"""The optional fields that a request of ours may carry, but for `response_format`."""
LIMITS = frozenset({"max_tokens", "max_completion_tokens"})
MOST_TEXT, MOST_PLACE, MOST_LEVELS, NEAR, FAR = 20_000, 1000, 8, 60, 90

_SPELT = {name.replace("_", ""): name for name in NAMED_FIELDS}
_FIELD = re.compile(
    rf"(?<![A-Za-z0-9_])({'|'.join(name.replace('_', '_?') for name in NAMED_FIELDS)})(?![A-Za-z0-9_])",
    re.IGNORECASE,  # xAI writes reasoningEffort
)
_THINKING = re.compile(
    r"(?:not|n't) support thinking|\bthink value [^.\n]{0,20}not supported|\bthinking (?:level|budget)s? (?:is|are) not supported",
    re.IGNORECASE,
)
"""What Ollama and Gemini call the effort that they are told as `reasoning_effort`."""
_FORMAT = re.compile(
    r"response[_ ]?format|response[_ ]?schema|json[_ ]schema|json[_ ]object|json[ _-]mode|structured[ _-]outputs?|guided[_ ](?:json|decoding)"
    r"|output_format|\bgrammar\b|specified schema",
    re.IGNORECASE,
)
_REFUSED = re.compile(
    r"\b(?:not|never|no longer|only|isn't|aren't)\s+(?:\w+\s+)?"
    r"(?:supported|permitted|allowed|recogni[sz]ed|accepted|available|enabled|known|implemented|compatible)\b"
    r"|\b(?:not|n't|cannot|can't)\s+(?:be\s+)?(?:support|accept|allow|use)|does(?:n't| not) (?:support|accept|allow)"
    r"|\bunsupported|\bunrecogni[sz]ed|\b(?:unknown|unexpected)\s+(?:keyword|name|field|param|argument|key|property|request)|\bunavailable|\benabled only|\bextra\s+(?:inputs?|fields?|parameters?)|\bforbidden"
    r"|\bmissing\s+field|\bdeprecated|\bincompatible|\bdisallowed|\binvalid\s+(?:parameter|argument|field|name|key|schema)|\bcannot\s+find\s+field",
    re.IGNORECASE,
)
_OUT_OF_RANGE = re.compile(
    r"\b(?:must|should|has to|needs to)\s+be\b|\bonly the default|\bout of range|\binvalid value"
    r"|\bonly\s+\S{1,12}\s+(?:is|are)\s+(?:allowed|supported|accepted|permitted)",
    re.IGNORECASE,
)
_UNUSABLE_FORMAT = re.compile(
    r"\bfailed to parse|\bconversion failed|\btoo many states|\bunknown variant|\bnot match any|\binvalid\b"
    r"|\bno endpoints found that support",
    re.IGNORECASE,
)
"""Said of a schema that a server cannot compile (llama.cpp, Gemini, Cerebras) or a format that it does not know (DeepSeek, Perplexity)."""
_SYSTEM = re.compile(
    r"system\s+(?:role|message|prompt|instruction)s?\b[^.\n]{0,40}\b(?:not|n't|un)\s*-?(?:\w+\s+)?(?:support|allow|enabl|permit|accept)"
    r"|(?:not|n't) support(?: the)? [\"'`]?system|roles must alternate|developer instructions? (?:is|are) not enabled"
    r"|roles? are supported, got system|(?:unexpected|unsupported|invalid|unknown)(?: message)? role:? ?[\"'`]?system"
    r"|role [\"'`]?system[\"'`]? (?:is|was) (?:not|un|in)|\bonly user and (?:assistant|model) roles are (?:supported|allowed)"
    r"|\brole\b[^.\n]{0,20}\b(?:invalid|unknown|unexpected|unsupported) (?:value|variant)?:? ?[\"'`]system|unknown variant [\"'`]system"
    r"|conversation must start with a user|first message must be (?:from |of )?(?:a |the )?[\"'`]?user",
    re.IGNORECASE,
)
_MODERATED = re.compile(
    r"violat\w{1,20} (?:\w+ )?(?:usage|content|safety|safeguard)|content[ _](?:management )?polic|content[ _]filter|\bmoderation\b"
    r"|\bflagged\b|safety_check|responsibleaipolicy|data_inspection|inappropriate content|guardrail",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(
    r"request too large|maximum context length|context[ _](?:window|length|size)\b[^.\n]{0,40}exceed|exceed\w{0,20}[^.\n]{0,40}context"
    r"|(?:prompt|input) is too long|too many (?:input )?tokens in (?:the )?(?:prompt|input|request)",
    re.IGNORECASE,
)
_PARAMETERS = re.compile(r"no endpoints found that can handle the requested parameters", re.IGNORECASE)
"""OpenRouter's, with `require_parameters`, as a 404 (github.com/danny-avila/LibreChat/discussions/11310, read 2026-11-30)."""
_PLACES = frozenset({"loc", "path", "field", "param", "parameter", "property", "key"})
_EXTRA = re.compile(r"extra|forbidden|not permitted|unknown|unexpected", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ErrorHints:
    """What an error says of the request, by fixed words: fields of ours that it names, and what it is about.

    `parameters`: some field that it does not name; `format`: the answer's shape; `system`: the system role; `moderated`: the text itself; `too_long`: its length.
    `delay`: the seconds after which to ask again.
    """

    fields: tuple[str, ...] = ()
    parameters: bool = False
    format: bool = False
    system: bool = False
    moderated: bool = False
    too_long: bool = False
    delay: float | None = None


NO_HINTS = ErrorHints()


def read_hints(body: object) -> ErrorHints:
    """Read the body of an error. Never raises; a body that says nothing gives no hints."""
    nodes = list(_nodes(body))
    text = "\n".join(node for node in nodes if isinstance(node, str))[:MOST_TEXT]
    placed = [place for node in nodes if isinstance(node, dict) for place in _places(node)]
    fields = [*(name for name, _ in placed if name in NAMED_FIELDS), *_fields_in(text)]
    return ErrorHints(
        fields=tuple(dict.fromkeys(fields)),
        parameters=_PARAMETERS.search(text) is not None,
        format=any(name == "response_format" for name, _ in placed) or _speaks_of_format(text),
        system=any(name == "role" for name, _ in placed) or _SYSTEM.search(text) is not None,
        moderated=_is_flagged(nodes) or _MODERATED.search(text) is not None,
        too_long=_TOO_LONG.search(text) is not None,
        delay=delay_in([node for node in nodes if isinstance(node, dict)], text),
    )


def _nodes(value: object, level: int = 0) -> Iterator[object]:
    """Yield every object and text inside a body; a text that is JSON itself is looked into as well."""
    if level > MOST_LEVELS:
        return
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _nodes(inner, level + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _nodes(inner, level + 1)
    elif isinstance(value, str):
        yield value
        if (begin := value.find("{")) >= 0:
            yield from _nodes(_parsed(value[begin:]), level + 1)


def _parsed(text: str) -> object:
    try:
        return json.JSONDecoder().raw_decode(text[:MOST_TEXT])[0]
    except (ValueError, RecursionError):
        return None


def _places(node: dict[str, object]) -> Iterator[tuple[str, str]]:
    """Yield the places that an object of an error names, such as `seed` of `loc: ["body", "seed"]`, and its type."""
    kind = " ".join(str(node.get(name))[:MOST_PLACE] for name in ("type", "msg", "description"))
    for name in _PLACES & node.keys():
        value = node[name]
        parts = value if isinstance(value, list) else re.split(r"[./\[\]]|\s*->\s*", str(value)[:MOST_PLACE])
        for part in parts:
            if isinstance(part, str) and (part not in LIMITS or _EXTRA.search(kind)):
                yield part, kind


def _fields_in(text: str) -> Iterator[str]:
    """Yield the fields of ours that a text refuses. A limit may be wrong for one record, so its range says nothing."""
    for found in _FIELD.finditer(text):
        near = _around(text, found, NEAR)
        refused = any(_REFUSED.search(part) for part in near)
        name = _SPELT[found[1].replace("_", "").lower()]
        if refused or (name not in LIMITS and any(_OUT_OF_RANGE.search(part) for part in near)):
            yield name
    if _THINKING.search(text):
        yield "reasoning_effort"


def _speaks_of_format(text: str) -> bool:
    return any(
        _REFUSED.search(part) or _OUT_OF_RANGE.search(part) or _UNUSABLE_FORMAT.search(part)
        for found in _FORMAT.finditer(text)
        for part in _around(text, found, FAR)
    )


def _around(text: str, found: re.Match[str], far: int) -> tuple[str, str]:
    """Return what stands before and behind, in the same sentence."""
    before, behind = text[max(0, found.start() - far) : found.start()], text[found.end() : found.end() + far]
    return re.split(r"[.!?]\s|\n", before)[-1], re.split(r"[.!?]\s|\n", behind)[0]


def _is_flagged(nodes: list[object]) -> bool:
    """Whether the provider says which text it flagged (OpenRouter's `metadata`)."""
    return any(
        isinstance(node, dict) and ("flagged_input" in node or isinstance(node.get("reasons"), list))
        for node in nodes
    )
