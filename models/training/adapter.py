"""Trains a LoRA adapter on a language model, within a budget of time, from checkpoint to checkpoint."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from signal import SIGTERM
from typing import Any

from models.errors import Interrupted, UsageError
from models.evaluation.intervals import wilson
from models.evaluation.scores import Share
from models.requests import JsonValue, Message
from models.training.base_model import describe_base, load_base
from models.training.batches import Encoded, Encoder, are_labels, draw, make_batches
from models.training.checkpoint import (
    EVERY_SECONDS,
    NAME,
    TrainingProgress,
    read_checkpoint,
    write_checkpoint,
)
from models.training.examples import Example
from models.training.hold_out import AnswersNow, AnswerTree, Compared, answering_now, mark, weigh_tokens
from models.training.lora_steps import BATCH, LoraSteps
from models.training.merge import write_adapter, write_merged
from models.training.pass_through import PassThrough

FEWEST = 5
"""Examples without which nothing is trained."""
FOR_STEPS = 0.85
"""Share of the budget for loading and steps; the rest is for measuring and writing."""
FOR_STEPS_COMPARED = 0.75
"""The same where what answers now is measured as well."""
LEAST_MEASURED = 50
"""Held-out examples that are measured however much time it takes."""
SAY_EVERY = 20.0
"""Seconds of the clock between two lines of progress."""


@dataclass(frozen=True, slots=True)
class AdapterJob:
    """What to train: the base model's folder (or its name on the Hub), the constant messages before a text, and the examples of both sides.

    `render`: from an answer to the text that the model shall write. `seconds`: processor time at most (of all threads; a GPU's: seconds of the
    clock), `clock_seconds` seconds of the clock at most beside it, None: no such bound. `on_gpu`: all layers, else the last third. `folder`: where checkpoints, the adapter (`adapter/`) and on a CPU the merged model (`merged/`) are written.
    `template` and `template_arguments`: a chat template in the place of the model's own, as the engine is given it. `balanced`: each label as
    often as any other, whatever the examples' share of it. `fingerprint`: of what it is told and may answer, to be noted beside the weights.
    `now`: what it is held against on the same held-out texts; None: nothing.
    `four_bits`: the base is held in 4 bits meanwhile.
    """

    base: Path
    prompt: tuple[Message, ...]
    render: Callable[[JsonValue], str]
    train: Sequence[Example]
    holdout: Sequence[Example]
    folder: Path
    seconds: float
    clock_seconds: float | None = None
    on_gpu: bool = False
    seed: int = 0
    balanced: bool = True
    max_holdout: int = 300
    template: str | None = None
    template_arguments: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str = ""
    now: AnswersNow | None = None
    four_bits: bool = False

    @property
    def clock(self) -> Callable[[], float]:
        """The clock of the budget."""
        return time.monotonic if self.on_gpu else time.process_time

    def digest(self) -> str:
        """Return what a checkpoint must be of: base, prompt, examples and seed. It tells none of them."""
        found = blake2b(digest_size=16)
        facts = (
            describe_base(self.base),
            self.prompt_text(),
            self.template,
            self.seed,
            self.on_gpu,
            self.balanced,
            self.four_bits,
        )
        found.update(repr((facts, sorted(self.template_arguments.items()))).encode("utf-8", "surrogatepass"))
        for one in self.train:
            found.update(repr((one.text, self.render(one.answer))).encode("utf-8", "surrogatepass"))
        return found.hexdigest()

    def prompt_text(self) -> tuple[tuple[str, str], ...]:
        """Return the constant messages as plain values."""
        return tuple((one.role, one.content) for one in self.prompt)


@dataclass(frozen=True, slots=True)
class TrainedAdapter:
    """What came of it: `steps` of training, `seen` examples, mean losses of the first and last tenth, and the digest of the adapter's weights.

    `accuracy` on (a part of) the hold-out by the answers' likeliest among those that occur, where answers are labels; None for others.
    `left_out`: examples that were too long. `compared`: how it does beside what answers now, where that was asked; any answers, right where
    they are the right one to the letter.
    """

    weights_digest: str
    steps: int
    seen: int
    first_loss: float
    last_loss: float
    accuracy: Share | None
    left_out: int = 0
    compared: Compared | None = None


def train_adapter(
    job: AdapterJob, say: Callable[[str], None], stop: Callable[[], bool] = lambda: False
) -> TrainedAdapter:
    """Train until the time is over; a checkpoint every minute, from which a killed training goes on.

    Raises `UsageError` in one line for a base that is gone, no language model, or too large for the GPU, `OutputError` for a full disk, `Interrupted` where `stop` turns true.
    """
    if len(job.train) < FEWEST:
        msg = f"{len(job.train)} examples to train on: an adapter needs at least {FEWEST}; give more labels or answers"
        raise UsageError(msg)
    training = _Training(job, say, stop, job.clock(), time.monotonic())
    try:
        return training.run()
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":  # torch's, which is not imported before it is needed
            raise
        smaller = "take a smaller model" if job.four_bits else "set four_bits of [training] to true"
        msg = f"the GPU has too little memory to train an adapter on {job.base.name}: {smaller}, or end what else is on it"
        raise UsageError(msg) from error


@dataclass(slots=True)
class _Training:
    """One training: what it is given, and the times at which it began, less what it had used before it was killed."""

    job: AdapterJob
    say: Callable[[str], None]
    stop: Callable[[], bool]
    began: float
    began_by_clock: float

    def run(self) -> TrainedAdapter:
        job = self.job
        base = load_base(
            job.base,
            job.template,
            job.template_arguments,
            on_gpu=job.on_gpu,
            seed=job.seed,
            four_bits=job.four_bits,
        )
        encoder = Encoder.of(base, job.prompt)
        examples, left_out = self._encode(encoder)
        steps = LoraSteps.of(base, encoder.head)
        digest = job.digest()
        progress = self._go_on(steps, digest)
        self._train(steps, examples, progress, digest)
        steps.use_averages()
        accuracy, compared = self._measure(steps, encoder)
        name = job.base.name if job.base.is_dir() else str(job.base)
        note = write_adapter(base, job.folder, name, job.fingerprint)
        if not job.on_gpu:
            write_merged(base, job.folder, note)
        (job.folder / NAME).unlink(missing_ok=True)
        first, last = progress.mean_of_tenth(last=False), progress.mean_of_tenth(last=True)
        return TrainedAdapter(
            note.weights, progress.steps, progress.seen, first, last, accuracy, left_out, compared
        )

    def _used(self) -> float:
        """Seconds of the budget that are used: those of the bound that is nearer to its end."""
        used, bound = self.job.clock() - self.began, self.job.clock_seconds
        if bound is None:
            return used
        return max(used, (time.monotonic() - self.began_by_clock) * self.job.seconds / bound)

    def _encode(self, encoder: Encoder) -> tuple[list[tuple[Example, Encoded]], int]:
        """Return the examples with their token ids, and how many are too long. Raises `UsageError` where too few are left."""
        every = [(one, encoder.encode(one.text, self.job.render(one.answer))) for one in self.job.train]
        found = [(one, ids) for one, ids in every if ids is not None]
        left_out = len(every) - len(found)
        if left_out:
            self.say(f"{left_out:,} of {len(every):,} examples are too long to train on and left out")
        if len(found) < FEWEST:
            msg = f"{left_out:,} of {len(every):,} examples are too long to train on: shorten prompt or texts, or take a model of a longer context"
            raise UsageError(msg)
        return found, left_out

    def _go_on(self, steps: LoraSteps, digest: str) -> TrainingProgress:
        """Return the progress of a training that was killed, with its weights put back, or that of a new one."""
        found = read_checkpoint(self.job.folder, digest, steps.through.base.device)
        if found is None:
            return TrainingProgress()
        progress, tensors = found
        steps.restore(tensors)
        self.began -= progress.spent
        self.began_by_clock -= progress.spent_by_clock
        self.say(f"going on with a training that was stopped after {progress.steps:,} steps")
        return progress

    def _train(
        self,
        steps: LoraSteps,
        examples: Sequence[tuple[Example, Encoded]],
        progress: TrainingProgress,
        digest: str,
    ) -> None:
        budget = self.job.seconds * (FOR_STEPS if self.job.now is None else FOR_STEPS_COMPARED)
        batches = self._batches(examples, progress.steps)
        saved = said = time.monotonic()
        step = 0.0  # seconds of the last one: none is begun that would pass the budget
        while self._used() + step < budget or not progress.steps:
            stopped = self.stop()
            if stopped or time.monotonic() - saved >= EVERY_SECONDS:
                self._save(steps, progress, digest)
                saved = time.monotonic()
            if stopped:
                msg = "the training was stopped; the same command goes on with it"
                raise Interrupted(msg, SIGTERM)
            begun = self._used()
            steps.step(next(batches), progress, begun / budget)
            step = self._used() - begun
            if time.monotonic() - said >= SAY_EVERY:
                loss = progress.mean_of_tenth(last=True)
                self.say(f"step {progress.steps:,}, loss {loss:.3f}, {self._used():,.0f} of {budget:,.0f} s")
                said = time.monotonic()
        self._save(steps, progress, digest)

    def _batches(self, examples: Sequence[tuple[Example, Encoded]], done: int) -> Iterator[Sequence[Encoded]]:
        """Return the batches from where the training is."""
        given = [one for one, _ in examples]
        order = draw(given, self.job.seed, balanced=self.job.balanced and are_labels(given))
        made = make_batches((examples[place][1] for place in order), BATCH, self.job.seed)
        return islice(made, done, None)

    def _save(self, steps: LoraSteps, progress: TrainingProgress, digest: str) -> None:
        progress.spent = self.job.clock() - self.began
        progress.spent_by_clock = time.monotonic() - self.began_by_clock
        write_checkpoint(self.job.folder, digest, progress, steps.state())

    def _measure(self, steps: LoraSteps, encoder: Encoder) -> tuple[Share | None, Compared | None]:
        """Measure on the hold-out, in an order by chance, as far as the time lets; hold it against what answers now where that is asked.

        No share where answers are no labels.
        """
        job, labels = self.job, are_labels(self.job.train)
        if not job.holdout or not (labels or job.now):
            return None, None
        base = steps.through.base
        other = encoder if job.now is None else Encoder.of(base, job.now.prompt)
        chosen = random.Random(job.seed).sample(list(job.holdout), min(job.max_holdout, len(job.holdout)))  # noqa: S311  no secret
        held = list(self._encode_both(chosen, encoder, other))
        occur = (*job.train, *job.holdout) if labels else chosen
        answers = {one: encoder.write(one) for one in sorted({job.render(one.answer) for one in occur})}
        tree = AnswerTree.of(list(answers.values()))
        end = job.seconds if job.now is None else (job.seconds + self._used()) / 2
        right = mark(
            steps.through,
            [one for one, _ in held],
            tree,
            lambda of: of < LEAST_MEASURED or self._used() < end,
        )
        share = Share(sum(right), len(right), wilson(sum(right), len(right))) if labels else None
        if job.now is None:
            return share, None
        try:
            weights = weigh_tokens(job.now.prior, answers)
            with answering_now(base, job.now):
                same = [one for _, one in held[: len(right)]]
                then = mark(PassThrough(base, other.head), same, tree, lambda _: True, weights)
        except UsageError as error:  # what is trained is paid for, and stays
            self.say(f"not held against what answers now: {error}")
            return share, None
        return share, Compared.count(right, then)

    def _encode_both(
        self, examples: Sequence[Example], encoder: Encoder, other: Encoder
    ) -> Iterator[tuple[Encoded, Encoded]]:
        """Yield the examples as both are asked them, without those that are too long for one of the two."""
        for one in examples:
            answer = self.job.render(one.answer)
            ids, again = encoder.encode(one.text, answer), other.encode(one.text, answer)
            if ids is not None and again is not None:
                yield ids, again
