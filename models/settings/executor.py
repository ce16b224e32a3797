"""Who else answers the shards of a partition: workers of the Prefect pool, or tasks on a Ray cluster (docs/ray.md)."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings

_FORM = re.compile(r"(ray://)?(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):\d{1,5}")


def _read_address(value: str) -> str:
    """Refuse what is no address of a head node: Ray would start a cluster of its own for some of it."""
    if not _FORM.fullmatch(value):
        msg = "HOST:PORT of the head node of a running cluster, such as 10.0.0.5:6379"
        raise ValueError(msg)
    return value


class ExecutorSettings(BaseSettings):
    """The settings of this kind, which `Settings` takes over."""

    executor: Literal["prefect", "ray"] = Field(
        "prefect",
        description="who else answers shards: workers of the Prefect pool, or tasks on a Ray cluster",
    )
    ray_address: Annotated[str, AfterValidator(_read_address)] | None = Field(
        None, description="head node of a running Ray cluster, such as 10.0.0.5:6379"
    )
