"""What a pool of containers lacks is said in a line before anything is deployed; blocks get what their containers need."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.automations import EventTrigger
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
from pydantic import ValidationError

from flows.automations import START, automations, time_to_start
from flows.environment import PROJECT, enter_project
from flows.pool_templates import STEP, in_containers, require_complete
from models.errors import UsageError
from models.settings import Settings
from tasks.setup.prefect_checks import start_worker

LEDGER = "BREAKEVEN_DATABASE_URL"
SERVER = "http://prefect:4200/api"
WHOLE: dict[str, Any] = {"image": "i:1", "volume": "v", "environment": {"PREFECT_API_URL": SERVER}}


def settings(pool_type: str = "kubernetes", url: str = "postgresql://u:w@db/l", **pool: Any) -> Settings:  # noqa: ANN401  as in a file
    """Return settings of a pool that lacks nothing but what is changed."""
    own = {"secrets": ["s"]} if pool_type == "kubernetes" else {"secret_blocks": {LEDGER: "ledger"}}
    given = {"pool_type": pool_type, "database_url": url, "pool": WHOLE | own | pool}
    return Settings.model_validate(given | ({"gpu_workers": 4} if pool_type == "kubernetes" else {}))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (settings(image=None), "set pool.image to an image"),
        (
            settings().model_copy(update={"gpu_workers": "auto"}),
            "set gpu_workers to how many runs may be at work at a time",
        ),
        (settings(volume=None), "set pool.volume, else what a run publishes goes with its container"),
        (settings(url="sqlite:///l.db"), "the ledger is SQLite, which containers cannot share"),
        (settings(environment=WHOLE["environment"] | {LEDGER: "sqlite:///l.db"}), "the ledger is SQLite"),
        (settings(secrets=[]), f"name in pool.secrets a Kubernetes secret with {LEDGER}"),
        (settings(secrets=[]), "with PREFECT_API_AUTH_STRING"),
        (
            settings("docker", secret_blocks={}),
            f"name in pool.secret_blocks a Prefect block Secret with {LEDGER}",
        ),
        (settings(environment={}), "no container reaches http://127.0.0.1:4200/api"),
        (
            settings(environment={"PREFECT_API_URL": "http://localhost:4200/api"}),
            "no container reaches http://localhost",
        ),
    ],
)
def test_what_is_missing_is_said(given: Settings, said: str) -> None:
    """Image, volume, ledger, secrets and the server: each in the one line."""
    with (
        temporary_settings({PREFECT_API_URL: "http://127.0.0.1:4200/api", PREFECT_API_AUTH_STRING: "a:b"}),
        pytest.raises(UsageError) as caught,
    ):
        require_complete(given)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "given", [settings(), settings("docker"), Settings()], ids=["kubernetes", "docker", "process"]
)
def test_what_is_complete_passes(given: Settings) -> None:
    """Processes need none of it."""
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:4200/api", PREFECT_API_AUTH_STRING: "a:b"}):
        require_complete(given)


@pytest.mark.parametrize(
    "environment",
    [{"HF_TOKEN": "qqword"}, {LEDGER: "postgresql://u:qqword@db/l"}, {"PREFECT_API_AUTH_STRING": "qqword"}],
)
def test_no_secret_in_the_environment(environment: dict[str, str]) -> None:
    """A deployment shows its variables to every client of the server; the error does not show the secret either."""
    with pytest.raises(ValidationError, match="holds a secret, and a deployment shows") as caught:
        settings(environment=environment)
    assert "qqword" not in str(caught.value)


def test_blocks_get_image_gpus_and_folder_and_keep_their_own() -> None:
    """What a block sets itself wins, and processes' file is as it was."""
    document = yaml.safe_load((PROJECT / "prefect.yaml").read_text("utf-8"))
    (nightly,) = (one for one in document["deployments"] if one["name"] == "nightly")
    nightly["work_pool"] = nightly["work_pool"] | {
        "job_variables": {"gpus": 8, "env": {"PREFECT_API_URL": "http://x"}}
    }
    before = yaml.safe_dump(document)
    changed = in_containers(document, settings())
    assert yaml.safe_dump(document) == before
    variables = {one["name"]: one["work_pool"]["job_variables"] for one in changed["deployments"]}
    assert (variables["nightly"]["gpus"], variables["sentiment"]["gpus"]) == (8, 1)
    assert variables["nightly"]["env"] == {"PREFECT_API_URL": "http://x"}
    assert "gpus" not in variables["alerts"]
    assert {one["image"] for one in variables.values()} == {"i:1"}
    assert changed["pull"] == [{STEP: {"folder": "/srv/breakeven"}}]


def test_a_container_without_its_volume_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process enters the checkout, a container the folder of its volume; where there is none, a line says what is missing."""
    monkeypatch.chdir("/")
    monkeypatch.setattr(os, "umask", lambda mask: mask)
    assert enter_project() == {"directory": str(PROJECT)}
    assert enter_project(str(tmp_path)) == {"directory": str(tmp_path)}
    with pytest.raises(UsageError, match=r"the volume of pool\.volume belongs there"):
        enter_project(str(tmp_path / "none"))


def test_a_run_that_waits_for_another_machine_has_not_crashed() -> None:
    """It sends no heartbeat meanwhile; and a node with a large image may take an hour where a process takes ten minutes."""
    assert all(
        "prefect.flow-run.AwaitingRetry" in one.trigger.expect
        for one in automations()
        if isinstance(one.trigger, EventTrigger)
    )
    assert time_to_start(Settings()) == START
    assert time_to_start(settings(start_seconds=1800)) == timedelta(seconds=1800)


def test_doctor_names_the_worker_that_the_pool_needs() -> None:
    """Processes have a target of the Makefile; containers a worker of Prefect's, in the cluster or beside Docker."""
    assert start_worker("gpu", "process") == "`make worker`"
    assert start_worker("gpu", "kubernetes") == "`prefect worker start --pool gpu --type kubernetes`"
    assert start_worker("own", "process") == "`prefect worker start --pool own --type process`"
