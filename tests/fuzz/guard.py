"""Plays one case after the other under limits: memory, processor time, and a deadline after which the process ends with its stacks."""

import faulthandler
import resource
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Generic, TypeVar

from models.errors import BreakevenError
from tests.fuzz.judge import Wrong, check_error

Case = TypeVar("Case")

ADDRESS_SPACE = 4 << 30
"""Bytes that the process may ever ask for."""
GROWTH = 320 << 20
"""Bytes that one case may take beside what was there before it: a row of 64 MiB is held a few times while it is taken apart."""
CPU_SECONDS = 20.0
"""Processor time of one case, far above what any needs: what takes longer grows faster than its input."""
DEADLINE_SECONDS = 120.0
_PRODUCT = ("commands", "flows", "tasks", "models", "db", "cli.py")
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Finding:
    """A case that went wrong: what is wrong, where, and the case as small as it could be made."""

    kind: str
    place: str
    case: str
    details: str

    def as_dict(self) -> dict[str, str]:
        """Return it as plain values."""
        return asdict(self)


class Guard(Generic[Case]):
    """Plays cases. What went wrong once is not told again: `found` are the kinds and places that are known.

    What takes long or much memory is kept in `costly` and not raised, since making it smaller would take ever so long. The case that is being played stands in the file `current`, for the case that the process dies of it.
    """

    def __init__(self, play: Callable[[Case], None], current: Path) -> None:
        self.played = 0
        self.found: set[tuple[str, str]] = set()
        self.failing: Finding | None = None
        self.costly: list[Finding] = []
        self._play = play
        self._current = current

    def __call__(self, case: Case) -> None:
        """Play a case. Raises what is wrong with it, and remembers it in `failing`."""
        self.played += 1
        self._current.write_text(repr(case), encoding="utf-8", errors="surrogatepass")
        faulthandler.dump_traceback_later(DEADLINE_SECONDS, exit=True)
        try:
            self._measured(case)
        except Exception as error:
            key = (_kind(error), _place(error))
            if key in self.found:
                return
            self.failing = Finding(*key, repr(case), "".join(traceback.format_exception(error))[-6_000:])
            raise
        finally:
            faulthandler.cancel_dump_traceback_later()

    def _measured(self, case: Case) -> None:
        before, began = _memory("VmRSS"), time.process_time()
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak is counted anew
        try:
            self._play(case)
        except BreakevenError as error:
            check_error(error)
        seconds, growth = time.process_time() - began, _memory("VmHWM") - before
        if seconds > CPU_SECONDS:
            self._note("a case that takes long", case, f"{seconds:.1f} s")
        if growth > GROWTH:
            self._note("a case that takes much memory", case, f"{growth >> 20} MiB")

    def _note(self, kind: str, case: Case, details: str) -> None:
        if (kind, "") not in self.found:
            self.found.add((kind, ""))
            self.costly.append(Finding(kind, "", repr(case), details))


def limit_memory() -> None:
    """Bound what this process may ask for."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))


def _memory(name: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) << 10
    raise ValueError(name)


def _kind(error: Exception) -> str:
    return error.rule if isinstance(error, Wrong) else type(error).__name__


def _place(error: Exception) -> str:
    """Return the last place in the product, or in the tests where it was never there."""
    frames = [
        one for one in traceback.extract_tb(error.__traceback__) if not one.filename.endswith("judge.py")
    ]
    of_product = [
        frame for frame in frames if frame.filename.startswith(tuple(str(_ROOT / name) for name in _PRODUCT))
    ]
    last = (of_product or frames)[-1]
    return f"{Path(last.filename).name}:{last.name}"
