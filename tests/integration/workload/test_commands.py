"""`breakeven workload` as a user starts it: from nothing to a tried workload, and what a changed wording says before it costs."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.backfill.commands import Command, Commands
from tests.integration.pipeline.harness import CACHE, write_records

DAYS = ("2026-11-01", "2026-11-02")


@dataclass
class User:
    """Somebody in an empty folder, with messages of two days."""

    folder: Path
    commands: Commands

    def __post_init__(self) -> None:
        """Write the messages."""
        rows: list[object] = [
            {"id": f"{day}-{number}", "text": f"message {number} of {day}", "timestamp": f"{day}T09:00:00Z"}
            for day in DAYS
            for number in range(6)
        ]
        write_records(self.folder / "in.jsonl", rows)

    def do(self, *arguments: str, code: int = 0, **settings: str) -> tuple[str, str]:
        """Run a command to its end; return what it wrote on standard output and standard error."""
        command = self.start(*arguments, **settings)
        out, errors = command.wait()
        assert command.poll() == code, errors
        return out, errors

    def start(self, *arguments: str, **settings: str) -> Command:
        """Start a command."""
        ours = ("PREFECT_", "BREAKEVEN_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        env = kept | {"BREAKEVEN_CACHE_DIR": str(CACHE), "COLUMNS": "200"} | settings
        return self.commands.start(arguments, env, self.folder, self.folder / "calls", 0.0)

    def asked(self) -> int:
        """Return how many requests the engine got so far."""
        calls = self.folder / "calls"
        return len(calls.read_text(encoding="utf-8").splitlines()) if calls.exists() else 0


@pytest.fixture
def user(tmp_path: Path, commands: Commands) -> User:
    """Give a user."""
    return User(tmp_path, commands)


def test_from_nothing_to_a_tried_workload(user: User) -> None:
    """new, list, show and try: each says what the next one needs, and nothing is published by it."""
    out, errors = user.do("workload", "new", "departments", "--kind", "label")
    assert out == "workloads/departments.toml\n"
    assert "breakeven workload show departments" in errors
    listed = json.loads(user.do("workload", "list", "--format", "json")[0])
    (mine,) = [one for one in listed if one["name"] == "departments"]
    assert (mine["kind"], mine["where"], mine["state"]) == ("label", "workloads/departments.toml", "ok")
    shown, _ = user.do("workload", "show", "departments", "--record", "My parcel is lost")
    assert "[user]\nMy parcel is lost" in shown
    assert "<|im_start|>user\nMy parcel is lost<|im_end|>" in shown
    assert "grammar: one of 4 labels: complaint, question, praise, other" in shown
    assert "published: nothing so far" in shown
    tried, errors = user.do("workload", "try", "departments", "--input", "in.jsonl", "--limit", "3")
    assert [line.split()[0] for line in tried.splitlines()[2:5]] == [f"{DAYS[1]}-{one}" for one in range(3)]
    assert "3 records: 3 answered, 0 set aside" in errors
    assert user.asked() == 3
    rows = json.loads(
        user.do("workload", "try", "departments", "--input", "in.jsonl", "--limit", "3", "--format", "json")[
            0
        ]
    )
    assert [row["input"] for row in rows] == [f"message {number} of {DAYS[1]}" for number in range(3)]
    assert {row["state"] for row in rows} == {"ok"}
    assert user.asked() == 3
    assert not (user.folder / "out" / "departments").exists()
    purposes = json.loads(user.do("ledger", "summary", "--by", "purpose", "--format", "json")[0])
    assert [(row["purpose"], row["records"]) for row in purposes] == [("trial", 3)]


def test_a_changed_wording_says_what_is_run_again_and_what_it_costs(user: User) -> None:
    """Before anything is run: by show, by the quote of a backfill in words, and by diff on a sample."""
    user.do("workload", "new", "departments", "--kind", "label")
    range_ = ("--from", DAYS[0], "--to", DAYS[1], "--input", "in.jsonl")
    user.do("backfill", "departments", *range_, "--yes")
    file = user.folder / "workloads" / "departments.toml"
    before, _ = user.do("workload", "show", "departments")
    assert "published: 2 partitions, all with this wording" in before
    assert ", on cpu x" in before
    assert "measured in " in before
    assert "run again" not in user.do("backfill", "departments", *range_, "--quote")[1]
    file.write_text(file.read_text(encoding="utf-8").replace("message is.", "message is,"), encoding="utf-8")
    shown, _ = user.do("workload", "show", "departments")
    assert "published: 2 of 2 partitions with another wording" in shown
    assert "running them again, by what they took before: 12 records, " in shown
    assert "breakeven backfill departments --from 2026-11-01 --to 2026-11-02 --quote" in shown
    (again,) = [line for line in shown.splitlines() if line.startswith("  here $")]
    assert "of other prompts" in again
    asked = user.asked()
    _, errors = user.do("backfill", "departments", *range_, "--quote")
    (why,) = [line for line in errors.splitlines() if "run again" in line]
    assert why.startswith("2 partitions (2026-11-01 to 2026-11-02, published 20")
    assert "the wording of departments has changed since: version " in why
    _, errors = user.do("workload", "diff", "departments", "--sample", "5", "--input", "in.jsonl")
    assert "departments: 5 of 12 published records" in errors
    assert "quoted " in errors
    assert "every answer is as it is published" in errors
    assert user.asked() == asked + 5


def test_records_go_to_an_api_only_when_somebody_says_so(user: User) -> None:
    """Nobody sits at the terminal: one line that names the host and --yes, and nothing is asked of it."""
    user.do("workload", "new", "departments", "--kind", "label")
    api = {"BREAKEVEN_API_MODE": "sync", "BREAKEVEN_API_BASE_URL": "http://127.0.0.1:9/v1"}
    _, errors = user.do(
        "workload", "try", "departments", "--input", "in.jsonl", "--engine", "openai", code=2, **api
    )
    assert errors.splitlines()[-1] == (
        "error: records would be sent to 127.0.0.1:9, and nobody is there to answer: add --yes"
    )
    assert "API 0.0" in errors


MISTAKES = (
    (("workload", "new", "No", "--kind", "label"), "cannot name a workload"),
    (("workload", "show", "sentimnt"), "did you mean sentiment?"),
    (("workload", "show", "sentiment", "--record-json", "{"), "--record-json is no JSON"),
    (("workload", "show", "sentiment", "--record-json", '{"txt": "a"}'), "has no 'text'"),
    (("workload", "show", "sentiment", "--record-json", '{"text": " "}'), "would set this record aside"),
    (("workload", "try", "sentiment"), "no input is set"),
    (("workload", "try", "sentiment", "--limit", "0"), "Must be >= 1"),
    (("workload", "try", "sentiment", "--input", "in.jsonl", "--engine", "openai"), "API_MODE=sync"),
    (("workload", "diff", "sentiment"), "nothing of sentiment is published"),
)


def test_each_mistake_is_one_line(user: User) -> None:
    """Exit code 2, no traceback, what to do."""
    started = [(user.start(*arguments), said) for arguments, said in MISTAKES]
    for command, said in started:
        _, errors = command.wait()
        assert command.poll() == 2, errors
        assert said in errors.splitlines()[-1]
        assert "Traceback" not in errors
