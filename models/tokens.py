"""Token counts of the API model, estimated with tiktoken. Estimates only: usage is what a provider reports."""

import gzip
import hashlib
import logging
import os
import re
from collections.abc import Callable
from functools import cache, cached_property, lru_cache, partial
from importlib.util import find_spec
from pathlib import Path

import tiktoken

from models.catalogue.encodings import find_encoding
from models.errors import UsageError
from models.private_files import make_folder, renew_file
from models.requests import Message

log = logging.getLogger(__name__)

_PACKED = ("o200k_base", "cl100k_base")
_CACHE_VARIABLES = ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR")

TOKENS_PER_MESSAGE = 3
TOKENS_PER_REPLY = 3
_REPEATED_TEXTS = 256

LONGEST_RUN = 100_000
"""Blanks in a row that tiktoken is given: at a million its regular expression overflows its stack, and that cannot be caught."""
_RUN = re.compile("[\t\v\f \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
"""White space without line breaks, as the vocabularies' expressions know it."""


def load_encoding(model_name: str, cache_dir: Path) -> tiktoken.Encoding:
    """Return the tokenizer of an OpenAI model without using the network where that is possible.

    The vocabularies of gpt-4o and newer (`o200k_base`) and of gpt-4 and gpt-3.5 (`cl100k_base`) are unpacked
    once from the package bpe-openai to where tiktoken looks for them: the folder the user named in
    `TIKTOKEN_CACHE_DIR`, or `cache_dir`. `model_name` is the settings' `api_tokenizer`, or else their `api_model`.
    Raises `UsageError` for a model of no known family, or whose vocabulary cannot be fetched.
    """
    name = encoding_name(model_name)
    _provide_vocabulary(name, cache_dir)
    try:
        return tiktoken.get_encoding(name)
    except OSError as error:  # what the HTTP library raises is one
        msg = (
            f"the vocabulary {name} of {model_name!r} is not here and cannot be fetched; set BREAKEVEN_API_TOKENIZER "
            "to a model whose tokens are to stand for its, such as gpt-4o-mini"
        )
        raise UsageError(msg) from error


def counter_of(model_name: str, cache_dir: Path) -> "ChatTokenCounter":
    """Return what counts tokens by the tokenizer of an OpenAI model. A vocabulary that is here is loaded at the first count.

    Raises `UsageError` as `load_encoding` does.
    """
    load, name = partial(load_encoding, model_name, cache_dir), encoding_name(model_name)
    if not _provide_vocabulary(name, cache_dir):
        load()
    return ChatTokenCounter(load, name)


def encoding_name(model_name: str) -> str:
    """Return the name of the vocabulary that counts a model's tokens; a vocabulary's own name is one as well.

    What tiktoken does not know is looked up in the table of families, and that it is assumed is said once a
    process. Raises `UsageError` for a name of no family.
    """
    if model_name in tiktoken.list_encoding_names():
        return model_name
    try:
        return tiktoken.encoding_name_for_model(model_name)
    except KeyError:
        assumed = find_encoding(model_name)
    if assumed is None:
        msg = (
            f"no tokenizer is known for the API model {model_name!r}; set BREAKEVEN_API_TOKENIZER to the model "
            "that tiktoken knows and whose tokens are to stand for its, such as gpt-4o-mini"
        )
        raise UsageError(msg)
    _warn_of_assumed(model_name, assumed.encoding, str(assumed.date))
    return assumed.encoding


@cache
def _warn_of_assumed(model_name: str, encoding: str, since: str) -> None:
    log.warning(
        "tiktoken does not know %s: its tokens are counted with %s, an assumption of %s; BREAKEVEN_API_TOKENIZER "
        "names another, and what the API reports corrects it",
        model_name,
        encoding,
        since,
    )


def count_tokens(tokenizer: tiktoken.Encoding, text: str) -> int:
    """Return the number of tokens of a text, that of `encode_ordinary`, which fails on long runs of blanks.

    Blanks up to a word are one piece without their last one, blanks at the end are one with it, blanks up to a line break do no
    harm. Pieces of more than `LONGEST_RUN` are counted by themselves. The time is about linear.
    """
    if len(text) <= LONGEST_RUN:
        return len(tokenizer.encode_ordinary(text))
    count, start = 0, 0
    for run in _RUN.finditer(text):
        if run.end() - run.start() <= LONGEST_RUN or text.startswith(("\r", "\n"), run.end()):
            continue
        is_last = run.end() == len(text)
        if is_last and r"\s++$" in tokenizer._pat_str:  # noqa: SLF001  takes blanks at the end without a stack
            break
        cut = run.end() if is_last else run.end() - 1
        count += len(tokenizer.encode_ordinary(text[start : run.start()]))
        count += len(tokenizer._encode_single_piece(text[run.start() : cut]))  # noqa: SLF001  no public way round the expression
        start = cut
    return count + len(tokenizer.encode_ordinary(text[start:]))


def _provide_vocabulary(name: str, cache_dir: Path) -> bool:
    """Put a packed vocabulary under the name tiktoken expects; tiktoken itself checks its hash. False if it must be fetched."""
    named = next((os.environ[name] for name in _CACHE_VARIABLES if name in os.environ), None)
    if name not in _PACKED or named == "":  # the user switched tiktoken's cache off
        return False
    folder = Path(named) if named else (cache_dir / "tiktoken").resolve()
    # The variable is tiktoken's only way of being told.
    os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(folder))
    target = folder / hashlib.sha1(_url(name).encode(), usedforsecurity=False).hexdigest()
    try:
        if not target.exists():
            make_folder(folder)
            unfinished = target.with_suffix(f".{os.getpid()}.partial")
            with renew_file(unfinished) as file:
                file.write(gzip.decompress(_packed_vocabulary(name).read_bytes()))
            unfinished.replace(target)
    except OSError as error:
        msg = f"cannot use the folder of vocabularies, {folder}: {error.strerror}; set BREAKEVEN_CACHE_DIR to one of your own"
        raise UsageError(msg) from error
    return True


