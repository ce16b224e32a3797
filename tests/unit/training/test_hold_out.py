"""A new adapter is marked as it would write, and held against what answers now on the same texts."""

from pathlib import Path

import pytest

from models.training.adapter import train_adapter
from models.training.base_model import load_base
from models.training.batches import Encoder
from models.training.hold_out import AnswersNow, AnswerTree, Compared, answering_now, mark
from models.training.pass_through import PassThrough
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
    """On all texts that it is measured on; what is written is the new one, and it alone."""
    now = AnswersNow(PROMPT)
    found = train_adapter(job_of(tiny, tmp_path, seconds=1.0, now=now), lambda _: None)
    assert found.compared is not None
    assert found.accuracy is not None
    assert found.compared.of == found.accuracy.of == len(HELD)
    both = found.accuracy.count - found.compared.only_new
    assert 0 <= both <= len(HELD) - found.compared.only_new - found.compared.only_old
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
