"""A classifier over a tiny encoder made here: trained, written, read again, and what is said where that cannot be."""

import json
import os
import signal
import socket
import stat
from pathlib import Path

import pytest

from models.engines.classifier.engine import load_classifier
from models.engines.classifier.files import CARD, HEAD
from models.engines.classifier.head import HeadKind
from models.errors import Interrupted, OutputError, UsageError
from models.evaluation.scores import Share
from models.requests import JsonValue
from models.training.classifier import ClassifierJob, TrainedClassifier, train_classifier
from models.training.examples import Example, Side, side_of

WORDS = ("good", "bad", "fine", "poor", "late", "bag", "flight", "seat", "crew", "food")
LABELS = ("positive", "negative", "never")
TOLD_NOWHERE = "flight"


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a random encoder of one layer over ten words, which reads 16 tokens."""
    import torch  # noqa: PLC0415  they take seconds
    from transformers import BertConfig, BertModel, BertTokenizerFast  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("encoder") / "tiny-encoder"
    folder.mkdir()
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS)), encoding="utf-8")
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=5 + len(WORDS),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=16,
    )
    BertModel(config).save_pretrained(folder)
    BertTokenizerFast(vocab=str(vocabulary), model_max_length=16).save_pretrained(folder)
    return folder


def examples(kind: HeadKind, count: int = 60) -> list[Example]:
    """Return texts whose words say what they are."""
    made = []
    for at in range(count):
        is_good = at % 2 == 0
        words = ["good" if is_good else "bad", *(WORDS[2 + (at >> one) % 8] for one in range(0, 6, 2))]
        answer: JsonValue = LABELS[0] if is_good else LABELS[1]
        if kind == "labels":
            answer = ["positive"] if is_good else ["negative", "never"] if "seat" in words else ["negative"]
        made.append(Example(" ".join((*words, "bag" * (at % 3))), answer, "labels"))
    return made


def job_of(encoder: Path, folder: Path, kind: HeadKind = "label", precision: float = 0.6) -> ClassifierJob:
    """Return what to train, over the tiny encoder."""
    sides: dict[Side, list[Example]] = {"train": [], "holdout": []}
    for one in examples(kind):
        sides[one.side].append(one)
    return ClassifierJob(
        kind=kind,
        labels=LABELS,
        train=sides["train"],
        holdout=sides["holdout"],
        folder=folder,
        cache_dir=folder,
        embedder=encoder,
        precision=precision,
    )


@pytest.fixture(scope="module")
def trained(
    encoder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ClassifierJob, TrainedClassifier]:
    """Return a trained classifier of one label; the tests copy its folder before they damage it."""
    job = job_of(encoder, tmp_path_factory.mktemp("trained") / "classifier-1a2b3c4d")
    return job, train_classifier(job, lambda _: None)


def test_what_was_trained_answers_as_it_was_measured(
    trained: tuple[ClassifierJob, TrainedClassifier],
) -> None:
    """Read again, it gives the hold-out the answers, confidences and shares that training told, and counts its time."""
    job, told = trained
    loaded = load_classifier(job.folder, "classifier-1a2b3c4d", job.cache_dir)
    assert (loaded.model, loaded.labels, told.base) == ("classifier-1a2b3c4d", LABELS, "tiny-encoder")
    guesses = loaded.classify([one.text for one in job.holdout])
    right = [guess.value == one.answer for guess, one in zip(guesses, job.holdout, strict=True)]
    served = [guess.confidence >= told.threshold for guess in guesses]
    assert told.accuracy.value == 1
    assert (sum(right), sum(served)) == (told.accuracy.count, told.served.count)
    assert all(sum(one.probabilities.values()) == pytest.approx(1) for one in guesses)
    assert all(set(one.probabilities) == set(LABELS[:2]) for one in guesses)
    assert all(0 < one.confidence < 1 for one in guesses)
    lap = loaded.lap()
    assert (lap.load_ns > 0, lap.busy_ns > 0, lap.idle_ns) == (True, True, 0)
    assert loaded.lap().total_ns == 0
    loaded.close()


def test_the_same_text_has_the_same_guess_whatever_stands_beside_it(
    trained: tuple[ClassifierJob, TrainedClassifier],
) -> None:
    """Alone, twice, with other blanks, and beside longer texts; half a pair of surrogates and an empty text are read as well."""
    job, _ = trained
    loaded = load_classifier(job.folder, "classifier-1a2b3c4d", job.cache_dir)
    (alone,) = loaded.classify(["good bag"])
    many = loaded.classify(
        ["good bag", " good \n bag ", "bad seat crew food late flight", "", "\ud800", "good bag"]
    )
    for at in (0, 1, 5):
        assert many[at].value == alone.value
        assert many[at].confidence == pytest.approx(alone.confidence, abs=1e-5)
        assert many[at].tokens == alone.tokens == 4
    assert many[3].tokens == 2
    assert loaded.classify([]) == []


def test_loading_asks_no_network_and_leaves_the_environment_alone(
    trained: tuple[ClassifierJob, TrainedClassifier], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A language model that the same process fetches from a hub later is still fetched."""
    job, _ = trained
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("a name was looked up"))
    load_classifier(job.folder, "classifier-1a2b3c4d", job.cache_dir).classify(["good bag"])
    assert "HF_HUB_OFFLINE" not in os.environ


