"""A Ray cluster of two nodes on this machine, for tests: a program that runs it on the loopback address, and what starts and kills it."""

import os
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.integration.on_prefect.scripted import CALLS
from tests.integration.on_prefect.site import START_SECONDS, Program, children_of, kill_tree, until

NODES = ("head", "second")
LOCAL = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # Ray listens on 127.0.0.1 alone then, and else on all addresses
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",
}


class RayNodes:
    """Two nodes with one logical CPU each, behind a token. `calls` has a file for each, with what its engines were asked."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self._temp = Path(tempfile.mkdtemp(prefix="ray-"))  # sockets have short paths
        self.calls = {name: folder / f"{name}.calls" for name in NODES}
        for file in self.calls.values():
            file.touch()
        token = folder / "ray token"
        token.touch(mode=0o600)
        token.write_text(secrets.token_hex(32), encoding="ascii")
        self.client_env = LOCAL | {"RAY_AUTH_TOKEN_PATH": str(token), "RAY_TMPDIR": str(self._temp)}
        self.log = folder / "ray.log"
        command = [
            sys.executable,
            "-m",
            "tests.integration.on_prefect.ray_nodes",
            *map(str, self.calls.values()),
        ]
        self._program = Program(command, env | self.client_env, self.log)
        self._said: list[str] = []
        until(self._started, "no Ray cluster", START_SECONDS)
        self.address, raylet = self._said
        self._second = int(raylet)

    def _started(self) -> bool:
        assert self._program.process.poll() is None, self.log.read_text(encoding="utf-8")
        text = self.log.read_text(encoding="utf-8")
        self._said = next((line.split()[1:] for line in text.splitlines() if line.startswith("cluster ")), [])
        return bool(self._said)

    def asked(self, name: str) -> list[str]:
        """Return the records that the engines of a node were asked about."""
        return self.calls[name].read_text(encoding="utf-8").split()

    def kill_task(self, node: str) -> None:
        """Kill the process on a node that is at work on a task; Ray and the others stay."""
        (victim,) = (pid for pid in self._workers(node) if title(pid).startswith("ray::take"))
        kill_tree(victim)

    def kill_second(self) -> None:
        """Kill the second node, with all its processes."""
        kill_tree(self._second)

    def _workers(self, node: str) -> list[int]:
        raylets = [pid for pid in children_of(self._program.process.pid) if "raylet/raylet" in title(pid)]
        return [
            worker
            for raylet in raylets
            if (raylet == self._second) == (node == "second")
            for worker in children_of(raylet)
        ]

    def files(self) -> list[Path]:
        """Return all files that Ray has written."""
        return [path for path in self._temp.rglob("*") if path.is_file()]

    def close(self) -> None:
        """End everything."""
        self._program.kill()
        shutil.rmtree(self._temp, ignore_errors=True)


def title(pid: int) -> str:
    """Return what a process calls itself; empty where it has gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace").replace("\0", " ")
    except OSError:
        return ""


def main(head: str, second: str) -> None:
    """Run the cluster until this process is killed."""
    from ray.cluster_utils import Cluster  # noqa: PLC0415  an extra

    plain = {"node_ip_address": "127.0.0.1", "num_cpus": 1, "include_dashboard": False}
    os.environ[CALLS] = head
    cluster = Cluster(initialize_head=True, head_node_args=plain)
    os.environ[CALLS] = second
    node = cluster.add_node(**plain)
    (raylet,) = node.all_processes["raylet"]
    sys.stdout.write(f"cluster {cluster.address} {raylet.process.pid}\n")
    sys.stdout.flush()
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main(*sys.argv[1:])