def _url(name: str) -> str:
    return f"https://openaipublic.blob.core.windows.net/encodings/{name}.tiktoken"


def _packed_vocabulary(name: str) -> Path:
    """Find the data file without importing its package, which would load every vocabulary it has."""
    spec = find_spec("bpe_openai")
    places = spec.submodule_search_locations if spec else None
    if not places:
        msg = (
            "the package bpe-openai, which carries OpenAI's vocabularies, is not installed; run `make setup`"
        )
        raise UsageError(msg)
    return Path(places[0], "data", f"{name}.tiktoken.gz")


class ChatTokenCounter:
    """Counts the tokens that a chat request would have on the API. The counts are estimates.

    Input: 3 tokens a message, the tokens of its role and of its content, and 3 that prime the reply, as
    the OpenAI cookbook documents ("How to count tokens with tiktoken",
    https://github.com/openai/openai-cookbook/blob/main/examples/How_to_count_tokens_with_tiktoken.ipynb).

    `load` gives the tokenizer, at the first count; `name` is its vocabulary's.
    """

    name = ""

    def __init__(self, load: Callable[[], tiktoken.Encoding], name: str = "") -> None:
        self._load = load
        self.name = name
        self._repeated = lru_cache(maxsize=_REPEATED_TEXTS)(self._count)  # roles, labels as answers
        self._constant: tuple[Message, ...] = ()
        self._constant_tokens = 0

    @cached_property
    def _tokenizer(self) -> tiktoken.Encoding:
        return self._load()

    def input_tokens(self, messages: tuple[Message, ...]) -> int:
        """Estimate the input tokens of a request.

        All but the last message are taken to be constant over records (system prompt, examples) and
        are counted when they change; the last one holds the record and is counted each time.
        """
        if not messages:
            return TOKENS_PER_REPLY
        return self.constant_tokens(messages) + self._message(messages[-1]) + TOKENS_PER_REPLY

    def constant_tokens(self, messages: tuple[Message, ...]) -> int:
        """Estimate the tokens of all messages but the last."""
        constant = messages[:-1]
        if constant != self._constant:
            self._constant, self._constant_tokens = constant, sum(map(self._message, constant))
        return self._constant_tokens

    def output_tokens(self, text: str) -> int:
        """Estimate the output tokens of an answer."""
        return self._repeated(text)

    def _message(self, message: Message) -> int:
        return TOKENS_PER_MESSAGE + self._repeated(message.role) + self._count(message.content)

    def _count(self, text: str) -> int:
        return count_tokens(self._tokenizer, text)
