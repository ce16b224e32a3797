"""A classifier that was trained here, as one more engine of an evaluation: on texts that no training uses, and in the ledger."""

from pathlib import Path

import pytest

from models.engines.classifier.engine import Classifier
from models.errors import InputError, UsageError
from models.settings import Settings
from models.training.examples import side_of
from models.training.trained import TrainedModel, trained_folder
from tests.evaluation_json import from_json
from tests.fakes import ScriptedEngine
from tests.faulty_api import FaultyApi
from tests.integration.evaluation.evaluating import (
    labelled,
    run_evaluation,
    settings_of,
    texts,
    write_labelled,
)
from tests.integration.evaluation.labelled_files import SENTIMENT
from tests.integration.evaluation.trained_here import NumberedGuesser, register
from tests.integration.pipeline.books import check_sums, findings, table

RECORDS = 400
HELD_OUT = [text for text in texts(RECORDS) if side_of(text) == "holdout"]


class Loader:
    """Loads the classifier of a test, and counts how often."""

    def __init__(self, labels: tuple[str, ...] = SENTIMENT) -> None:
        self.loaded: list[NumberedGuesser] = []
        self._labels = labels

    def __call__(self, folder: Path, name: str, cache_dir: Path) -> Classifier:  # noqa: ARG002
        """Load it."""
        self.loaded.append(NumberedGuesser(name, self._labels))
        return self.loaded[-1]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Labels of so many records that about eighty are held out."""
    return write_labelled(tmp_path, labelled(RECORDS))


def begin(settings: Settings, folder: Path) -> None:
    """Give the ledger a run, as training does."""
    run_evaluation(settings, write_labelled(folder, labelled(4, start=9000), "first.jsonl"))


def test_a_classifier_is_one_more_engine(tmp_path: Path, database_url: str, source: Path) -> None:
    """It answers the held-out records alone; lines, time and cost are in the ledger under its name, and the whole is compared."""
    with FaultyApi() as api:
        settings = settings_of(tmp_path, database_url, api.url)
        begin(settings, tmp_path)
        model = register(settings)
        before, load = len(api.seen), Loader()
        found = run_evaluation(settings, source, load=load)
        assert len(api.seen) - before == len(HELD_OUT)
        again = run_evaluation(settings, source, ScriptedEngine(dies_after=0), load=load)
    assert again.arms == found.arms
    (loaded,) = load.loaded
    assert loaded.closed
    assert sorted(loaded.asked) == sorted(HELD_OUT)
    arm, other = found.arm("classifier"), found.arm("api")
    assert arm is not None
    assert other is not None
    assert [one.name for one in found.arms] == ["classifier", "small", "api"]
    assert (arm.model, arm.records, arm.asked) == (model.name, len(HELD_OUT), len(HELD_OUT))
    assert arm.right is not None
    assert arm.right.count == sum(int(text.split()[-1]) % 10 != 0 for text in HELD_OUT)
    assert arm.seconds == pytest.approx(len(HELD_OUT) / 1000)
    assert arm.load_seconds == pytest.approx(0.005)
    lines = [line for line in check_sums(settings) if line.engine == "classifier"]
    assert len(lines) == len(HELD_OUT)
    assert {line.requested for line in lines} == {"classifier"}
    models = {row.id: row for row in table(settings, "models")}
    assert {(models[line.model_id].provider, models[line.model_id].name) for line in lines} == {
        ("classifier", model.name)
    }
    (run,) = (run for run in table(settings, "runs") if run.purpose == "evaluation_classifier")
    assert (arm.cost_nano or 0) + arm.load_nano == run.gpu_cost_nano
    assert findings(settings) == []
    assert f"{RECORDS - len(HELD_OUT)} texts of the file may be trained on" in found.missing[0]


def test_the_cascade_is_kept_with_the_evaluation(tmp_path: Path, database_url: str, source: Path) -> None:
    """Classifier where it is sure, API for the rest: cheaper, and no worse; the ledger reads it back."""
    with FaultyApi() as api:
        settings = settings_of(tmp_path, database_url, api.url)
        begin(settings, tmp_path)
        register(settings)
        found = run_evaluation(settings, source, load=Loader())
    cascade = found.cascade
    assert cascade is not None
    assert cascade.stages[0].name == "classifier"
    assert cascade.stages[0].served.count >= sum(int(text.split()[-1]) % 10 != 0 for text in HELD_OUT)
    assert cascade.ratio is not None
    assert cascade.ratio > 0.9
    api_arm = found.arm("api")
    assert api_arm is not None
    assert cascade.nano_per_thousand is not None
    assert api_arm.nano_per_thousand is not None
    assert cascade.nano_per_thousand < api_arm.nano_per_thousand
    (_, kept) = table(settings, "evaluations")
    assert from_json(kept.figures) == found


def test_the_one_in_force_is_asked_before_a_newer_candidate(
    tmp_path: Path, database_url: str, source: Path
) -> None:
    """A candidate is asked where nothing is in force, or by its name; a retired one only by its name."""
    with FaultyApi() as api:
        settings = settings_of(tmp_path, database_url, api.url)
        begin(settings, tmp_path)
        retired = register(settings, state="retired")
        assert run_evaluation(settings, source, limit=10, load=Loader()).arm("classifier") is None
        first = register(settings, state="candidate")
        assert asked_of(settings, source) == first.name
        in_force = register(settings)
        newer = register(settings, state="candidate")
        assert asked_of(settings, source) == in_force.name
        assert asked_of(settings, source, newer.name) == newer.name
        assert asked_of(settings, source, retired.name) == retired.name
        with pytest.raises(UsageError, match="has no classifier classifier-0: `breakeven trained list"):
            asked_of(settings, source, "classifier-0")


def asked_of(settings: Settings, source: Path, name: str | None = None) -> str:
    """Evaluate ten records, and return which classifier answered."""
    arm = run_evaluation(settings, source, limit=10, load=Loader(), classifier=name).arm("classifier")
    assert arm is not None
    return arm.model


def without_folder(settings: Settings, model: TrainedModel) -> None:
    """Take its folder away."""
    trained_folder(settings.output_dir, "sentiment", model.name).rmdir()


def test_what_cannot_be_used_is_a_line(tmp_path: Path, source: Path) -> None:
    """A folder that is gone, a classifier of other labels, and a file of which next to nothing is held out."""
    with FaultyApi() as api:
        settings = settings_of(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}", api.url)
        begin(settings, tmp_path)
        model = register(settings)
        with pytest.raises(
            UsageError, match=f"{model.name} was trained for other labels than sentiment has now"
        ):
            run_evaluation(settings, source, load=Loader(labels=("yes", "no")))
        few = [row for row in labelled(RECORDS) if row["text"] not in HELD_OUT]
        with pytest.raises(InputError, match="on the side that no training uses, and 3"):
            run_evaluation(settings, write_labelled(tmp_path, few, "few.jsonl"), load=Loader())
        without_folder(settings, model)
        asked = len(api.seen)
        with pytest.raises(
            UsageError, match=f"{model.name} of sentiment is gone from .*breakeven trained retire"
        ):
            run_evaluation(settings, source, load=Loader())
        assert len(api.seen) == asked


def test_an_adapter_holds_texts_out_as_well(tmp_path: Path, source: Path) -> None:
    """Whatever was trained may have seen the other side: no engine is measured on it, also those that learnt nothing."""
    with FaultyApi() as api:
        settings = settings_of(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}", api.url)
        begin(settings, tmp_path)
        register(settings, kind="adapter", state="retired")
        found = run_evaluation(settings, source)
        assert found.records == len(HELD_OUT)
        assert found.arm("classifier") is None
        assert found.cascade is not None  # of the two that there are


def test_a_limit_draws_from_the_held_out_side(tmp_path: Path, source: Path) -> None:
    """It is not the fifth of what the limit asks for."""
    with FaultyApi() as api:
        settings = settings_of(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}", api.url)
        begin(settings, tmp_path)
        register(settings)
        assert run_evaluation(settings, source, limit=50, load=Loader()).records == 50


def test_the_classifier_is_given_the_records_text(tmp_path: Path) -> None:
    """What it is asked is the text of the record as training read it, not the prompt around it."""
    with FaultyApi() as api:
        settings = settings_of(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}", api.url)
        begin(settings, tmp_path)
        register(settings)
        load = Loader()
        run_evaluation(settings, write_labelled(tmp_path, labelled(60)), load=load)
        assert set(load.loaded[0].asked) <= set(texts(60))


def test_without_an_api_the_stages_are_compared_all_the_same(tmp_path: Path, source: Path) -> None:
    """Records that must stay: the classifier is the better of the two by so much that it answers alone."""
    settings = settings_of(
        tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}", "http://127.0.0.1:1", api_mode="off"
    )
    begin(settings, tmp_path)
    register(settings)
    found = run_evaluation(settings, source, load=Loader())
    assert [one.name for one in found.arms] == ["classifier", "small"]
    assert found.verdict is None
    assert found.cascade is not None
    assert found.cascade.stages[0].name == "classifier"
    assert found.cascade.stage("api") is None
