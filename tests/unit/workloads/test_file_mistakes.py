"""A workload's own file: what it names is looked for beside it first; what is wrong with it is one line."""

from pathlib import Path

import pytest

from flows.environment import read_settings
from models import workloads
from models.errors import UsageError
from models.settings import WorkloadSettings
from models.workloads.definition import Definition
from models.workloads.kind_settings import KINDS_OF, check_kind_settings

FILE = 'kind = "label"\nprompt = "Which?"\nlabels = ["a", "b"]\ninput = "tickets.csv"\nlabelled_file = "labelled.csv"\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of workloads, in an empty folder, with one file in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "workloads").mkdir()
    (tmp_path / "workloads" / "departments.toml").write_text(FILE, encoding="utf-8")
    return tmp_path / "workloads"


def test_an_input_beside_the_file_is_found(folder: Path) -> None:
    """A file or folder of records that lies beside the workload's file needs no path before it."""
    (folder / "tickets.csv").touch()
    (folder / "labelled.csv").touch()
    workload = read_settings().workload("departments")
    assert Path(workload.input or "") == Path("workloads", "tickets.csv")
    assert Path(workload.labelled_file or "") == Path("workloads", "labelled.csv")


def test_an_input_elsewhere_is_named_from_the_folder_of_the_settings(folder: Path) -> None:
    """What does not lie beside the file is left as it is given."""
    (folder.parent / "tickets.csv").touch()
    assert read_settings().workload("departments").input == "tickets.csv"


def said_of(folder: Path, text: str) -> str:
    """Return what is said of a workload's file with this text."""
    (folder / "departments.toml").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as error:
        workloads.build("departments", read_settings())
    return str(error.value).removeprefix("settings are not valid: ")


def test_a_file_that_asks_something_is_no_mistyped_name(folder: Path) -> None:
    """Without its kind it is told to say one, rather than taken for another workload's settings."""
    assert said_of(folder, 'prompt = "Which?"\n') == (
        "workloads/departments.toml: departments: says not what it answers: set kind to label, labels, object or text, "
        "or extends to a preset"
    )


@pytest.mark.parametrize("kind", ["label", "labels", "object", "text"])
@pytest.mark.parametrize("key", KINDS_OF)
def test_a_setting_of_another_kind_is_a_mistake(kind: str, key: str) -> None:
    """A check that nobody makes would be taken for one that is made."""
    values = {"labels": ["a", "b"], "min_words": 1, "max_words": 1, "max_sentences": 1, "prior": True}
    values |= {"min_labels": 1, "max_labels": 1, "grounded": ["a"], "distinct": ["a"], "same_language": True}
    values |= {
        "pattern": {"text": "x"},
        "required_if": {"a": "b"},
        "copies_prompt": True,
        "measure": "chrf",
        "no_answer": "no",
    }
    values |= {"pattern": {"text": "x"}, "required_if": {"a": "b"}, "copies_prompt": True}
    values |= {"compare": ["a"], "measure": "answering"}
    own = WorkloadSettings.model_validate({"kind": kind, key: values.get(key, "file.txt")})
    definition = Definition("mine", [("mine", own)])
    if kind in KINDS_OF[key]:
        check_kind_settings(definition)
    else:
        with pytest.raises(UsageError, match=f"mine: {key} is for kind .*, and this one is {kind}:"):
            check_kind_settings(definition)


def test_passages_that_the_text_does_not_show_are_a_mistake(folder: Path) -> None:
    """They would be read for nothing, and the model would answer without them."""
    said = said_of(
        folder, 'kind = "text"\nprompt = "Answer."\ntext = "{{ question }}"\ncontext = "passages"\n'
    )
    assert said == (
        "workloads/departments.toml, line 4: departments: context is set, but text does not show it: put {{ context }} into text"
    )
