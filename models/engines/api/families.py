"""What a model takes, by its name: a reviewed table, read on 2026-11-30. A server's refusal still corrects it.

Reasoning models refuse `max_tokens` (the field is "not compatible with o-series models", openai-python 3.54.0,
`completion_create_params.py`) and, unless their effort is `none`, `temperature`; two of GPT-6 have no `none`
(https://developers.openai.com/api/docs/guides/deployment-checklist). They get neither `temperature` nor `seed`:
in a batch each refusal would cost a round. Efforts stand least first, as Chat Completions takes them; where
nobody says which a model takes, the table says none, and what the settings name is sent as it is.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from models.errors import UsageError

ALL = ("none", "low", "medium", "high", "xhigh", "max")
_DATED = r"(?:-\d{4}-\d{2}-\d{2})?"


@dataclass(frozen=True, slots=True)
class ModelFamily:
    """Models that take the same fields. `pattern` matches a whole name, without its date.

    `efforts`: values of `reasoning_effort`, least first; empty where they are not known, or where it does not
    reason. `source` says where they stand.
    """

    pattern: str
    reasons: bool
    efforts: tuple[str, ...] = ()
    source: str = ""


_GPT_6 = "https://docs.oxen.ai/inference-api/reference/models/gpt-6-luna.md"
_NO_NONE = "https://docs.laozhang.ai/en/announcements/gpt-6-chat-tools-2026-11"
_GPT_5_6 = "https://developers.openai.com/de-DE/api/docs/guides/deployment-checklist"
_GPT_5 = "https://community.openai.com/t/1371738"
FAMILIES = (
    ModelFamily(r"gpt-6-luna|gpt-6-sol|gpt-6\.1-terra", reasons=True, efforts=ALL, source=_GPT_6),
    ModelFamily(r"gpt-6-astra", reasons=True, efforts=ALL[1:], source=_NO_NONE),
    ModelFamily(r"gpt-6\.1-sol", reasons=True, efforts=ALL[1:-1], source=_NO_NONE),
    ModelFamily(r"gpt-5\.6(?:-luna|-sol|-terra)?", reasons=True, efforts=ALL, source=_GPT_5_6),
    ModelFamily(
        r"gpt-5\.4", reasons=True, efforts=ALL[:-1], source="https://github.com/RayBytes/ChatMock/pull/101"
    ),
    ModelFamily(r"gpt-5\.2", reasons=True, efforts=ALL[:-1], source=_GPT_5),
    ModelFamily(r"gpt-5\.1", reasons=True, efforts=ALL[:4], source=_GPT_5),
    ModelFamily(
        r"gpt-5(?:-mini|-nano)?", reasons=True, efforts=("minimal", "low", "medium", "high"), source=_GPT_5
    ),
    ModelFamily(r"o1|o3|o3-mini|o4-mini", reasons=True, efforts=("low", "medium", "high"), source=_GPT_5),
    ModelFamily(r"gpt-[34](?:[.o-].*)?|gpt-5-chat-latest|chatgpt-4o-latest", reasons=False, source=_GPT_5),
    ModelFamily(r"gpt-[5-9](?:[.-].*)?|o[1-9](?:-.*)?", reasons=True),
)
"""The first that matches counts; the last one holds what has no row of its own."""

ROOM = {
    "none": 0,
    "minimal": 2_000,
    "low": 4_000,
    "medium": 16_000,
    "high": 32_000,
    "xhigh": 64_000,
    "max": 100_000,
}
"""Tokens that a model may reason with beside those of the answer, by effort: set by hand, generous on purpose."""
UNTOLD = "medium"
"""The effort that is reckoned with where a reasoning model is told none: GPT-5.6's and GPT-6's own default."""


@lru_cache(maxsize=64)
def find_family(model: str) -> ModelFamily | None:
    """Return the family of a model, whoever serves it (`openai/gpt-6-luna`); None for a name that is not known."""
    name = model.rpartition("/")[2].lower()
    return next((one for one in FAMILIES if re.fullmatch(f"(?:{one.pattern}){_DATED}", name)), None)


def choose_effort(model: str, asked: str | None) -> str | None:
    """Return the reasoning effort that is sent: what is asked for, else the least that the model takes.

    None: nothing is sent. Raises `UsageError` for an effort that the model does not take.
    """
    family = find_family(model)
    if family is None or (family.reasons and not family.efforts):
        return asked
    if asked is None:
        return family.efforts[0] if family.efforts else None
    if asked in family.efforts:
        return asked
    choice = f"set {', '.join(family.efforts)}" if family.efforts else "leave it out, it does not reason"
    msg = (
        f"{model} takes no reasoning effort {asked!r}: {choice} "
        "(BREAKEVEN_API_REASONING_EFFORT, or reasoning_effort of the workload)"
    )
    raise UsageError(msg)


def room_of(model: str, effort: str | None) -> int:
    """Return how many tokens a model may reason with beside those of the answer, where the settings say nothing."""
    family = find_family(model)
    if effort is None:
        return ROOM[UNTOLD] if family is not None and family.reasons else 0
    return ROOM[effort]
