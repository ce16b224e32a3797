"""Workloads that files and tables define: where they are found, what they take over, what makes another version."""

import json
from pathlib import Path

import pytest

from models.errors import UsageError
from models.settings import Settings
from models.settings.check import load
from models.workloads import registry
from models.workloads.base import Workload
from tests.unit.workloads.conftest import Write

LABEL = 'kind = "label"\nprompt = "Which department?"\nlabels = ["billing", "other"]\n'
TODAY = {
    "classification": "0eb595baa26c1550",
    "enrichment": "ae171755d648ece6",
    "sentiment": "37f49dcb1a92cdd0",
}
"""Fingerprints of the three workloads of 0.1.0, which were written in Python, for a model without a prior."""


def built(name: str) -> Workload:
    """Build a workload from the settings of the folder."""
    return registry.build(name, load())


def fault(name: str) -> str:
    """Return what is said of a workload that cannot be built, which is one line."""
    with pytest.raises(UsageError) as caught:
        built(name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", TODAY)
def test_a_preset_is_what_the_class_was(name: str, folder: Path) -> None:
    """Prompt, examples, grammar and limit are the same to the letter, so nothing that is published is run again."""
    assert folder.is_dir()
    assert registry.build(name, Settings(model="other/x")).fingerprint == TODAY[name]
    assert built(name).prompt_version == "1"


def test_labels_of_ones_own_are_what_they_were(folder: Path) -> None:
    """A classification with labels in the settings has the fingerprint and the version that it had in 0.1.0."""
    assert folder.is_dir()
    settings = Settings.model_validate({"workloads": {"classification": {"labels": ["a", "b"]}}})
    workload = registry.build("classification", settings)
    assert (workload.fingerprint, workload.prompt_version) == ("341fc5237afa51f9", "1")


def test_a_file_is_a_workload(write: Write) -> None:
    """Beside the presets there is one for each file, under the file's name."""
    write("workloads/departments.toml", LABEL)
    workload = built("departments")
    assert workload.labels == ("billing", "other")
    assert [one.content for one in workload.messages("hello")] == [
        "Which department?\n\nbilling\nother",
        "hello",
    ]
    assert registry.names(load()) == sorted(
        {*TODAY, "departments", "summarization", "extraction", "answering", "rewriting"}
    )


def test_a_table_is_a_workload_too(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the settings file, or by variables alone."""
    write("breakeven.toml", f"[workloads.departments]\n{LABEL}")
    assert built("departments").kind == "label"
    monkeypatch.setenv("BREAKEVEN_WORKLOADS__MOODS__EXTENDS", "sentiment")
    monkeypatch.setenv("BREAKEVEN_WORKLOADS__MOODS__LABELS", '["sad", "glad"]')
    assert built("moods").labels == ("sad", "glad")


def test_the_folder_of_files_is_a_setting(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the settings file, and a variable wins."""
    write("jobs/one.toml", LABEL)
    write("more/two.toml", LABEL)
    write("breakeven.toml", 'workloads_dir = "jobs"\n')
    assert "one" in registry.names(load())
    monkeypatch.setenv("BREAKEVEN_WORKLOADS_DIR", "more")
    assert "two" in registry.names(load())
    assert "one" not in registry.names(load())


def test_a_table_may_add_to_a_file(write: Write) -> None:
    """What a job reads and what it asks may stand in two places; one setting may not."""
    write("workloads/departments.toml", LABEL)
    write("breakeven.toml", '[workloads.departments]\ninput = "in.jsonl"\n')
    assert load().workload("departments").input == "in.jsonl"
    write("breakeven.toml", '[workloads.departments]\ninput = "in.jsonl"\nprompt = "x"\n')
    with pytest.raises(
        UsageError, match=r"workloads/departments.toml, line 2: prompt is set in breakeven.toml, line 3"
    ):
        load()


def test_files_are_found_beside_the_workload_then_in_the_folder(write: Write) -> None:
    """A workload's folder can be moved whole; files of the project are named from the project."""
    write("workloads/labels/short.txt", "a\tfirst\nb\n")
    write("labels.txt", "c\nd\n")
    plain = 'kind = "label"\nprompt = "Which?"\n'
    write("workloads/near.toml", plain + 'labels_file = "labels/short.txt"\n')
    write("workloads/far.toml", plain + 'labels_file = "labels.txt"\n')
    assert built("near").labels == ("a", "b")
    assert built("far").labels == ("c", "d")
    assert built("near").messages("x")[0].content == "Which?\n\na: first\nb"


def test_what_is_taken_over(write: Write) -> None:
    """What it asks is taken over, where it reads and what it may spend is not; what is set of two ways is one."""
    write(
        "workloads/base.toml",
        LABEL + 'input = "in.jsonl"\ntext = "{{ a }}"\nmax_tokens = 9\nid_column = "nr"\n',
    )
    write("workloads/next.toml", 'extends = "base"\ntext_columns = ["b"]\nlabels = ["x", "y"]\n')
    own = load().workload("next")
    assert (own.input, own.text, own.text_columns, own.id_column) == (None, None, ("b",), "nr")
    assert built("next").labels == ("x", "y")
    assert built("next").max_tokens == 9


def test_another_schema_leaves_what_speaks_of_the_first(write: Write) -> None:
    """Checks and examples of a preset's schema say nothing of one's own."""
    schema = {"type": "object", "properties": {"brand": {"type": "string"}}, "required": ["brand"]}
    write("workloads/brand.schema.json", json.dumps(schema))
    write("workloads/brand.toml", 'extends = "extraction"\nschema_file = "brand.schema.json"\n')
    own = load().workload("brand")
    assert (own.grounded, own.distinct, own.examples) == (None, None, None)
    assert (
        built("brand").messages("x")[0].content.endswith("What the text does not state stays empty.\nbrand")
    )


@pytest.mark.parametrize(
    ("change", "another"),
    [
        ("", False),
        ('version = "spring"\n', False),
        ('description = "Where a ticket goes."\n', False),
        ('input = "in.jsonl"\n', False),
        ("max_tokens = 17\n", True),
        ('examples = [{ text = "hi", answer = "other" }]\n', True),
    ],
)
def test_what_makes_another_version(change: str, another: bool, write: Write) -> None:
    """The fingerprint follows what decides an answer, not what people call it or where it reads."""
    write("workloads/departments.toml", LABEL)
    before = built("departments").fingerprint
    write("workloads/departments.toml", LABEL + change)
    assert (built("departments").fingerprint != before) is another


def test_a_comma_makes_another_version(write: Write) -> None:
    """In the prompt, in a meaning, in a file of the prompt."""
    seen = set()
    for prompt in ("Which department?", "Which, department?"):
        write("workloads/departments.toml", LABEL.replace("Which department?", prompt))
        seen.add(built("departments").fingerprint)
        write("workloads/prompt.txt", prompt)
        write(
            "workloads/departments.toml",
            'kind = "label"\nprompt_file = "prompt.txt"\nlabels = { a = "x", b = "y" }\n',
        )
        seen.add(built("departments").fingerprint)
    assert len(seen) == 4


def test_versions_are_named_for_people(write: Write) -> None:
    """By the settings, else by the fingerprint's first digits; that of a preset while its wording is unchanged."""
    write("workloads/departments.toml", LABEL)
    workload = built("departments")
    assert workload.prompt_version == workload.fingerprint[:8]
    write("workloads/departments.toml", LABEL + 'version = "spring"\n')
    assert built("departments").prompt_version == "spring"
    write("workloads/moods.toml", 'extends = "sentiment"\nprompt = "How is it?"\n')
    assert built("moods").prompt_version == built("moods").fingerprint[:8]


def test_the_prior_belongs_to_the_presets_prompt(write: Write) -> None:
    """A workload that asks the same may use it; another wording, or other labels, may not."""
    write("workloads/same.toml", 'extends = "sentiment"\n')
    write("workloads/reworded.toml", 'extends = "sentiment"\nprompt = "How is it?"\n')
    write("workloads/relabelled.toml", 'extends = "sentiment"\nlabels = ["negative", "positive"]\n')
    found = {name: getattr(built(name), "prior", None) for name in ("same", "reworded", "relabelled")}
    assert found["same"] is not None
    assert found["reworded"] is None
    assert found["relabelled"] is None


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"a": 'extends = "a"\n'}, "a extends a"),
        ({"a": 'extends = "b"\n', "b": 'extends = "a"\n'}, "a extends b extends a"),
        (
            {"a": 'extends = "sentimnt"\n'},
            "line 1: workloads.a.extends: unknown workload 'sentimnt'; did you mean sentiment",
        ),
        (
            {"a": LABEL + 'promt = "x"\n'},
            "workloads/a.toml, line 4: unknown setting workloads.a.promt; did you mean prompt",
        ),
        (
            {"a": "kind = 'lable'\n"},
            "workloads/a.toml, line 1: workloads.a.kind: Input should be 'label', 'labels'",
        ),
        ({"A B": LABEL}, "cannot name a workload"),
        ({"a__b": LABEL}, "cannot name a workload"),
        ({"a": 'labels = ["x"]\n'}, "unknown workload 'a': one of your own says kind or extends"),
        ({"a": "kind = label\n"}, "workloads/a.toml, line 1, column 8"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(files: dict[str, str], says: str, write: Write) -> None:
    """Of a file's name, of what it extends, of a key that is not known: before anything is read."""
    for name, content in files.items():
        write(f"workloads/{name}.toml", content)
    with pytest.raises(UsageError) as caught:
        load()
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('kind = "label"\nlabels = ["a", "b"]\n', "a: has no prompt"),
        ('kind = "label"\nprompt = "x"\n', "a: has no labels"),
        (
            'kind = "label"\nprompt = "x"\nlabels = ["a", "b", "a"]\n',
            "line 3: a: the label 'a' is given twice",
        ),
        (LABEL + 'labels_file = "l.txt"\n', "line 4: a: set labels or labels_file, not both"),
        (LABEL + 'prompt_file = "p.txt"\n', "line 4: a: set prompt or prompt_file, not both"),
        (
            LABEL + 'examples = [{ text = "x", answer = "biling" }]\n',
            "line 4: a: example 1 has the answer 'biling'",
        ),
        (LABEL + 'examples = [{ text = "x" }]\n', "line 4: a: example 1 has no `answer`"),
        (LABEL + 'examples = [{ answer = "other" }]\n', "line 4: a: example 1 has no `text`"),
        (LABEL + 'examples_file = "none.jsonl"\n', "line 4: a: examples_file: cannot read none.jsonl"),
        (LABEL + 'text = "{{ a "\n', "line 4: a: text is no valid Jinja template in line 1 of it"),
        (LABEL + 'text = "{% for %}"\n', "line 4: a: text is no valid Jinja template"),
        (
            LABEL + 'text = "{{ a | nofilter }}"\n',
            "line 4: a: text is no valid Jinja template in line 1 of it: No filter",
        ),
        (LABEL + "text = \"{% include 'b' %}{{ a }}\"\n", "it takes in another template"),
        (LABEL + "text = \"{% extends 'b' %}{{ a }}\"\n", "it takes in another template"),
        (LABEL + 'text = "always the same"\n', "line 4: a: text names no column"),
        (LABEL + 'text = "{{ row }}"\n', "line 4: a: text names no column"),
        (
            LABEL.replace("Which department?", "{{ subject }}"),
            "line 2: a: the prompt is the same for all records",
        ),
        (
            LABEL + "max_tokens = 3\n",
            "line 4: a: the longest answer has 7 bytes: set max_tokens to at least 8",
        ),
        ('kind = "object"\nprompt = "x"\n', "a: has no schema"),
        (
            'kind = "object"\nprompt = "x"\noutput = "nothing"\n',
            "line 3: a: output: 'nothing' names no model",
        ),
        (
            'kind = "object"\nprompt = "x"\noutput = "no.such:Model"\n',
            "output: no.such:Model cannot be imported",
        ),
        ('kind = "text"\nprompt = "x"\npattern = { text = "(" }\n', "line 3: a: ( is no regular expression"),
        ('kind = "text"\nprompt = "x"\nmax_words = { title = 3 }\n', "line 3: a: max_words is a number"),
        (
            'kind = "labels"\nprompt = "x"\nlabels = ["a", "b"]\nmin_labels = 3\n',
            "line 4: a: min_labels is 3",
        ),
    ],
)
def test_a_mistake_in_what_it_asks(content: str, says: str, write: Write) -> None:
    """File, line and remedy, when the workload is built, before anything is changed."""
    write("workloads/a.toml", content)
    said = fault("a")
    assert says in said
    assert said.startswith(("workloads/a.toml", "workloads.a."))


def test_what_is_null_is_not_set(write: Write) -> None:
    """Settings that were written out and read again mean the same, down to the fingerprint."""
    write("breakeven.toml", '[workloads.enrichment]\ninput = "in.jsonl"\n')
    settings = load()
    again = Settings.model_validate(settings.model_dump())
    before, after = (registry.build("enrichment", one) for one in (settings, again))
    assert (after.fingerprint, after.prompt_version) == (before.fingerprint, before.prompt_version)
    assert again.workload("enrichment").grounded == ("attributes[].value",)
