"""The local model's own tokenizer and chat template: what the engine is sent, without the engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from models.engines.vllm.chat_template import examine_template
from models.engines.vllm.guarded_tokens import GuardedPrompt
from models.engines.vllm.message_marks import MessageMarks, choose_tokens
from models.engines.vllm.options import VllmOptions
from models.engines.vllm.prompt_frames import NO_HEAD, Head, PromptFrames
from models.engines.vllm.remote_code import ask_nobody, refuse_code
from models.engines.vllm.rendering import PromptPart, PromptRenderer
from models.errors import UsageError
from models.requests import Message

PROBES = ("x", "y", " y", "\n 1", "<", "É東🙂")
"""Texts on which a prompt's constant head is tried: what a tokenizer might join to it."""


HEADS = 8
"""Constant heads that are remembered: a stream has that of its workload and, in between, that of its triage."""


class ChatTokenizer:
    """Turns chat messages into the token ids of a prompt, and counts them.

    `tokenizer` is a Hugging Face tokenizer: the engine's own, or a loaded one. `template` takes the place of the chat
    template that it has, `arguments` are given to either. Raises `UsageError` for a template that cannot be used.
    """

    def __init__(
        self,
        tokenizer: Any,  # noqa: ANN401  transformers is not typed for us
        template: str | None = None,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        self._tokenizer = tokenizer
        self._use = examine_template(tokenizer, template, arguments or {})
        self._renderer = PromptRenderer(tokenizer, self._use)
        self._tokens = choose_tokens(tokenizer, self._renderer.render((Message("user", "x"),)))
        self._marks = MessageMarks(tokenizer, self._tokens, self._renderer)
        self._frames = PromptFrames(self._renderer, self._marks)
        self._heads: dict[tuple[Message, ...], Head | None] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of the chat template, a line each."""
        return (*self._use.notes, *self._marks.notes)

    def prompt_token_ids(self, messages: Sequence[Message]) -> list[int]:
        """Apply the model's chat template to messages and return the token ids.

        What a message says yields none of the added tokens of the tokenizer, special or not, whatever it spells
        (`<|im_end|>`, `</think>` …): a record can end neither its message nor the system's.

        The messages before the last one are taken to be constant over records. Their ids are made once,
        where the prompt can be cut in two: an added token stands at the cut, so that the tokenizer itself
        begins anew there, and it does so for `PROBES`.
        """
        return self.prompts([tuple(messages)])[0]

    def prompts(self, conversations: Sequence[tuple[Message, ...]]) -> list[list[int]]:
        """Return the token ids of many prompts at once: `prompt_token_ids(…)` of each."""
        cuts = [self._cut(messages) for messages in conversations]
        tails = self._tokens.tokenize([tail for _, tail in cuts])
        return [[*head.ids, *ids] for (head, _), ids in zip(cuts, tails, strict=True)]

    def prompt_text(self, messages: Sequence[Message]) -> str:
        """Return the prompt as the model's chat template renders it, with marks that messages write spelled out."""
        return "".join(one.text for one in self._parts(messages))

    def count(self, conversations: Sequence[tuple[Message, ...]]) -> list[int]:
        """Return the number of tokens of each prompt: `len(prompt_token_ids(…))`, of many at once."""
        return [len(ids) for ids in self.prompts(conversations)]

    def text_tokens(self, text: str) -> int:
        """Return the number of tokens of a text that stands by itself, such as an answer."""
        return len(self._tokens.encode(text))

    def _cut(self, messages: tuple[Message, ...]) -> tuple[Head, GuardedPrompt]:
        """Return the constant head of a prompt, which may be empty, and the rest of it."""
        if (known := self._frames.find(messages)) is not None:
            return known
        head, parts = self._head(messages), self._renderer.render(messages)
        prompt = self._tokens.guarded(self._marks.spell_out(parts))
        if head is None or not prompt.text.startswith(head.text):
            head = NO_HEAD
        self._frames.learn(messages, parts, prompt, head)
        return head, prompt.after(len(head.text), head.guards)

    def _head(self, messages: tuple[Message, ...]) -> Head | None:
        if not messages:
            return None
        constant = messages[:-1]
        if constant not in self._heads:
            if len(self._heads) >= HEADS:
                self._heads.clear()
            self._heads[constant] = self._find_head(constant, messages[-1])
        return self._heads[constant]

    def _find_head(self, constant: tuple[Message, ...], last: Message) -> Head | None:
        """Return what all prompts begin with, up to an added token; None where a cut changes tokens."""
        prompts = [self._prompt((*constant, Message(last.role, probe))) for probe in PROBES]
        texts = [one.text for one in prompts]
        starts = [found.start() for found in self._tokens.guard.finditer(_common(texts))]
        if not starts or starts[-1] == 0:
            return None
        cut, guards = starts[-1], len(starts) - 1
        rests = self._tokens.tokenize([one.after(cut, guards) for one in prompts])
        whole = self._tokens.tokenize(prompts)
        ids = whole[0][: len(whole[0]) - len(rests[0])]
        if [ids + rest for rest in rests] != whole:
            return None
        return Head(texts[0][:cut], guards, tuple(ids))

    def _prompt(self, messages: Sequence[Message]) -> GuardedPrompt:
        return self._tokens.guarded(self._parts(messages))

    def _parts(self, messages: Sequence[Message]) -> tuple[PromptPart, ...]:
        return self._marks.spell_out(self._renderer.render(messages))


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A local model without its weights: its tokenizer, and the longest prompt with answer that it takes.

    `max_model_len` is in tokens, None where the model does not say.
    """

    tokenizer: ChatTokenizer
    max_model_len: int | None


def load_local_model(options: VllmOptions) -> LocalModel:
    """Load the tokenizer of the model that the engine would load. Takes seconds; needs no GPU.

    Raises `UsageError` for a model that is not there or has no tokenizer.
    """
    from transformers import AutoConfig, AutoTokenizer  # noqa: PLC0415  slow to import: it brings torch

    where = {
        "revision": options.revision,
        "local_files_only": Path(options.path).exists(),
        "trust_remote_code": options.trust_remote_code,
    }
    ask_nobody()
    try:
        tokenizer = AutoTokenizer.from_pretrained(options.path, **where)
        config = AutoConfig.from_pretrained(options.path, **where)
    except (OSError, ValueError) as error:
        if not options.trust_remote_code:
            refuse_code(options.name, options.path, error)
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        msg = f"cannot load the tokenizer of {options.name}: {reason}"
        raise UsageError(msg) from error
    chat = ChatTokenizer(tokenizer, options.chat_template, options.template_arguments)
    return LocalModel(chat, options.max_model_len or _context(config, tokenizer))


def _context(config: Any, tokenizer: Any) -> int | None:  # noqa: ANN401  transformers is not typed for us
    """Return the context length as vLLM derives it, but for models that stretch it (linear RoPE scaling)."""
    found = getattr(config.get_text_config(), "max_position_embeddings", None)
    return None if found is None else min(int(found), int(tokenizer.model_max_length))


def _common(texts: Sequence[str]) -> str:
    """Return what all texts begin with."""
    return "".join(some[0] for some in takewhile(lambda some: len(set(some)) == 1, zip(*texts, strict=False)))