def test_a_text_beyond_what_the_model_reads_is_cut(trained: tuple[ClassifierJob, TrainedClassifier]) -> None:
    """Its first 16 tokens decide, of a text of a million words."""
    job, _ = trained
    loaded = load_classifier(job.folder, "classifier-1a2b3c4d", job.cache_dir)
    long, longer = loaded.classify(["bad " * 20, "bad " * 1_000_000])
    assert long.tokens == longer.tokens == 16
    assert long.confidence == pytest.approx(longer.confidence, abs=1e-6)


def test_several_labels_at_once(encoder: Path, tmp_path: Path) -> None:
    """Each label has its own probability, and the answer stands in the label set's order."""
    job = job_of(encoder, tmp_path / "classifier-5e6f7a8b", "labels")
    told = train_classifier(job, lambda _: None)
    assert (told.accuracy.value or 0) >= 0.9
    loaded = load_classifier(job.folder, "classifier-5e6f7a8b", job.cache_dir)
    good, both = loaded.classify(["good bag", "bad seat seat seat"])
    assert good.value == ["positive"]
    assert both.value == ["negative", "never"]
    assert all(0 <= one <= 1 for one in both.probabilities.values())


def test_the_same_seed_and_examples_give_the_same_weights(
    trained: tuple[ClassifierJob, TrainedClassifier], encoder: Path, tmp_path: Path
) -> None:
    """The digest that the registry keeps is that of the weights and of the calibration."""
    _, told = trained
    again = train_classifier(job_of(encoder, tmp_path / "again"), lambda _: None)
    assert (again.weights_digest, again.threshold) == (told.weights_digest, told.threshold)


def test_the_files_are_this_users_alone_and_hold_no_text(
    trained: tuple[ClassifierJob, TrainedClassifier],
) -> None:
    """Modes 0600 and 0700, whatever the umask says."""
    job, _ = trained
    assert stat.S_IMODE(job.folder.stat().st_mode) == 0o700
    for name in (HEAD, CARD):
        assert stat.S_IMODE((job.folder / name).stat().st_mode) == 0o600
        assert TOLD_NOWHERE.encode() not in (job.folder / name).read_bytes()


@pytest.mark.parametrize("damage", ["gone", "no_head", "cut_head", "other_threshold", "no_json", "empty"])
def test_a_folder_that_is_gone_or_damaged_is_one_line(
    trained: tuple[ClassifierJob, TrainedClassifier], tmp_path: Path, damage: str
) -> None:
    """It names the folder, and how to train anew or to do without."""
    job, _ = trained
    folder = tmp_path / "classifier-1a2b3c4d"
    if damage != "gone":
        folder.mkdir()
        for name in (HEAD, CARD):
            (folder / name).write_bytes((job.folder / name).read_bytes())
    if damage == "no_head":
        (folder / HEAD).unlink()
    if damage == "cut_head":
        (folder / HEAD).write_bytes((folder / HEAD).read_bytes()[:-40])
    if damage == "empty":
        (folder / HEAD).write_bytes(b"")
    if damage == "no_json":
        (folder / CARD).write_text("{", encoding="utf-8")
    if damage == "other_threshold":
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        (folder / CARD).write_text(json.dumps(card | {"threshold": 0.1}), encoding="utf-8")
    with pytest.raises(UsageError, match="cannot use the classifier in") as caught:
        load_classifier(folder, "classifier-1a2b3c4d", tmp_path)
    assert "\n" not in str(caught.value)
    assert "trained retire" in str(caught.value)


