"""A new adapter is marked as it would write, and held against what answers now on the same texts."""

from datetime import date
from pathlib import Path

import pytest

from models import workloads
from models.errors import UsageError
from models.settings import Settings
from models.training.adapter import train_adapter
from models.training.base_model import load_base
from models.training.batches import Encoder
from models.training.hold_out import AnswersNow, AnswerTree, Compared, answering_now, mark, weigh_tokens
from models.training.pass_through import PassThrough
from models.workloads.prior import LabelPrior, divide_out_prior
from tasks.training.jobs import answers_now
from tests.tiny_model import make_tiny_model
from tests.unit.training.test_adapter import HELD, PROMPT, job_of, logits


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tiny model's folder."""
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


def test_it_is_marked_as_it_would_write(tiny: Path) -> None:
    """One pass over the right answers says what writing token by token along the tree of answers comes to."""
    base = load_base(tiny, None, {}, on_gpu=False, seed=0)
    encoder = Encoder.of(base, PROMPT)
    held = [one for row in HELD if (one := encoder.encode(row.text, str(row.answer)))]
    answers = [encoder.write(one) for one in ("good", "not good", "not broken")]
    written = []
    for one in held:
        place, found = AnswerTree.of(answers), list[int]()
        while place.next:
            likely = logits(base.network, [*encoder.head, *one.tail, *found])[-1]
            found.append(max((float(likely[token]), token) for token in place.next)[1])
            place = place.next[found[-1]]
        written.append(tuple(found) == one.answer)
    through = PassThrough(base, encoder.head)
    assert mark(through, held, AnswerTree.of(answers), lambda _: True) == written
    assert len(mark(through, [*held, *held], AnswerTree.of(answers), lambda of: of == 0)) == 32


def test_the_prior_is_divided_out_of_what_answers_now(tiny: Path) -> None:
    """As production does it; where labels differ in more than one token, or one has no prior, it is no comparison."""
    import torch  # noqa: PLC0415

    base = load_base(tiny, None, {}, on_gpu=False, seed=0)
    encoder = Encoder.of(base, PROMPT)
    answers = {one: encoder.write(one) for one in ("good", "not good")}
    held = [one for row in HELD if (one := encoder.encode(row.text, str(row.answer)))]
    tokens = [one[0] for one in answers.values()]
    found = [logits(base.network, [*encoder.head, *one.tail])[-1][tokens].softmax(0) for one in held]
    middle = float(torch.stack(found)[:, 0].median())
    for share in (0.999_999, middle, 0.000_001):
        weights = {"good": share, "not good": 1 - share, "never": 0.1}
        prior = LabelPrior("tiny", "1", date(2026, 11, 1), 1, "", {name: weights[name] for name in answers})
        taken = [divide_out_prior(dict(zip(answers, map(float, one), strict=True)), prior) for one in found]
        right = [
            answers[max(one, key=one.__getitem__)] == text.answer
            for one, text in zip(taken, held, strict=True)
        ]
        through, tree = PassThrough(base, encoder.head), AnswerTree.of(list(answers.values()))
        marked = mark(through, held, tree, lambda _: True, weigh_tokens(weights, answers))
        assert sum(a != b for a, b in zip(marked, right, strict=True)) <= (share == middle)  # it may be a tie
    assert weigh_tokens(None, answers) is None
    more = {one: encoder.write(one) for one in ("good", "not good", "not broken")}
    for wrong, written in ((dict.fromkeys(more, 0.3), more), ({"good": 1.0}, answers)):
        with pytest.raises(UsageError, match="its prior is divided out"):
            weigh_tokens(wrong, written)


def test_a_run_of_the_plain_model_has_the_prior_that_was_measured() -> None:
    """Of the preset and the default model; one without has none."""
    settings = Settings()
    found = answers_now(None, workloads.build("sentiment", settings), settings)
    assert found.prior is not None
    assert sorted(found.prior) == ["negative", "neutral", "positive"]
    assert answers_now(None, workloads.build("enrichment", settings), settings).prior is None


def test_what_answers_now_answers_without_the_new_adapter(tiny: Path, tmp_path: Path) -> None:
    """The plain model to the bit, or the adapter of a folder; afterwards the new one answers as before, and it alone is there."""
    import torch  # noqa: PLC0415

    base, ids = load_base(tiny, None, {}, on_gpu=False, seed=0), [1, 400, 37, 2_000]
    plain = logits(base.network, ids)
    weights = [one for name, one in base.adapter_weights.items() if "lora_B" in name]
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        for one in weights:
            torch.nn.init.normal_(one)
        found.append(logits(base.network, ids))
        base.network.save_pretrained(tmp_path / str(seed))
    with answering_now(base, AnswersNow(PROMPT)):
        assert torch.equal(logits(base.network, ids), plain)
    with answering_now(base, AnswersNow(PROMPT, tmp_path / "1")):
        assert torch.allclose(logits(base.network, ids), found[0], atol=1e-4)
    assert torch.equal(logits(base.network, ids), found[1])
    assert not torch.allclose(found[0], found[1], atol=1e-2)
    assert list(base.network.peft_config) == [base.network.active_adapter]


def test_it_is_held_against_what_answers_now(tiny: Path, tmp_path: Path) -> None:
    """On all texts that it is measured on, here with a prior by which one label is always taken; what is written is the new one, and it alone."""
    held = HELD[1:]  # ten are good, nine are not
    now = AnswersNow(PROMPT, prior={"good": 0.5, "not good": 1e-9})
    found = train_adapter(job_of(tiny, tmp_path, holdout=held, seconds=1.0, now=now), lambda _: None)
    assert found.compared is not None
    assert found.accuracy is not None
    assert found.compared.of == found.accuracy.of == len(held)
    both = found.accuracy.count - found.compared.only_new
    assert 0 <= both <= len(held) - found.compared.only_new - found.compared.only_old
    assert both + found.compared.only_old == sum(one.answer == "not good" for one in held)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["adapter", "merged"]


def test_what_cannot_be_read_is_said_and_what_is_trained_stays(tiny: Path, tmp_path: Path) -> None:
    """The adapter in force has gone meanwhile."""
    said: list[str] = []
    now = AnswersNow(PROMPT, tmp_path / "gone")
    found = train_adapter(job_of(tiny, tmp_path / "new", seconds=1.0, now=now), said.append)
    assert found.compared is None
    assert said[-1].startswith(f"not held against what answers now: {now.adapter} cannot be read")
    assert (tmp_path / "new" / "adapter").is_dir()


def test_only_texts_on_which_the_two_differ_decide() -> None:
    """Each is counted once."""
    assert Compared.count([True, True, False, False, True], [True, False, True, False, False]) == Compared(
        2, 1, 5
    )
