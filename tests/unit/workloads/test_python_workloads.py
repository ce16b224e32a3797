"""Workloads that an installed package offers by an entry point, for what a file cannot say."""

import sys
from collections.abc import Iterator

import pytest

from models.errors import UsageError
from models.settings import inherit
from models.settings.check import load
from models.workloads import registry
from tests.unit.workloads.conftest import Write

CODE = '''
from pydantic import BaseModel
from models.requests import Message
from models.workloads.base import Workload

class Out(BaseModel):
    word: str

class Loud(Workload):
    """Says it loudly."""
    name = "loud"
    prompt_version = "3"
    output = Out
    max_tokens = 8

    def messages(self, text):
        return (Message("user", text.upper()),)
'''


@pytest.fixture
def package(write: Write, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Install a package that offers a workload, as far as Python can tell."""
    write("site/loud_words.py", CODE)
    write("site/loud_words-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: loud-words\nVersion: 1\n")
    path = write(
        "site/loud_words-1.dist-info/entry_points.txt",
        "[breakeven.workloads]\nloud = loud_words:Loud\nlost = loud_words:Lost\nother = loud_words:Out\n",
    )
    monkeypatch.syspath_prepend(str(path.parents[1]))
    inherit.python_names.cache_clear()
    yield write
    inherit.python_names.cache_clear()
    sys.modules.pop("loud_words", None)


def test_it_is_a_workload_like_others(package: Write) -> None:
    """Named, described and built with its table; its prompt is part of its fingerprint."""
    package("breakeven.toml", '[workloads.loud]\ninput = "in.jsonl"\n')
    settings = load()
    assert "loud" in registry.names(settings)
    assert registry.description("loud", settings) == "Says it loudly."
    workload = registry.build("loud", settings)
    assert (workload.messages("x")[0].content, workload.prompt_version) == ("X", "3")
    assert workload.settings.input == "in.jsonl"
    before = workload.fingerprint
    package("site/loud_words.py", CODE.replace("text.upper()", "text.upper() + '!'"))
    sys.modules.pop("loud_words")
    assert registry.build("loud", settings).fingerprint != before


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("lost", "cannot be imported: AttributeError"),
        ("other", "is no subclass of models.workloads.base.Workload"),
    ],
)
def test_an_entry_point_that_leads_nowhere(name: str, says: str, package: Write) -> None:
    """One line that names it."""
    assert callable(package)
    with pytest.raises(UsageError, match=says):
        registry.build(name, load())


def test_a_file_cannot_extend_it(package: Write) -> None:
    """What Python does is not in its settings: a class derives from it instead."""
    package("workloads/mine.toml", 'extends = "loud"\n')
    with pytest.raises(UsageError, match="loud is written in Python and cannot be extended by a file"):
        load()
