"""A new adapter is marked as it would write, and held against what answers now on the same texts."""

from pathlib import Path

import pytest

from models.training.adapter import train_adapter
from models.training.base_model import load_base
from models.training.batches import Encoder
from models.training.hold_out import AnswersNow, AnswerTree, Compared, mark
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


def test_it_is_held_against_what_answers_now(tiny: Path, tmp_path: Path) -> None:
    """The plain model, then the adapter of a folder; what is written is the new one, and it alone."""
    from safetensors import safe_open  # noqa: PLC0415

    for number, now in enumerate((AnswersNow(PROMPT), AnswersNow((), tmp_path / "0" / "adapter"))):
        folder = tmp_path / str(number)
        found = train_adapter(job_of(tiny, folder, seconds=1.0, now=now), lambda _: None)
        assert found.compared is not None
        assert found.accuracy is not None
        assert found.compared.of == found.accuracy.of == len(HELD)
        both = found.accuracy.count - found.compared.only_new
        assert 0 <= both <= len(HELD) - found.compared.only_new - found.compared.only_old
        assert sorted(one.name for one in (folder / "adapter").iterdir()) == [
            "README.md",
            "adapter_config.json",
            "adapter_model.safetensors",
            "trained.json",
        ]
        with safe_open(folder / "adapter" / "adapter_model.safetensors", "pt") as file:
            assert not any("before" in name for name in file.keys())  # noqa: SIM118  no dictionary


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
