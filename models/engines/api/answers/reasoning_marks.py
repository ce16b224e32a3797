"""Reasoning that stands in the text of an answer, between marks that the chat template of a model sets.

Where the server has no parser for a model's reasoning, it hands the marks on: `<think>` of DeepSeek, Qwen and many
others, `[THINK]` of Mistral, the channels of gpt-oss, `<|START_THINKING|>` of Cohere, `◁think▷` of Kimi. Several
templates write the opening mark into the prompt, so that only the closing one is in the answer
(https://docs.vllm.ai/en/latest/features/reasoning_outputs.html, https://cookbook.openai.com/articles/openai-harmony,
read 2026-11-30).
"""

import re

_NAMES = (
    "think|thinking|thought|thoughts|reasoning|reason|reflection|scratchpad|analysis|seed:think|antThinking"
)
_PAIRS = (
    (rf"<(?:{_NAMES})>", rf"</(?:{_NAMES})>"),
    (r"\[THINK\]", r"\[/THINK\]"),
    (r"<\|START_THINKING\|>", r"<\|END_THINKING\|>"),
    (r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>"),
    (r"◁think▷", r"◁/think▷"),
    (r"<unused94>", r"<unused95>"),
)
_EACH = [(re.compile(opens, re.IGNORECASE), re.compile(closes, re.IGNORECASE)) for opens, closes in _PAIRS]
_BLANKS = re.compile(r"\s*")
_OPENS = re.compile("|".join(opens for opens, _ in _PAIRS), re.IGNORECASE)
_CLOSES = re.compile("|".join(closes for _, closes in _PAIRS), re.IGNORECASE)
_OWN_LINE = re.compile(
    rf"(?:^|\n)[ \t]*(?:{'|'.join(closes for _, closes in _PAIRS)})[ \t]*(?:\n|$)", re.IGNORECASE
)
_CHANNEL = re.compile(
    r"(?:<\|start\|>\s*+assistant\s*+)?<\|channel\|>\s*+(\w++)[^<]*+(?:<\|constrain\|>[^<]*+)?<\|message\|>(.*?)"
    r"(?=<\|(?:end|return|call|start|channel)\|>|$)",
    re.DOTALL,
)
_ANALYSIS, _FINAL = re.compile(r"analysis(?=[A-Z])"), "assistantfinal"
"""What is left of harmony's marks where a server takes special tokens out of the text and does not read them."""
_LEFT_OVER = re.compile(
    r"<\|(?:end|return|call|im_end|eot_id|endoftext|end_of_text|END_RESPONSE|START_RESPONSE|START_TEXT|END_TEXT"
    r"|begin_of_solution|end_of_solution)\|>|</s>|<end_of_turn>"
)


def without_reasoning(content: str, *, free: bool) -> str:
    """Return what a model wrote for us, of a text that may hold what it wrote for itself; empty where all is reasoning.

    Of a `free` text, which may speak of such marks itself, only reasoning before the answer is taken off.
    """
    if (
        "<|channel|>" in content
        and "<|message|>" in content
        and (free is False or content.lstrip().startswith("<|"))
    ):
        return _final_channel(content)
    bare = content.strip()
    if bare.startswith("analysis") and _FINAL in bare:
        return bare.rpartition(_FINAL)[2]
    if not free and _ANALYSIS.match(bare):
        return ""
    if _CLOSES.search(bare) is None and _OPENS.search(bare) is None:
        return content if free else _LEFT_OVER.sub("", content)
    return _before_answer(bare) if free else _anywhere(bare)


def _final_channel(content: str) -> str:
    """Return what stands in the channel of answers, harmony's `final`."""
    said = [text.strip() for name, text in _CHANNEL.findall(content) if name == "final"]
    return _LEFT_OVER.sub("", said[-1]).strip() if said else ""


def _before_answer(bare: str) -> str:
    """Take off reasoning that a text begins with, in one pair of marks after the other, or up to one closing mark on a line of its own."""
    at = 0
    while (opened := _OPENS.match(bare, at)) is not None:
        ended = _CLOSES.search(bare, opened.end())
        if ended is None:
            return ""
        at = _BLANKS.match(bare, ended.end()).end()  # type: ignore[union-attr]  # always matches
    bare = bare[at:]
    first = _CLOSES.search(bare)
    if first is not None and (line := _OWN_LINE.search(bare)) is not None and _OPENS.search(bare) is None:
        return bare[line.end() :].strip()
    return bare


def _anywhere(bare: str) -> str:
    """Take off all pairs, what stands before a closing mark without an opening one, and what an opening mark leaves open."""
    closings = list(_CLOSES.finditer(bare))
    if closings:
        closed, rest = bare[: closings[-1].end()], bare[closings[-1].end() :]
        for opens, closes in _EACH:
            closed = _without_pairs(closed, opens, closes)
        left = list(_CLOSES.finditer(closed))
        bare = (closed[left[-1].end() :] if left else closed) + rest
    opened = _OPENS.search(bare)
    return _LEFT_OVER.sub("", bare if opened is None else bare[: opened.start()]).strip()


def _without_pairs(text: str, opens: re.Pattern[str], closes: re.Pattern[str]) -> str:
    """Set a line break for each opening mark with all up to the closing mark behind it."""
    kept, at = [], 0
    while (opened := opens.search(text, at)) and (closed := closes.search(text, opened.end())):
        kept.append(text[at : opened.start()])
        at = closed.end()
    return "\n".join([*kept, text[at:]])