def test_another_encoder_in_the_place_of_the_first_is_one_line(
    trained: tuple[ClassifierJob, TrainedClassifier], encoder: Path, tmp_path: Path
) -> None:
    """Its vectors would mean something else. One that is gone is a line as well, for training too."""
    job, _ = trained
    weights = encoder / "model.safetensors"
    kept = weights.read_bytes()
    try:
        weights.write_bytes(kept[:-4] + b"\x01\x02\x03\x04")
        with pytest.raises(UsageError, match="another one than the classifier was trained over"):
            load_classifier(job.folder, "classifier-1a2b3c4d", tmp_path)
        weights.unlink()
        with pytest.raises(UsageError, match="cannot read the embedding model"):
            load_classifier(job.folder, "classifier-1a2b3c4d", tmp_path)
        with pytest.raises(UsageError, match="cannot read the embedding model"):
            train_classifier(job_of(encoder, tmp_path / "new"), lambda _: None)
    finally:
        weights.write_bytes(kept)


def test_a_folder_without_an_encoder_is_one_line(tmp_path: Path) -> None:
    """A folder with weights and nothing else."""
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(UsageError, match="holds no embedding model") as caught:
        train_classifier(job_of(tmp_path, tmp_path / "new"), lambda _: None)
    assert "\n" not in str(caught.value)


def test_one_class_only_embeds_nothing(encoder: Path, tmp_path: Path) -> None:
    """It is found before the model is loaded, so also without one."""
    job = job_of(encoder / "not there", tmp_path / "new")
    only = ClassifierJob("label", LABELS, job.train[::2], [], tmp_path / "new", tmp_path, job.embedder)
    one = [Example(example.text, "positive", "labels") for example in only.train]
    with pytest.raises(UsageError, match="have one answer"):
        train_classifier(
            ClassifierJob("label", LABELS, one, [], tmp_path, tmp_path, job.embedder), lambda _: None
        )


def test_an_example_on_the_wrong_side_is_a_defect(encoder: Path, tmp_path: Path) -> None:
    """What is held out is never trained on, whoever calls."""
    job = job_of(encoder, tmp_path / "new")
    mixed = ClassifierJob("label", LABELS, [*job.train, job.holdout[0]], [], tmp_path, tmp_path, encoder)
    assert side_of(job.holdout[0].text) == "holdout"
    with pytest.raises(ValueError, match="other side"):
        train_classifier(mixed, lambda _: None)


def test_a_training_that_is_stopped_writes_nothing(encoder: Path, tmp_path: Path) -> None:
    """It ends at the next batch or fit, as interrupted."""
    calls = iter([False, True])
    with pytest.raises(Interrupted) as caught:
        train_classifier(job_of(encoder, tmp_path / "new"), lambda _: None, lambda: next(calls))
    assert caught.value.signal_number == signal.SIGINT
    assert not (tmp_path / "new").exists()


def test_without_a_hold_out_it_is_trained_and_nothing_is_claimed(encoder: Path, tmp_path: Path) -> None:
    """No accuracy, rather than one of the training texts."""
    job = job_of(encoder, tmp_path / "new")
    told = train_classifier(
        ClassifierJob("label", LABELS, job.train, [], tmp_path / "new", tmp_path, encoder), lambda _: None
    )
    assert told.accuracy == told.served_right == Share(0, 0, None)


def test_a_classifier_that_serves_nothing_is_said(encoder: Path, tmp_path: Path) -> None:
    """Fewer examples than prove the wished share of right answers: a line, and a threshold that no confidence reaches."""
    lines: list[str] = []
    told = train_classifier(job_of(encoder, tmp_path / "new", precision=0.999), lines.append)
    assert (told.threshold, told.served.count) == (1, 0)
    assert any("would serve nothing" in line for line in lines)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
def test_a_full_disk_is_one_line(encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights that cannot be written: the folder and what to do, no traceback."""
    monkeypatch.setattr(
        "models.engines.classifier.files.renew_file",
        lambda _: os.fdopen(os.open("/dev/full", os.O_WRONLY), "wb"),
    )
    with pytest.raises(OutputError, match="No space left on device") as caught:
        train_classifier(job_of(encoder, tmp_path / "new"), lambda _: None)
    assert "\n" not in str(caught.value)
