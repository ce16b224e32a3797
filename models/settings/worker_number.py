"""The setting `gpu_workers`: a number, or as many as there are."""

from typing import Annotated, Literal

from pydantic import BeforeValidator


def read_number(value: object) -> object:
    """Read a number from 1 on, also where the environment gives it as text, or the word `auto`."""
    if value == "auto":
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    msg = "auto, or a whole number from 1 on"
    raise ValueError(msg)


WorkerNumber = Annotated[int | Literal["auto"], BeforeValidator(read_number)]
"""How `Settings` takes it."""
