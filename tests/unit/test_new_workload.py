"""`workload new`: a file that can be used as it is, for each kind and from each preset; what is refused, in one line."""

from pathlib import Path
from typing import get_args

import pytest

from flows.environment import read_settings
from models import workloads
from models.errors import UsageError
from models.settings.inherit import preset_names
from models.settings.workload import Kind
from tasks.workload.list_all import list_workloads
from tasks.workload.new_file import write_new_workload


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def uncommented(path: Path) -> None:
    """Take the comment sign from every setting and example that a new file offers, but for one of two ways to say it."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        offered = line.removeprefix("# ")
        is_setting = line.startswith(("# [", "# text = ", "# answer", "# title", "# mood", "# products")) or (
            line.startswith("# ") and " = " in line.partition("#")[2].partition('"')[0]
        )
        lines.append(line if not is_setting or offered.startswith("text_columns") else offered)
    path.write_text("\n".join(lines), encoding="utf-8")


@pytest.mark.parametrize("kind", get_args(Kind))
def test_each_kind_can_be_used_at_once(kind: Kind, folder: Path) -> None:
    """The workload is built from what was written, and its prompt and form are there; nothing else is in the folder."""
    written = write_new_workload("my-own", kind, None, read_settings())
    assert sorted(one for one in folder.rglob("*") if one.is_file()) == sorted(
        one.absolute() for one in written
    )
    built = workloads.build("my-own", read_settings())
    assert built.kind == kind
    assert built.messages("a text")[-1].content == "a text"
    assert len(written) == 1 + (kind == "object")


@pytest.mark.parametrize("kind", get_args(Kind))
def test_what_a_new_file_offers_is_valid(kind: Kind) -> None:
    """Every setting and every example that stands there as a comment can be taken as it is."""
    path, *_ = write_new_workload("my-own", kind, None, read_settings())
    uncommented(path)
    said = path.read_text(encoding="utf-8")
    examples = [line for line in said.splitlines() if line.startswith("[[examples]]")]
    assert examples == ["[[examples]]"]
    own = read_settings().workload("my-own")
    assert own.input == "data/my-own.jsonl"
    assert own.schedule == "30 2 * * *"
    if own.text is not None:  # the example is of the text as a whole
        path.write_text(said.replace('text = "{{ subject }}', '# text = "{{ subject }}'), encoding="utf-8")
    assert len(workloads.build("my-own", read_settings()).messages("t")) == 4


@pytest.mark.parametrize("base", preset_names())
def test_a_preset_can_be_changed(base: str) -> None:
    """The new workload asks what the preset asks, until its file changes something."""
    write_new_workload("mine", None, base, read_settings())
    settings = read_settings()
    mine, theirs = workloads.build("mine", settings), workloads.build(base, settings)
    assert mine.messages("a") == theirs.messages("a")
    assert mine.kind == theirs.kind


@pytest.mark.parametrize(
    ("name", "kind", "base", "said"),
    [
        ("Bad Name", "label", None, "'Bad Name' cannot name a workload: small letters"),
        ("two__parts", "label", None, "cannot name a workload"),
        ("x" * 41, "label", None, "at most 40 characters"),
        ("../up", "text", None, "cannot name a workload"),
        ("sentiment", "label", None, "there is a workload sentiment already"),
        ("mine", None, None, "--kind label, labels, object or text, or --from PRESET"),
        ("mine", None, "sentimnt", "did you mean sentiment?"),
        ("mine", "text", "sentiment", "is of kind label, not text"),
    ],
)
def test_what_is_refused_writes_nothing(
    name: str, kind: Kind | None, base: str | None, said: str, folder: Path
) -> None:
    """One line that says what to do, and an empty folder."""
    with pytest.raises(UsageError) as caught:
        write_new_workload(name, kind, base, read_settings())
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(folder.iterdir()) == []


def test_a_file_that_is_there_stays() -> None:
    """Also a schema that lies where the new one would: neither is written over."""
    path, schema = write_new_workload("mine", "object", None, read_settings())
    before = path.read_text(encoding="utf-8")
    with pytest.raises(UsageError, match="there already"):
        write_new_workload("mine", "text", None, read_settings())
    assert path.read_text(encoding="utf-8") == before
    path.unlink()
    schema.write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match=r"schema.json is there already"):
        write_new_workload("mine", "object", None, read_settings())
    assert schema.read_text(encoding="utf-8") == "mine"
    assert not path.exists()


def test_the_list_names_place_and_mistake(folder: Path) -> None:
    """Preset, table with its line, file; one whose labels cannot be is listed with what is wrong, and hides no other."""
    write_new_workload("mine", "label", None, read_settings())
    (folder / "workloads" / "wrong.toml").write_text(
        'kind = "label"\nprompt = "Which?"\nlabels = ["a", "a"]\n', encoding="utf-8"
    )
    (folder / "breakeven.toml").write_text(
        '[workloads.sentiment]\ninput = "in.csv"\n\n[workloads.asked]\nkind = "text"\nprompt = "Say it."\n',
        encoding="utf-8",
    )
    listed = {one.name: one for one in list_workloads(read_settings())}
    assert set(preset_names()) | {"mine", "wrong", "asked"} == set(listed)
    assert listed["mine"].where == "workloads/mine.toml"
    assert listed["enrichment"].where == "preset"
    assert listed["sentiment"].where == "preset, with breakeven.toml, line 1"
    assert listed["sentiment"].input == "in.csv"
    assert listed["asked"].where == "breakeven.toml, line 4"
    assert {one.state for one in listed.values() if one.name != "wrong"} == {"ok"}
    assert "the label 'a' is given twice" in listed["wrong"].state
    assert "workloads/wrong.toml, line 3" in listed["wrong"].state
