"""Marks of turns of the known model families: a server of one's own may parse them in a message, so records spell them out."""

import re
from functools import lru_cache

from models.engines.marks import LINE_START, spell_out
from models.requests import Message

_ALTERNATIVES = (
    # ChatML, Llama 3 and 4, Phi, Command R, Granite, OpenAI's harmony, DeepSeek (full width counts as plain)
    r"<\|[^<>\s|]{1,80}\|?>",
    r"<[^<>\s|]{1,80}\|>",
    # Llama 2, Mistral
    r"\[/?(?:inst|system_prompt|available_tools|tool_results|tool_calls|tool_content|call_id|model_settings)\]",
    r"\[/?(?:img|img_break|img_end|begin_audio|think|gmask|smask|control_\d{1,4})\]",
    r"<</?sys>>",
    # Gemma, T5, InternLM, StarCoder, Baichuan, and what begins and ends a text
    r"</?(?:s|bos|eos|pad|unk|mask|sop|eop|eoa|eoh|eot|eod|eom|eosys)>",
    r"<(?:start|end)_(?:of|header)_[a-z_]{1,20}>",
    r"</?(?:start|end)of(?:turn|text|image|audio|sentence|utterance)>",
    r"<(?:extra_id_|reserved_|unused|tokens_unused_|special_|fim_)[\w-]{1,20}>",
    r"<(?:repo_name|reponame|file_sep|filename|gh_stars|issue_start|issue_comment|issue_closed)>",
    r"<(?:jupyter_start|jupyter_text|jupyter_code|jupyter_output|jupyter_script|empty_output)>",
    # reasoning and tools: Qwen, DeepSeek, Hermes, Seed
    r"</?(?:think|thinking|seed:[a-z_]{1,30}|tool_calls?|tool_responses?|tool_results?|tools|tool|function_calls?|arg_key|arg_value)>",
    # MiniMax
    r"\]~!?b\[|\]~b\]|\[e~\[",
    # Alpaca, Vicuna, and completions of Claude's time
    rf"{LINE_START}#{{2,4}}[ \t]*(?:instruction|response|input|human|assistant|user|system|question|answer)s?[ \t]*:",
    rf"{LINE_START}(?:human|assistant)[ \t]?:",
)
KNOWN_MARKS = re.compile("|".join(_ALTERNATIVES))
"""Over folded text (`models.engines.marks`)."""
_STARTS = re.compile(r"[<\[\]#:]|[^\x00-\x7f]")


@lru_cache(maxsize=64)
def _constant(text: str) -> str:
    return spell_out(text, KNOWN_MARKS)


def spell_out_marks(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Return messages in which what users say holds no known mark; the system's words and answers of examples are the user's own."""
    return tuple(
        Message(one.role, _spelled(one.content, last=place == len(messages) - 1))
        if one.role == "user" and _STARTS.search(one.content)
        else one
        for place, one in enumerate(messages)
    )


def _spelled(text: str, *, last: bool) -> str:
    return spell_out(text, KNOWN_MARKS) if last else _constant(text)
