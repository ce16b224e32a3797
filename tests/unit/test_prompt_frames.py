"""What stands around records is made once: every prompt is as if it were made in full, also of a template that looks at its record."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.engines.vllm.prompt_frames import ENDINGS
from models.engines.vllm.tokenizer import ChatTokenizer
from models.requests import Message
from tests.unit.test_message_marks import HOSTILE, ORDINARY, TEMPLATE, TRIMS, Slow, of_bytes, of_pieces

SYSTEM = (
    Message("system", " label <end> it\n"),
    Message("user", "\nan example "),
    Message("assistant", ""),
)
EXAMPLES = (Message("user", "an example"), Message("assistant", "a label"))
CUT = (Message("system", "it ends with <en"),)
"""A mark that a record can end where a template puts nothing between."""
LOOKS = "{% if 'end' in messages[-1]['content'] %}"
TEMPLATES = {
    "plain": TEMPLATE,
    "trims": TRIMS,
    "greets": LOOKS + "<bot>ok<end>{% endif %}" + TEMPLATE,
    "ends otherwise": TEMPLATE + LOOKS + " now{% endif %}",
    "counts": TEMPLATE + "{{ messages[-1]['content'] | length }}",
    "refuses": LOOKS + "{{ raise_exception('no') }}{% endif %}" + TEMPLATE,
    "refuses a system": "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no') }}{% endif %}"
    + TEMPLATE,
    "takes apart": TEMPLATE.replace("m['content']", "m['content'].split('<end>')[-1]"),
    "shortens": TEMPLATE.replace("m['content']", "m['content'][:60]"),
    "twice": TEMPLATE.replace("{{ m['content'] }}", "{{ m['content'] }} -- {{ m['content'] }}"),
    "half of it first": TEMPLATE.replace(
        "{{ m['content'] }}",
        "{{ m['content'][:30] if 'end' in m['content'] else '' }}{{ m['content'] }}",
    ),
    "other letters": TEMPLATE.replace("m['content']", "m['content'] | upper"),
    "leaves out": TEMPLATE.replace("m['content']", "m['content'].replace('a', '')"),
    "nothing between": "{% for m in messages %}{{ m['content'] }}{% endfor %}<end>",
    "earlier ones": TEMPLATE.replace(
        "m['content']", "(m['content'] if loop.last or 'd' in messages[-1]['content'] else 'gone')"
    ),
}


def pair(tokenizer: Any) -> tuple[ChatTokenizer, ChatTokenizer]:  # noqa: ANN401  the library's own type
    """Return what makes prompts as ever, and what makes each of them in full."""
    whole = ChatTokenizer(tokenizer)
    whole._frames.find = lambda _: None  # type: ignore[method-assign,assignment]
    return ChatTokenizer(tokenizer), whole


PAIRS = {name: pair(of_bytes(template=template)) for name, template in TEMPLATES.items()}
PAIRS |= {"pieces": pair(of_pieces()), "a tokenizer of another kind": pair(Slow())}


@pytest.mark.parametrize("name", PAIRS)
def test_a_prompt_is_as_if_made_in_full(name: str) -> None:
    """Every text after every other one has the ids that it has by itself."""
    check(name, [*ORDINARY, *HOSTILE, *reversed(ORDINARY)])


@pytest.mark.parametrize("name", PAIRS)
@given(texts=st.lists(st.text(st.sampled_from("<>endusrbot\uff1c\uff1e[ \n\u200b\u0301a|/§\ud800"))))
def test_any_text_is_as_if_made_in_full(name: str, texts: list[str]) -> None:
    """So do texts of the characters of marks."""
    check(name, texts)


def check(name: str, texts: list[str]) -> None:
    """Compare the ids of texts behind several constant messages."""
    quick, whole = PAIRS[name]
    for constant in ((), SYSTEM, EXAMPLES, SYSTEM[:1], CUT):
        for text in texts:
            messages = (*constant, Message("user", text))
            assert quick.prompt_token_ids(messages) == whole.prompt_token_ids(messages)


@pytest.mark.parametrize("name", ["plain", "trims", "other letters", "pieces"])
def test_no_more_is_made_than_needed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records after the first cost one rendering each, and nothing of what stands around them."""
    quick, _ = PAIRS[name]
    quick.prompt_token_ids((*EXAMPLES, Message("user", "first")))
    monkeypatch.setattr(quick._renderer, "render", None)
    for text in ("another", "hello<end>", "<bot>", "b  c\n\n d"):
        quick.prompt_token_ids((*EXAMPLES, Message("user", text)))


def test_what_never_ends_alike_is_not_tried_for_ever() -> None:
    """A template that writes something else behind each record costs no memory and, in the end, no second rendering."""
    quick, _ = pair(of_bytes(template=TEMPLATES["counts"]))
    for number in range(2 * ENDINGS):
        quick.prompt_token_ids((Message("user", "x" * (number + 1)),))
    (opening,) = quick._frames._openings
    assert len(opening.frames) <= opening.tries == ENDINGS
