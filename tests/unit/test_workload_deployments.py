"""Blocks of deployments that are made from the settings: for whom, with which schedule, and when the user's own wins."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect import Flow

from flows import workloads as flows_of_workloads
from flows.deploy import FILE
from flows.environment import read_settings
from flows.workload_deployments import make_blocks, with_workloads
from models.errors import UsageError
from tasks.setup.workload_deployments import gone

OWN = """
kind = "label"
prompt = "Which department?"
labels = ["billing", "delivery"]
input = "in.jsonl"
"""
BLOCKS: list[dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["deployments"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder with one for workloads."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "workloads").mkdir()
    return tmp_path


def write(name: str, more: str = "") -> None:
    """Write a workload's file."""
    Path("workloads", f"{name}.toml").write_text(f"{OWN}{more}", encoding="utf-8")


def test_each_workload_with_an_input_has_a_block() -> None:
    """Of the form of sentiment's, with its schedule off, or as the workload says; one without an input has none."""
    write("my-topics")
    write("nights", 'schedule = "0 4 * * 1-5"\n')
    Path("workloads", "idle.toml").write_text(OWN.replace("input", "# input"), encoding="utf-8")
    made = {one["name"]: one for one in make_blocks(BLOCKS, read_settings())}
    assert set(made) == {"my-topics", "nights"}
    (model,) = [one for one in BLOCKS if one["name"] == "sentiment"]
    assert made["my-topics"] == model | {
        "name": "my-topics",
        "entrypoint": "flows.workloads:my-topics",
        "schedules": [{"slug": "daily", "cron": "30 2 * * *", "timezone": "UTC", "active": False}],
    }
    assert made["nights"]["schedules"][0] == {
        "slug": "daily",
        "cron": "0 4 * * 1-5",
        "timezone": "UTC",
        "active": True,
    }


def test_the_flow_of_a_name_with_a_hyphen_is_found() -> None:
    """The entrypoint names an attribute that no Python could write, and getattr finds it all the same."""
    write("my-topics")
    flow = getattr(flows_of_workloads, "my-topics")
    assert isinstance(flow, Flow)
    assert flow.name == "my-topics"


def test_a_block_of_the_user_wins(folder: Path) -> None:
    """The three presets have theirs in prefect.yaml; one that the user has written is not made a second time."""
    write("my-topics")
    (folder / "breakeven.toml").write_text('[workloads.sentiment]\ninput = "a.csv"\n', encoding="utf-8")
    own = {"name": "topics-at-noon", "entrypoint": "flows.workloads:my-topics", "work_pool": {"name": "gpu"}}
    assert make_blocks([*BLOCKS, own], read_settings()) == []
    assert [one["name"] for one in make_blocks(BLOCKS, read_settings())] == ["my-topics"]


def test_the_file_itself_where_nothing_is_to_be_added() -> None:
    """Else a copy with all its blocks and the new ones, which is gone after the deploy."""
    with with_workloads(FILE, read_settings()) as file:
        assert file == FILE
    write("my-topics")
    with with_workloads(FILE, read_settings()) as file:
        assert file != FILE
        written = yaml.safe_load(file.read_text(encoding="utf-8"))
    whole = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    assert written["deployments"][:-1] == whole["deployments"]
    assert {name: written[name] for name in ("build", "pull")} == {
        name: whole[name] for name in ("build", "pull")
    }
    assert written["deployments"][-1]["name"] == "my-topics"
    assert not file.exists()


@pytest.mark.parametrize(
    ("name", "more", "said"),
    [
        ("nightly", "", "has the name of the deployment of flows.nightly:nightly: rename it"),
        ("describe", "", "has the name of a part of flows.workloads: rename it"),
        (
            "topics",
            'schedule = "each night"\n',
            "workloads/topics.toml, line 6: topics: schedule 'each night' is no cron",
        ),
    ],
)
def test_what_cannot_be_deployed_is_one_line(name: str, more: str, said: str) -> None:
    """A name that something else has already, and a schedule that is none."""
    write(name, more)
    with pytest.raises(UsageError) as caught:
        make_blocks(BLOCKS, read_settings())
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_workload_that_has_gone_is_named() -> None:
    """By the entrypoint of its deployment; those of other flows are none of ours."""
    write("my-topics")
    there = ["flows.workloads:my-topics", "flows.workloads:lost", "flows.nightly:nightly", None]
    assert gone(there, read_settings()) == ["lost"]


def test_a_flow_of_the_users_own_wins() -> None:
    """A deployment of a workload's name with a flow from elsewhere stands in its place."""
    write("topics")
    own = {"name": "topics", "entrypoint": "shop.flows:topics", "work_pool": {"name": "gpu"}}
    assert make_blocks([*BLOCKS, own], read_settings()) == []
    assert [one["name"] for one in make_blocks(BLOCKS, read_settings())] == ["topics"]
