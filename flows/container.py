"""The first process of a container: runs Prefect's command for a flow run, and stops the run politely when its machine is taken away.

Kubernetes sends SIGTERM to this process alone. Prefect's own answer to it puts the run up again and kills its process at once. Here
the run's process gets the signal, commits what it has, as after every SIGTERM, and ends; then the run is put up again.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType
from uuid import UUID

from tasks.display.table_layout import tell

RUN = "PREFECT__FLOW_RUN_ID"
"""By which Prefect's worker says which run a container is for."""


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started; of Prefect's command that is the one of the run."""
    found: list[int] = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += map(int, listed.read_text(encoding="ascii").split())
        except OSError:  # a thread that has just ended
            continue
    return found


def stop(command: subprocess.Popen[bytes]) -> None:
    """Send SIGTERM to the run's process; where there is none yet, to the command."""
    for pid in children_of(command.pid) or [command.pid]:
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            continue


def put_up_again(run: UUID) -> bool:
    """Let another worker take a run that was stopped; not one that has ended otherwise, or is being cancelled. Tell whether it is."""
    from prefect import get_client  # noqa: PLC0415  seconds, and only now
    from prefect.client.schemas.objects import StateType  # noqa: PLC0415
    from prefect.states import AwaitingRetry  # noqa: PLC0415

    with get_client(sync_client=True) as client:
        state = client.read_flow_run(run).state
        if state is None or state.type not in {StateType.CRASHED, StateType.RUNNING, StateType.PENDING}:
            return state is not None and state.name == "AwaitingRetry"
        said = f"The machine was taken away, another worker goes on. {state.message or ''}".strip()
        client.set_flow_run_state(run, AwaitingRetry(message=said))
        return True


def main(command: list[str]) -> int:
    """Run a command to its end; after a SIGTERM put its run up again. Return the command's exit code, 0 for a run put up again."""
    asked: list[int] = []
    started: list[subprocess.Popen[bytes]] = []

    def note(number: int, _frame: FrameType | None) -> None:
        asked.append(number)
        for one in started:
            stop(one)

    signal.signal(signal.SIGTERM, note)
    with subprocess.Popen(command) as child:  # noqa: S603  what Prefect's worker wrote
        started.append(child)
        if asked:
            stop(child)
        code = child.wait()
    code = code if code >= 0 else 128 - code  # as a shell says which signal it was
    if asked and (run := os.environ.get(RUN)):
        try:
            return 0 if put_up_again(UUID(run)) else code
        except Exception as error:  # noqa: BLE001  whatever the server says: the run counts as crashed then
            tell(f"error: this run could not be put up again ({type(error).__name__}); start it by hand")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
