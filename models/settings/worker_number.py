"""Settings that are a number, or the word `auto`: `gpu_workers`, and `shards` of a workload."""

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import BeforeValidator

from models.shards import MOST_SHARDS


def number_or_auto(most: int | None = None) -> Callable[[object], object]:
    """Return what reads a number from 1 on (to `most`), also where the environment gives it as text, or the word `auto`."""

    def read(value: object) -> object:
        if value == "auto":
            return value
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= len(str(2**63)):
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= (most or value):
            return value
        msg = f"auto, or a whole number from 1 {'on' if most is None else f'to {most}'}"
        raise ValueError(msg)

    return read


def check_shards(_type: object, value: object) -> None:
    """See that an option `--shards` is a number that can be, or `auto`. Raises `ValueError`."""
    if value is not None:
        _read_shards(value)


_read_shards = number_or_auto(MOST_SHARDS)
WorkerNumber = Annotated[int | Literal["auto"], BeforeValidator(number_or_auto())]
"""How `Settings` takes `gpu_workers`."""
ShardNumber = Annotated[int | Literal["auto"], BeforeValidator(_read_shards)]
"""How a workload's settings, and a flow, take `shards`."""
