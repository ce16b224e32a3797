"""The first process of a container: a signal reaches the run's process alone, which ends as it wants to."""

import os
import signal
import subprocess
import sys

from flows.environment import PROJECT

RUN = """
import signal, sys
def end(number, frame):
    print("politely", flush=True)
    sys.exit(7)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
signal.pause()
"""
COMMAND = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', sys.argv[1]]))"


def start(*command: str) -> subprocess.Popen[str]:
    """Start it with a command, for no run of a server."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return subprocess.Popen(
        [sys.executable, "-m", "flows.container", *command],
        cwd=PROJECT,
        env=env,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_the_run_is_told_and_its_end_is_waited_for() -> None:
    """The command between the two is not told: it would end, and the container with it."""
    with start(sys.executable, "-c", COMMAND, RUN) as container:
        assert container.stdout is not None
        assert container.stdout.readline() == "ready\n"
        container.send_signal(signal.SIGTERM)
        assert container.stdout.read() == "politely\n"
        assert container.wait() == 7


def test_a_command_without_a_run_yet_is_ended() -> None:
    """Else a container that is stopped while it starts would be killed much later."""
    with start(
        sys.executable, "-c", "print('ready', flush=True); import signal; signal.pause()"
    ) as container:
        assert container.stdout is not None
        assert container.stdout.readline() == "ready\n"
        container.send_signal(signal.SIGTERM)
        assert container.wait() == 128 + signal.SIGTERM


def test_the_end_of_a_command_is_the_containers() -> None:
    """Without a signal nothing is put up again."""
    with start(sys.executable, "-c", "raise SystemExit(3)") as container:
        assert container.wait() == 3
