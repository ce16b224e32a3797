"""Prompts that are made ahead change nothing of what vLLM is given: the same requests, in the same order, before the same steps."""

import importlib
import warnings
from dataclasses import replace
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.engines.vllm.engine import VllmEngine, sampling_params
from models.engines.vllm.gpu_clock import GpuClock
from models.engines.vllm.options import VllmOptions
from models.errors import PromptTooLong
from models.ids import new_id
from models.requests import FreeText, Message, Request
from models.settings import Settings
from tests.unit.test_message_marks import of_bytes

TOKENIZER = of_bytes()
OPTIONS = VllmOptions.from_settings(Settings(), on_cpu=True)
LONG = "long " * 50


@pytest.fixture(scope="module", autouse=True)
def imported() -> None:
    """Import vLLM, which warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        importlib.import_module("vllm.v1.engine.exceptions")
        sampling_params(FreeText(), 1, 0)


class FewAtATime:
    """In the place of a loaded model: finishes some of what it holds at each step, and notes all that it is given."""

    def __init__(self, options: VllmOptions, random: Random) -> None:
        self.options, self.tokenizer, self.max_model_len = options, TOKENIZER, 200
        self.clock, self.alive = GpuClock(), True
        self.held: list[tuple[str, list[int]]] = []
        self.given: list[list[int]] = []
        self.at_steps: list[int] = []
        self.aborted: list[str] = []
        self._random = random

    def llm(self) -> Any:  # noqa: ANN401  vllm's own type
        """Return what requests are added to."""
        return SimpleNamespace(llm_engine=self)

    def add_request(self, key: str, prompt: dict[str, list[int]], *_: object, **__: object) -> None:
        """Hold a request."""
        self.held.append((key, prompt["prompt_token_ids"]))
        self.given.append(prompt["prompt_token_ids"])

    def step(self) -> list[Any]:
        """Answer some of what is held."""
        self.at_steps.append(len(self.held))
        done = self._random.sample(self.held, self._random.randint(1, len(self.held)))
        self.held = [one for one in self.held if one not in done]
        answer = SimpleNamespace(text="x", token_ids=[1], finish_reason="stop", cumulative_logprob=-0.1)
        return [
            SimpleNamespace(
                request_id=key, finished=True, outputs=[answer], prompt_token_ids=ids, num_cached_tokens=0
            )
            for key, ids in done
        ]

    def abort(self, keys: list[str]) -> None:
        """Note what is given up."""
        self.aborted = keys

    def say_once(self, line: str) -> None:
        """Say nothing."""

    def lora_request(self, _: object) -> None:
        """Know no adapter."""


def engine(window: int, sequences: int, seed: int) -> tuple[VllmEngine, FewAtATime]:
    """Make an engine of the real class around a model that is none."""
    options = replace(OPTIONS, window=window, max_num_seqs=sequences, lookahead=1000)
    loaded = FewAtATime(options, Random(seed))
    return VllmEngine(options, loaded), loaded  # type: ignore[arg-type]


def ask(text: str, system: str = "do it") -> Request:
    """Make a request about a text."""
    return Request(new_id(), text, (Message("system", system), Message("user", text)), FreeText(), 10)


@given(
    texts=st.lists(
        st.integers(0, 999).map(str)
        | st.integers(0, 99).map(lambda number: f"{number} {LONG}")
        | st.just(" "),
        unique=True,
        max_size=150,
    ),
    window=st.integers(1, 40),
    sequences=st.integers(1, 40),
    seed=st.integers(0, 999),
)
@example([*"abcde", *(f"a {number} {LONG}" for number in range(9))], 2, 1, 0)
def test_each_step_begins_as_if_no_prompt_was_made_ahead(
    texts: list[str], window: int, sequences: int, seed: int
) -> None:
    """Before each step vLLM holds as many as the window takes, in the order of the window; each request ends once."""
    made, loaded = engine(window, sequences, seed)
    done = list(made.stream(map(ask, texts)))
    assert sorted(one.request.record_key for one in done) == sorted(texts)
    refused = {
        text: "too_long" if text.strip() else "empty" for text in texts if not text.strip() or "long" in text
    }
    assert {one.request.record_key: one.rejection for one in done if one.rejection} == refused
    answered = sorted(set(texts) - refused.keys())
    assert loaded.given == [made.prompt_token_ids(ask(text)) for text in answered]
    left, random = len(answered), Random(seed)
    for held in loaded.at_steps:
        assert held == min(window, left)
        left -= len(random.sample(range(held), random.randint(1, held)))
    assert left == 0


def test_a_stop_gives_up_what_vllm_holds() -> None:
    """What was made ahead is dropped, what was begun is aborted, and nothing more is asked."""
    made, loaded = engine(4, 8, 1)
    stream = made.stream(map(ask, map(str, range(100))), stop=lambda: len(loaded.at_steps) == 2)
    assert len(list(stream)) == len(loaded.given) - len(loaded.held)
    assert len(loaded.given) <= 12
    assert loaded.aborted == [key for key, _ in loaded.held]


def test_a_prompt_that_leaves_no_room_ends_the_stream() -> None:
    """What is found out about the prompt itself, ahead, is raised where its record comes; vLLM is left without requests."""
    made, loaded = engine(4, 8, 1)
    asked = [*map(ask, "abc"), ask("z", "zz" * 200)]
    with pytest.raises(PromptTooLong):
        list(made.stream(asked))
    assert len(loaded.given) == 3
    assert loaded.aborted == [key for key, _ in loaded.held]
