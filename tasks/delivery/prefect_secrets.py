"""Secrets that lie in Prefect blocks: loaded when they are needed, kept nowhere else."""

from typing import cast

import httpx
from prefect.blocks.core import Block
from prefect.blocks.system import Secret
from prefect.exceptions import PrefectException
from pydantic import SecretStr, ValidationError

from models.errors import DeliveryFailed, UsageError


def load_block(reference: str) -> Block:
    """Load the block `TYPE/NAME`, such as `secret/finance-chat`.

    Raises `UsageError` if there is none, `DeliveryFailed` if the Prefect API does not answer.
    """
    try:
        return cast("Block", Block.load(reference))
    except (ValueError, ValidationError) as error:
        msg = (
            f"Prefect has no block {reference!r}, or it cannot be read here: make it, or correct the setting"
        )
        raise UsageError(msg) from error
    except (httpx.HTTPError, PrefectException) as error:
        msg = f"the block {reference!r} was not loaded: the Prefect API does not answer ({type(error).__name__})"
        raise DeliveryFailed(msg) from error


def read_secret(reference: str) -> SecretStr:
    """Return the text of a block of the type Secret. Raises as `load_block` does, and for another type of block."""
    block = load_block(reference)
    if not isinstance(block, Secret):
        msg = f"the block {reference!r} is no Secret block"
        raise UsageError(msg)
    return SecretStr(str(block.get()))
