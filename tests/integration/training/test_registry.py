"""The registry: what is in force, going back, and what does not fit any more."""

import shutil
from pathlib import Path

import pytest

from db import trained
from models.errors import UsageError
from models.settings import Settings, WorkloadSettings
from models.training.trained import trained_folder
from tasks.training.registry import retire, show_trained, use
from tests.integration.pipeline.books import ledger
from tests.integration.training.harness import training, write_labels


def in_force(settings: Settings) -> str | None:
    """Name the classifier that is in force."""
    with ledger(settings) as session:
        found = trained.in_force(session, "sentiment", "classifier")
    return None if found is None else found.name


def test_one_is_in_force_and_going_back_is_one_command(settings: Settings, tmp_path: Path) -> None:
    """The newest that was put in force counts; retired ones can come back."""
    labels = write_labels(tmp_path)
    first, second = training(settings, labels, use=True), training(settings, labels, seed=1)
    assert in_force(settings) == first.name
    assert f"in the place of {first.name}" in use(settings, "sentiment", second.name)
    assert in_force(settings) == second.name
    assert "in force already" in use(settings, "sentiment", str(second.id))
    assert f"{second.name} of sentiment retired" in retire(settings, "sentiment", None)
    assert in_force(settings) is None
    assert retire(settings, "sentiment", None) == "nothing that was trained for sentiment is in force"
    assert "is retired already" in retire(settings, "sentiment", second.name)
    use(settings, "sentiment", first.name)
    assert in_force(settings) == first.name


def test_a_folder_that_is_gone_is_not_put_in_force(settings: Settings, tmp_path: Path) -> None:
    """One line names it."""
    found = training(settings, write_labels(tmp_path))
    shutil.rmtree(trained_folder(settings.output_dir, "sentiment", found.name))
    with pytest.raises(UsageError, match=f"the folder of {found.name} is gone"):
        use(settings, "sentiment", found.name)


def test_one_of_another_label_set_or_prompt_is_refused(settings: Settings, tmp_path: Path) -> None:
    """A classifier belongs to its labels and an adapter to its prompt, whatever the other is."""
    labels = write_labels(tmp_path)
    classifier, adapter = training(settings, labels), training(settings, labels, kind="adapter")
    reworded = settings.model_copy(
        update={
            "workloads": {
                "sentiment": WorkloadSettings(prompt="How does this sound? {{ labels | join(', ') }}")
            }
        }
    )
    assert "is in force" in use(reworded, "sentiment", classifier.name)
    with pytest.raises(UsageError, match="belongs to another prompt"):
        use(reworded, "sentiment", adapter.name)
    with pytest.raises(UsageError, match="was trained on SmolLM2-135M-Instruct"):
        use(settings.model_copy(update={"model": "tests/another"}), "sentiment", adapter.name)
    renamed = settings.model_copy(
        update={"workloads": {"sentiment": WorkloadSettings(labels=["good", "bad", "neither"])}}
    )
    with pytest.raises(UsageError, match="knows other labels"):
        use(renamed, "sentiment", classifier.name)


def test_what_is_not_there_says_what_is(settings: Settings, tmp_path: Path) -> None:
    """A mistyped name gets the closest one."""
    with ledger(settings):
        pass
    with pytest.raises(UsageError, match="nothing was trained for sentiment yet"):
        retire(settings, "sentiment", None)
    found = training(settings, write_labels(tmp_path))
    with pytest.raises(UsageError, match=f"did you mean {found.name}"):
        use(settings, "sentiment", found.name[:-1])
    with pytest.raises(UsageError, match="unknown workload 'sentimnt'; did you mean sentiment"):
        retire(settings, "sentimnt", None)


def test_the_list_tells_what_it_took_and_how_good_it_is(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of it for programs, and what people need in a table."""
    found = training(settings, write_labels(tmp_path))
    capsys.readouterr()
    show_trained(settings, None, "csv")
    lines = capsys.readouterr().out.splitlines()
    row = dict(zip(lines[0].split(","), lines[1].split(","), strict=False))
    assert (row["name"], row["state"], row["kind"]) == (found.name, "candidate", "classifier")
    assert float(row["accuracy"]) == found.accuracy
    assert float(row["cost_usd"]) * 1e9 == pytest.approx(found.cost_nano)
    show_trained(settings, "sentiment", "table")
    assert found.name in capsys.readouterr().out
