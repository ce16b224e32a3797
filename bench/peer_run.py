"""One peer over one job in a fresh process: how long start, records and the rest took, and what it answered."""

import json
import os
import resource
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.peer_environments import BESIDE
from bench.peer_job import Job
from bench.peer_ways import Answers, Peer

CACHES = {
    "VLLM_CACHE_ROOT": "vllm",
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "TRITON_CACHE_DIR": "triton",
    "XDG_CACHE_HOME": "xdg",
}
"""Variables that say where a compiled kernel or graph is kept, each with its folder."""
LAST_LINES = 40


@dataclass(frozen=True, slots=True)
class Timed:
    """What one run took, in seconds: start until the engine's first request, until its last answer, and until the end.

    `cpu_s` has only processes that were waited for: Ray's own are not among them.
    """

    total_s: float
    startup_s: float
    first_answer_s: float
    records_s: float
    rest_s: float
    cpu_s: float
    output_tokens: int
    answers: Answers


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run works and where its caches are, and what it may take.

    `caches` outlives the run: empty the first time, warm the next.
    """

    folder: Path
    caches: Path
    product_cache: Path
    limit_s: float
    further: Mapping[str, str]


def run(peer: Peer, python: Path, job: Job, place: Place) -> Timed:
    """Run the peer. Raises `RuntimeError` with one line that says why it failed."""
    times = place.folder / "times"
    times.mkdir(parents=True)
    command = peer.command(python, job, place.folder)
    log = place.folder / "log.txt"
    environment = _environment(peer, job, place, times)
    cpu, start = _cpu_seconds(), time.time()
    with log.open("wb") as output:
        child = subprocess.Popen(
            command,
            cwd=place.folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = child.wait(place.limit_s)
        except BaseException as error:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            msg = f"not done after {place.limit_s:.0f} s"
            raise RuntimeError(msg) from None
    end = time.time()
    if code:
        msg = f"exit code {code}: {_reason(log)}"
        raise RuntimeError(msg)
    return _timed(peer, place.folder, (start, end), _cpu_seconds() - cpu)


def _environment(peer: Peer, job: Job, place: Place, times: Path) -> dict[str, str]:
    """Return the same for every peer, but vLLM's own variables, which the product sets itself."""
    own = {} if not peer.environment else job.environment
    product = {"BREAKEVEN_CACHE_DIR": str(place.product_cache)}
    if job.model is not None:
        product["BREAKEVEN_MODEL"] = job.model
    return (
        os.environ
        | {"HF_HOME": os.environ.get("HF_HOME", str(Path.home() / ".cache" / "huggingface"))}
        | {name: str(place.caches / folder) for name, folder in CACHES.items()}
        | {"PEER_TIMES": str(times), "PYTHONPATH": str(BESIDE / "hook")}
        | {"VLLM_NO_USAGE_STATS": "1", "RAY_USAGE_STATS_ENABLED": "0", "DO_NOT_TRACK": "1"}
        | own
        | product
        | dict(place.further)
    )


def _timed(peer: Peer, folder: Path, span: tuple[float, float], cpu_s: float) -> Timed:
    start, end = span
    files = [
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for path in (folder / "times").iterdir()
    ]
    finished = [line["at"] for lines in files for line in lines if line["finished"]]
    if not finished:
        msg = "no answer was seen in vLLM"
        raise RuntimeError(msg)
    first = min(lines[0]["at"] for lines in files)
    return Timed(
        total_s=end - start,
        startup_s=first - start,
        first_answer_s=min(finished) - start,
        records_s=max(finished) - first,
        rest_s=end - max(finished),
        cpu_s=cpu_s,
        output_tokens=sum(lines[-1]["tokens"] for lines in files),
        answers=peer.answers(folder),
    )


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _reason(log: Path) -> str:
    """Find the line that names an error, else the last one."""
    lines = [
        line.strip()
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines()
        if line.strip()
    ]
    named = [line for line in lines[-LAST_LINES:] if "Error" in line or line.startswith("error:")]
    return (named or lines or ["it said nothing"])[-1][:200]
