"""The bench beside other ways: what its table says of a peer that failed, and how the hook in every peer counts."""

import importlib.util
import json
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.peer_environments import BESIDE
from bench.peer_job import Job
from bench.peer_run import Timed
from bench.peers import agreement, finding, rows


def timed(total: float, answers: dict[str, str]) -> Timed:
    """Make a run."""
    return Timed(total, 2.0, 3.0, 4.0, 1.0, 5.0, 8, answers)


def test_a_peer_that_failed_has_its_reason_in_the_place_of_figures() -> None:
    """A failure is shown, not hidden."""
    found = {
        ("breakeven", "empty"): [timed(10, {"1": "a", "2": "b"})],
        ("plain", "empty"): [timed(20, {"1": "a", "2": "c"})],
    }
    product, failed, plain = rows(found, {("ray", "empty"): "exit code 1: no room"})
    assert product["product_to_this"] == 1.0
    assert failed == {"peer": "ray.data.llm", "caches": "empty", "failed": "exit code 1: no room"}
    assert (plain["product_to_this"], plain["agree"], plain["records_per_s"]) == (0.5, 0.5, 0.5)


def test_a_result_names_no_folder_of_the_machine() -> None:
    """It is kept in the repository; the model stands there by its name."""
    arguments = {"model": "/srv/somewhere/model", "seed": 0}
    job = Job("label", Path("/srv/in.parquet"), None, [], [], None, {}, arguments, {}, on_cpu=True)
    found = finding(Namespace(repeats=1, arguments="ours"), job, [])
    assert found.settings["arguments"] == {"seed": 0}
    assert "/srv" not in repr(found)


def test_an_answer_that_is_missing_does_not_agree() -> None:
    """White space around an answer is no difference."""
    assert agreement({"1": "a", "2": "b"}, {"1": " a\n"}) == 0.5


def test_the_hook_notes_the_first_request_and_each_step_with_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The figures of every peer come from here."""
    spec = importlib.util.spec_from_file_location("peer_hook", BESIDE / "hook" / "sitecustomize.py")
    assert spec is not None
    assert spec.loader is not None
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    monkeypatch.setattr(hook, "FOLDER", str(tmp_path))

    class Processor:
        def add_request(self, request: str) -> str:
            return request

        def process_outputs(self, outputs: list[Any]) -> int:
            return len(outputs)

    hook.watch(Processor)
    processor = Processor()
    assert [processor.add_request("a"), processor.add_request("b")] == ["a", "b"]
    going, done = (SimpleNamespace(finish_reason=end, new_token_ids=[1, 2]) for end in (None, "stop"))
    assert processor.process_outputs([going]) == 1
    assert processor.process_outputs([going, done]) == 2
    [file] = tmp_path.iterdir()
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert [(line["finished"], line["tokens"]) for line in lines] == [(0, 0), (1, 6)]
