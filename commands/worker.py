"""`breakeven worker`: the workers of this machine."""

from typing import Literal


def worker(*, gpus: str | None = None, pool: Literal["gpu", "api"] = "gpu") -> None:
    """Start a Prefect worker for each GPU of this machine, watch them, and stop them on Ctrl-C.

    Parameters
    ----------
    gpus
        all (default), or some, such as 0,2: numbers or UUIDs of nvidia-smi. Each engine takes tensor_parallel_size of them.
    pool
        gpu: runs that ask the local engine, one at a time on each; api: runs that need no GPU, the monthly report among them.
    """
    from commands.quiet_libraries import loud_environment
    from flows.environment import read_settings
    from flows.workers import run_workers

    run_workers(read_settings(), pool, gpus, loud_environment())
