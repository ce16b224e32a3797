"""Where the processor time of a run goes, by stage and by function: sampled, so that what is measured is hardly slowed down."""

import signal
import time
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import Executor, Future
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self, TypedDict

from tasks.storage import committer

ROOT = str(Path(__file__).resolve().parents[1]) + "/"
EVERY_SECONDS = 0.002
OUTSIDE = "other"
NATIVE = "threads of libraries"
"""What other threads used: polars' own, for example."""

STAGES = (
    ("bench/instant.py", "", "engine"),
    ("models/engines/window.py", "", "window"),
    ("tasks/storage/scratch_db.py", "Scratch.assign_keys", "keys"),
    ("tasks/storage/scratch_db.py", "Scratch.done", "requests"),
    ("tasks/storage/scratch_db.py", "", "window"),
    ("tasks/storage/input_digest.py", "", "digest"),
    ("tasks/reading/", "", "reading"),
    ("models/workloads/settings_workload.py", "SettingsWorkload.local_messages", "requests"),
    ("models/workloads/", "", "parse"),
    ("tasks/storage/outcomes.py", "", "parse"),
    ("models/ledger/", "", "accounting"),
    ("tasks/run/publish.py", "", "publish"),
    ("tasks/storage/merge_parts.py", "", "publish"),
    ("tasks/storage/part_files.py", "AnsweredRow", "parse"),
    ("tasks/storage/", "", "commit"),
    ("tasks/runtime/", "", "commit"),
    ("db/", "", "commit"),
    ("tasks/run/", "", "requests"),
)
"""Where code lies, how the function's name begins, and the stage it belongs to: the first that fits, from the innermost call outwards."""


class Profile(TypedDict):
    """Processor seconds of a process, by stage and by function of this project (with what it calls outside of it)."""

    stages: dict[str, float]
    functions: dict[str, float]


class AtOnce(Executor):
    """Calls what it is given in the thread that gives it."""

    def __init__(self, **_: object) -> None:
        pass

    def submit(self, call: Any, /, *given: Any, **named: Any) -> Future[Any]:  # noqa: ANN401  as any executor
        """Call it; return what came of it."""
        done: Future[Any] = Future()
        try:
            done.set_result(call(*given, **named))
        except BaseException as error:  # noqa: BLE001  whoever waits for it meets it, as in a thread
            done.set_exception(error)
        return done


class StageProfile:
    """Samples the main thread inside its block, by the timer of profilers (SIGPROF).

    At each sample the processor time since the last one is put down to the call that is under way. Commits are made in
    this thread as well: where two threads wait for Python's lock, a sample shows only where they let go of it.
    """

    def __init__(self) -> None:
        self._stages: dict[str, float] = defaultdict(float)
        self._functions: dict[str, float] = defaultdict(float)
        self._begun = self._last = self.own = 0.0

    def __enter__(self) -> Self:
        self._threads, committer.ThreadPoolExecutor = committer.ThreadPoolExecutor, AtOnce  # type: ignore[attr-defined,assignment]
        self._begun, self._last = time.process_time(), time.thread_time()
        signal.signal(signal.SIGPROF, lambda _, frame: self._sample(frame))
        signal.setitimer(signal.ITIMER_PROF, EVERY_SECONDS, EVERY_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, signal.SIG_IGN)
        spent = time.process_time() - self._begun - self.own
        self._stages[NATIVE] = max(0.0, spent - sum(self._stages.values()))
        committer.ThreadPoolExecutor = self._threads  # type: ignore[attr-defined]

    def found(self) -> Profile:
        """Return the seconds, the most first; what sampling itself used is in none of them."""
        return {"stages": _most_first(self._stages), "functions": _most_first(self._functions)}

    def _sample(self, frame: FrameType | None) -> None:
        begun = time.thread_time()
        self._put_down(frame, begun - self._last)
        self._last = time.thread_time()
        self.own += self._last - begun

    def _put_down(self, frame: FrameType | None, spent: float) -> None:
        """Add seconds to the stage of a call, and to the innermost function of this project in it."""
        function = None
        while frame is not None:
            code = frame.f_code
            if code.co_filename.startswith(ROOT) and "/.venv/" not in code.co_filename:
                path = code.co_filename.removeprefix(ROOT)
                function = function or f"{path}:{code.co_qualname}"
                if (stage := stage_of(path, code.co_qualname)) is not None:
                    self._stages[stage] += spent
                    break
            frame = frame.f_back
        else:
            self._stages[OUTSIDE] += spent
        self._functions[function or OUTSIDE] += spent


def _most_first(seconds: Mapping[str, float]) -> dict[str, float]:
    return dict(sorted(seconds.items(), key=lambda item: -item[1]))


def stage_of(path: str, function: str) -> str | None:
    """Return the stage of a function in a file of this project, None: that of whoever calls it."""
    return next(
        (stage for where, name, stage in STAGES if path.startswith(where) and function.startswith(name)),
        None,
    )
