"""Chat templates: one of the user's own, given as text or as a file, and what is found out about any before it is used."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from models.errors import UsageError
from models.text_files import is_there, read_text

_JINJA = re.compile(r"\{[{%#]|\n")
"""What a template has and the name of a file has not."""
OURS = ("conversation", "messages", "tokenize", "add_generation_prompt", "chat_template")
"""Arguments of the library's call that the program sets."""
SYSTEM, USER = "What a system message says.", "What a user says."
THINKING = "enable_thinking"
"""The switch of templates that let a model think or not, as those of Qwen3 and SmolLM3 have it."""


@dataclass(frozen=True, slots=True)
class TemplateUse:
    """How a model's chat template is used: with which arguments, whether it shows a system message, what to say of it."""

    arguments: Mapping[str, Any]
    takes_system: bool
    notes: tuple[str, ...]


def read_template(given: str | None) -> str | None:
    """Return the template that a setting holds or names; None for the model's own. Raises `UsageError`."""
    if given is None or _JINJA.search(given):
        return _parsed(given, "chat_template")
    path = Path(given)
    if not is_there(path):
        msg = (
            f"chat_template: no file {given}; give a file that holds a Jinja template, or the template itself"
        )
        raise UsageError(msg)
    return _parsed(read_text(path), str(path))


def _parsed(template: str | None, where: str) -> str | None:
    """See that a template can be read, before a model is loaded for it. Raises `UsageError` with the line."""
    if template is not None and "generation %}" not in template:  # a tag of the library's own
        try:
            ImmutableSandboxedEnvironment(extensions=["jinja2.ext.loopcontrols"]).parse(template)
        except TemplateSyntaxError as error:
            msg = f"{where}, line {error.lineno}: {error.message}"
            raise UsageError(msg) from error
    return template


def examine_template(tokenizer: Any, given: str | None, arguments: Mapping[str, Any]) -> TemplateUse:  # noqa: ANN401  transformers is not typed for us
    """Try a model's chat template, or the one `given` in its place, and find out how it is to be used.

    Raises `UsageError` for one that cannot be rendered, and for a model without one.
    """
    if taken := sorted(set(OURS) & set(arguments)):
        msg = f"chat_template_kwargs: {taken[0]} is set by the program"
        raise UsageError(msg)
    source = given or _own_source(tokenizer)
    used = dict(arguments) | ({} if given is None else {"chat_template": given})
    notes = []
    if THINKING in source and THINKING not in arguments:
        used[THINKING] = False
        notes.append(f"its chat template lets the model think; it is told not to ({THINKING} = false)")
    prompt = _render(tokenizer, used, ("user", USER))
    takes_system = _shows_system(tokenizer, used)
    if not takes_system:
        notes.append(
            "its chat template takes no system message: what it would say begins the first user message"
        )
    notes += _notes_on(tokenizer, prompt)
    return TemplateUse(used, takes_system, tuple(notes))


def _own_source(tokenizer: Any) -> str:  # noqa: ANN401
    found = getattr(tokenizer, "chat_template", None) or ""
    return found if isinstance(found, str) else "\n".join(map(str, found.values()))


def _render(tokenizer: Any, arguments: Mapping[str, Any], *said: tuple[str, str]) -> str:  # noqa: ANN401
    messages = [{"role": role, "content": content} for role, content in said]
    try:
        text: str = tokenizer.apply_chat_template(
            messages, **arguments, tokenize=False, add_generation_prompt=True
        )
    except TemplateError as error:
        msg = f"the model's chat template cannot be used: {_first_line(error)}; set chat_template to one of your own"
        raise UsageError(msg) from error
    except ValueError as error:
        msg = (
            f"the model has no chat template ({_first_line(error)[:80]}); set chat_template (docs/models.md)"
        )
        raise UsageError(msg) from error
    return text


def _shows_system(tokenizer: Any, arguments: Mapping[str, Any]) -> bool:  # noqa: ANN401
    """Whether a system message is in the prompt: some templates refuse one, others leave it out."""
    try:
        return SYSTEM in _render(tokenizer, arguments, ("system", SYSTEM), ("user", USER))
    except UsageError:
        return False


def _notes_on(tokenizer: Any, prompt: str) -> list[str]:  # noqa: ANN401
    """Say what is wrong with the ends of a prompt: thinking that has begun, and the token that begins a text."""
    notes = []
    if prompt.rfind("<think>") > prompt.rfind("</think>"):
        notes.append(
            "its chat template begins the answer with <think> and has no switch for it, so the answer would be cut off: "
            "set chat_template to one that ends without it, or take another model"
        )
    bos = getattr(tokenizer, "bos_token", None)
    if not bos:
        return notes
    if prompt.startswith(bos + bos):
        notes.append(f"its chat template writes {bos} twice: set chat_template to one that writes it once")
    elif not prompt.startswith(bos) and _adds_bos(tokenizer):
        notes.append(
            f"its chat template does not begin with {bos}, which its tokenizer puts before a text: if answers are poor, "
            "set chat_template to one that begins with {{ bos_token }}"
        )
    return notes


def _adds_bos(tokenizer: Any) -> bool:  # noqa: ANN401
    ids = tokenizer("x")["input_ids"]
    return bool(ids) and ids[0] == getattr(tokenizer, "bos_token_id", None)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
