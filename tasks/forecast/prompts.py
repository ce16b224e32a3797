"""Real prompts of the user, read from files as a workload's input is, and counted with the API's tokenizer."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from models.economics.quote import Estimate, estimate_total
from models.engines.api.token_count import ApiTokenCounter
from models.errors import InputError
from models.requests import FreeText, Message, OutputFormat
from tasks.forecast.reservoir import Reservoir
from tasks.forecast.token_counts import TextCounter
from tasks.reading.columns import match_column, match_columns, no_column, split_names
from tasks.reading.row_template import RowTemplate
from tasks.reading.rows import Chunk
from tasks.reading.source import Source
from tasks.reading.whole import columns_of, open_all, records_of

PROMPT_NAMES = ("prompt", "text", "content", "message", "question", "input")
"""Columns looked for, in this order, where none is named."""
PLAIN = FreeText()
"""What is answered to a plain prompt."""

Render = Callable[[str], tuple[Message, ...]]


def render_as_is(text: str) -> tuple[Message, ...]:
    """Render a prompt that is a whole request: one message of the user's."""
    return (Message("user", text),)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt, and the answer that it got; None: it is not known."""

    text: str
    answer: str | None

    @property
    def chars(self) -> int:
        """Characters of both."""
        return len(self.text) + len(self.answer or "")


@dataclass(frozen=True, slots=True)
class CountedPrompts:
    """Prompts of an input: how many there are, and the tokens of those that were counted.

    `left_out`: rows without a prompt (or without an answer, where answers are counted). `outputs` None: no answers
    were read. `columns`: those that the prompts come from.
    """

    prompts: int
    left_out: int
    inputs: list[int]
    outputs: list[int] | None
    columns: tuple[str, ...]

    @property
    def input_tokens(self) -> Estimate | None:
        """Input tokens of all prompts of the input; None where one prompt of several tells no interval."""
        if len(self.inputs) == 1 < self.prompts:
            return None
        return estimate_total(self.inputs, self.prompts)


class RequestCounter:
    """Counts the tokens of requests and answers, as `ApiTokenCounter` does, many at a time."""

    def __init__(
        self,
        counter: ApiTokenCounter,
        texts: TextCounter,
        render: Render,
        output: OutputFormat = PLAIN,
    ) -> None:
        self._counter = counter
        self._output = output
        self._texts = texts
        self._render = render
        self._constant: tuple[list[Message], str] | None = None
        self._constant_tokens = 0

    def __call__(self, prompts: Sequence[Prompt]) -> list[tuple[int, int]]:
        """Return the tokens of each request and of its answer (0 where it has none)."""
        rendered = [self._render(prompt.text) for prompt in prompts]
        around = [self._around(messages) for messages in rendered]
        texts = self._texts.count([messages[-1].content for messages in rendered])
        answers = self._texts.count([self._written(prompt.answer) for prompt in prompts])
        return [
            (outside + text, answer) for outside, text, answer in zip(around, texts, answers, strict=True)
        ]

    def _around(self, messages: tuple[Message, ...]) -> int:
        """Return the tokens around the record's text: mostly the same, so they are counted when they change."""
        *rest, last = messages
        if (rest, last.role) != self._constant:
            self._constant = rest, last.role
            around = (*rest, replace(last, content=""))
            self._constant_tokens = self._counter.input_tokens(around, self._output)
        return self._constant_tokens

    def _written(self, answer: str | None) -> str:
        return "" if answer is None else self._counter.written(self._output, answer, None)


def count_prompts(
    source: Source,
    counter: Callable[[Sequence[Prompt]], Sequence[tuple[int, int]]],
    *,
    answer_column: str | None = None,
    sample: int | None = None,
    seed: int = 0,
) -> CountedPrompts:
    """Read all prompts of a source, whatever their dates, and count a sample of them, or all.

    Raises `InputError` where the input cannot be read, has no such column, or holds no prompt.
    """
    drawn = Reservoir(sample, seed, counter)
    rows = 0
    for prompt in _prompts(source, answer_column):
        rows += 1
        if prompt is not None:
            drawn.add(prompt)
    found = drawn.result()
    if not found:
        what = f"{', '.join(source.text_columns)}" + (f" and {answer_column}" if answer_column else "")
        msg = (
            f"{source.name} holds no prompt: none of its {rows:,} rows has text in {what}"
            if rows
            else f"{source.name} holds no prompt: it has no rows"
        )
        raise InputError(msg)
    inputs, outputs = [one[0] for one in found], [one[1] for one in found]
    return CountedPrompts(
        drawn.seen, rows - drawn.seen, inputs, outputs if answer_column else None, source.text_columns
    )


def prompt_source(location: str, columns: Sequence[str], where: str | None, answer: str | None) -> Source:
    """Say where plain prompts are: in the columns that are named, else in the one that is called like one.

    Raises `InputError` for a column that is missing or holds no text, and where none can be told.
    """
    existing = columns_of(location)
    columns = split_names(columns, existing)
    asked = [*columns, *([answer] if answer else [])]
    found = match_columns(asked, list(existing), location)
    if missing := [name for name in asked if name not in found]:
        raise InputError(no_column(location, missing, list(existing)))
    named = [found[name] for name in asked]
    if unfit := [name for name in named if not existing[name]]:
        msg = f"column {unfit[0]} of {location} holds no text; choose another with --column"
        raise InputError(msg)
    taken = found[answer] if answer else None
    chosen = tuple(found[name] for name in columns) or _prompt_column(location, existing, taken)
    return Source(location, chosen, id_column=chosen[0], timestamp_column="", where=where)


def _prompt_column(location: str, existing: dict[str, bool], answer: str | None) -> tuple[str]:
    texts = [name for name, text in existing.items() if text and name != answer]
    alike = (match_column(name, texts, location) for name in PROMPT_NAMES)
    found = next((name for name in PROMPT_NAMES if name in texts), None) or next(filter(None, alike), None)
    if found is None and len(texts) == 1:
        found = texts[0]
    if found is None:
        msg = f"say with --column which column of {location} holds the prompts; it has: {', '.join(existing)}"
        raise InputError(msg)
    return (found,)


def _prompts(source: Source, answer_column: str | None) -> Iterator[Prompt | None]:
    """Yield each row's prompt; None for a row without one, or without the answer that is asked for."""
    columns = source.text_columns
    if answer_column is not None:
        source = replace(source, text_columns=(*columns, answer_column))
    for raw in open_all(source):
        for chunk in raw.chunks():
            texts = _texts(chunk, chunk.texts[: len(columns)], columns, source.template)
            if answer_column is None:
                yield from (None if text is None else Prompt(text, None) for text in texts)
                continue
            answers = _texts(chunk, chunk.texts[len(columns) :], (answer_column,))
            for text, answer in zip(texts, answers, strict=True):
                yield None if text is None or answer is None else Prompt(text, answer)


def _texts(
    chunk: Chunk,
    texts: Sequence[Sequence[object]],
    columns: Sequence[str],
    template: RowTemplate | None = None,
) -> list[str | None]:
    """Return each row's text, None where it would be set aside."""
    records = records_of(chunk, texts, columns, template)
    return [None if record is None else record.text for record in records]
