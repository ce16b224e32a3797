"""The Dockerfile without Docker: its steps as a list, and the builder's run in a folder of this machine.

`python -m tests.image FOLDER` does what the builder does (DEVICE=cpu, packages from this machine's cache or registries), then runs
what it has made with nothing but the variables of the image. Not run: the second stage's packages of Debian, its user, the copy between stages.
"""

import fnmatch
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
FILE = PROJECT / "Dockerfile"
BUILDER, RUNTIME = 1, 2
"""Stages by their number; what stands before the first `FROM` is 0."""
SAMPLE = "samples/sentiment.jsonl"


@dataclass(frozen=True, slots=True)
class Step:
    """An instruction of a Dockerfile, in one line. `stage` counts the `FROM`s up to it."""

    stage: int
    word: str
    rest: str


def read_steps(text: str) -> list[Step]:
    """Read a Dockerfile: comments go, lines that end in a backslash go on."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    steps: list[Step] = []
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        stage = (steps[-1].stage if steps else 0) + (word == "FROM")
        steps.append(Step(stage, word, " ".join(rest.split())))
    return steps


def variables_of(steps: Sequence[Step], stage: int) -> dict[str, str]:
    """Return what `ARG` (by its default) and `ENV` set in a stage."""
    found: dict[str, str] = {}
    for step in steps:
        if step.stage == stage and step.word in {"ARG", "ENV"}:
            found.update(one.partition("=")[::2] for one in step.rest.split())
    return found


def copied(steps: Sequence[Step], stage: int) -> Iterator[tuple[list[str], str]]:
    """Yield sources and target of each `COPY` from the project."""
    for step in steps:
        if step.stage == stage and step.word == "COPY" and not step.rest.startswith("--from"):
            *sources, target = step.rest.split()
            yield sources, target


def is_ignored(path: str, patterns: Sequence[str]) -> bool:
    """Whether .dockerignore keeps a file of the project from the builder: the last pattern that fits decides."""
    above = [path, *map(str, Path(path).parents)]
    ignored = False
    for pattern in patterns:
        bare = pattern.removeprefix("!")
        forms = (bare, bare.removeprefix("**/"))
        names = [Path(one).name for one in above] if bare.startswith("**/") else []
        if any(fnmatch.fnmatchcase(one, form) for form in forms for one in (*above[:-1], *names)):
            ignored = not pattern.startswith("!")
    return ignored


def ignore_patterns() -> list[str]:
    """Return the patterns of .dockerignore."""
    lines = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def copy_project(steps: Sequence[Step], folder: Path) -> None:
    """Do the builder's `COPY` steps, without what .dockerignore leaves out."""
    patterns = ignore_patterns()
    for sources, target in copied(steps, BUILDER):
        for source in sources:
            here = PROJECT / source
            for file in [here] if here.is_file() else sorted(one for one in here.rglob("*") if one.is_file()):
                if is_ignored(str(file.relative_to(PROJECT)), patterns):
                    continue
                inside = file.name if here.is_file() else file.relative_to(here)
                (place := folder / target / inside).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, place)


def run_builder(folder: Path) -> Path:
    """Run the builder's steps below a folder; return the environment that the image gets."""
    steps = read_steps(FILE.read_text(encoding="utf-8"))
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(getattr(sys, "_base_executable", sys.executable))
    own = variables_of(steps, BUILDER) | {"DEVICE": "cpu"}
    own.pop("UV_NO_CACHE", None)  # gigabytes that this machine may have
    env = os.environ | own | {"PATH": f"{folder / 'bin'}:/usr/bin:/bin"}
    build = folder / "build"
    copy_project(steps, build)
    for step in steps:
        if step.stage == BUILDER and step.word == "RUN":
            command = step.rest.replace("/opt/", f"{folder}/opt/")
            if "UV_FIND_LINKS" in env:  # a machine that has torch for CPUs itself, as in the Makefile
                command = command.replace("export UV_TORCH_BACKEND=cpu", "true")
            print(f"RUN {command}", flush=True)  # noqa: T201  a script
            subprocess.run(["/bin/sh", "-c", command], cwd=build, env=env, check=True)
    return folder / "opt" / "breakeven"


def run_image(made: Path, folder: Path, command: Sequence[str], more: Mapping[str, str]) -> str:
    """Run a command as the image does, in an empty folder, and return what it prints."""
    steps = read_steps(FILE.read_text(encoding="utf-8"))
    env = {name: value for name, value in variables_of(steps, RUNTIME).items() if name != "DEVICE"}
    env = {
        name: value.replace("/opt/breakeven", str(made)).replace("/home/breakeven", str(folder / "home"))
        for name, value in env.items()
    }
    env["HF_HOME"] = str(folder / "huggingface")
    done = subprocess.run(
        command,
        cwd=folder,
        env=env | dict(more),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        executable=shutil.which(command[0], path=env["PATH"]),
    )
    return done.stdout


def main(folder: Path) -> None:
    """Build, then label five of the sample messages with what was built."""
    made = run_builder(folder)
    (project := folder / "project").mkdir()
    more = {"BREAKEVEN_WORKLOADS__SENTIMENT__INPUT": str(PROJECT / SAMPLE), "HOME": str(folder / "home")}
    for command in (
        ["python", "-m", "flows.container", "breakeven", "--help"],
        ["python", "-m", "models.default_model", "--cache-dir", ".cache"],
        ["breakeven", "run", "sentiment", "--date", "2026-11-01", "--limit", "5"],
        ["breakeven", "ledger", "summary"],
    ):
        print("$", *command, flush=True)  # noqa: T201
        print(run_image(made, project, command, more)[-1500:])  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
