"""A workload's own file: what it names is looked for beside it first."""

from pathlib import Path

import pytest

from flows.environment import read_settings

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
