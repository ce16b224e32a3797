"""Whole runs over CSV and JSON as programs write them publish what the plain file publishes."""

import gzip
import json
from pathlib import Path

import pytest

import cli
from models.records import Record
from models.settings import Settings
from tests.fakes import ScriptedEngine
from tests.integration.pipeline.books import check_books
from tests.integration.pipeline.harness import published, quarantined, run

PLAIN = 'id,text,note\nr1,"good, I think",\nr2,bad,"x\ny"\nr3,"say ""hi""",\n'
OBJECTS = [
    {"id": "r1", "text": "good, I think"},
    {"id": "r2", "text": "bad"},
    {"id": "r3", "text": 'say "hi"'},
]
FORMS: dict[str, tuple[str, bytes]] = {
    "semicolons": ("in.csv", b'sep=;\r\nid;text;note\r\nr1;good, I think;\r\nr2;bad;"x\r\ny"\r\nr3;"say ""hi""";\r\n'),
    "Unicode text": ("in.csv", 'id\ttext\tnote\r\nr1\tgood, I think\t\r\nr2\tbad\tx\r\nr3\t"say ""hi"""\t\r\n'.encode("utf-16")),
    "old Mac": ("in.csv", PLAIN.replace("\n", "\r").encode()),
    "escaped": ("in.csv", PLAIN.replace('""hi""', '\\"hi\\"').encode()),
    "trailing": ("in.csv", b'id,text\nr1,"good, I think",\nr2,bad,\nr3,"say ""hi""",\n'),
    "gzip by another name": ("in.csv", gzip.compress(PLAIN.encode())),
    "array": ("in.json", json.dumps(OBJECTS, indent=2).encode()),
    "printed objects": ("in.jsonl", "\n".join(json.dumps(one, indent=2) for one in OBJECTS).encode()),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_each_form_publishes_the_same(settings: Settings, tmp_path: Path, form: str) -> None:
    """Ids and texts of each form are those of the plain file, and nothing is set aside."""
    name, content = FORMS[form]
    (tmp_path / name).write_bytes(content)
    result = run(settings, tmp_path / name, ScriptedEngine())
    assert (result.published, result.quarantined) == (3, 0)
    found = published(settings).select("record_key", "text_hash").rows()
    assert found == [(one["id"], Record("", "", 0, one["text"]).text_hash) for one in OBJECTS]
    check_books(settings)


def test_many_broken_quotes_are_set_aside_one_by_one(settings: Settings, tmp_path: Path) -> None:
    """Each row with a broken quote is quarantined by its line number; the others are published."""
    path = tmp_path / "in.csv"
    path.write_text(
        "id,text\n" + 'x","y\n' * 30 + "".join(f"r{n},text {n}\n" for n in range(300)), encoding="utf-8"
    )
    result = run(settings, path, ScriptedEngine())
    assert (result.published, result.quarantined) == (300, 30)
    assert quarantined(settings)["detail"].to_list() == [
        f"line {n} has an unbalanced quote" for n in range(2, 32)
    ]


@pytest.mark.parametrize("form", ["semicolons", "Unicode text", "array"])
def test_a_forecast_counts_the_prompts_alone(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """`forecast` counts the tokens of the column, not those of whole rows, in each form of the same file."""
    monkeypatch.setenv("BREAKEVEN_DATABASE_URL", f"sqlite:///{tmp_path / 'ledger.db'}")
    tokens = set()
    for name, content in (("plain.csv", PLAIN.encode()), FORMS[form]):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SystemExit) as end:
            cli.main(
                (
                    "forecast",
                    "--input",
                    str(tmp_path / name),
                    "--daily",
                    "5",
                    "--output-tokens",
                    "3",
                    "--format",
                    "json",
                )
            )
        assert not end.value.code
        tokens.add(json.loads(capsys.readouterr().out)["workloads"][0]["input_tokens_mean"])
    assert len(tokens) == 1
