"""Where the worker of a Prefect pool starts a run: in a process beside it, or in a container with these settings."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from models.settings.secrets import holds_secret

PoolType = Literal["process", "kubernetes", "docker"]
Quantity = Annotated[str, StringConstraints(pattern=r"^[1-9]\d{0,5}(Gi|Mi)$")]
"""Memory, such as 32Gi."""


def _without_secrets(environment: dict[str, str]) -> dict[str, str]:
    """Refuse what must not stand in a deployment, which every client of the Prefect server can read."""
    for name, value in environment.items():
        if holds_secret(name, value):
            msg = f"{name} holds a secret, and a deployment shows what it sets: keep it in a secret that `secrets` or `secret_blocks` names"
            raise ValueError(msg)
    return environment


class PoolSettings(BaseModel):
    """What a container gets that answers a run. Set in the table `[pool]`; nothing of it holds for `pool_type = "process"`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    image: str | None = Field(
        None, min_length=1, description="image with breakeven installed, as the Dockerfile makes it"
    )
    volume: str | None = Field(
        None,
        min_length=1,
        description="kubernetes: claim of a volume that every node can write; docker: named volume, or a folder of the host",
    )
    folder: str = Field(
        "/srv/breakeven",
        pattern=r"^/[\w./-]+$",
        description="where the volume lies in the container: the project's folder, with breakeven.toml, workloads, outputs and cache",
    )
    secrets: tuple[str, ...] = Field(
        (), description="kubernetes: secrets whose keys become variables, such as BREAKEVEN_DATABASE_URL"
    )
    secret_blocks: dict[str, str] = Field(
        default_factory=dict, description="docker: variables, each with the name of a Prefect block Secret"
    )
    environment: Annotated[dict[str, str], AfterValidator(_without_secrets)] = Field(
        default_factory=dict, description="further variables of a run; no secrets"
    )
    gpus: int | None = Field(
        None,
        ge=0,
        description="of a run of the pool gpu; default: tensor_parallel_size, none with engine = server",
    )
    cpu: str | None = Field(
        None, pattern=r"^\d+m?$", description="kubernetes: cores that such a run asks for, such as 8 or 500m"
    )
    memory: Quantity | None = Field(None, description="of such a run, such as 32Gi; it never gets more")
    shared_memory: Quantity = Field(
        "8Gi", description="of /dev/shm, by which the processes of several GPUs talk"
    )
    namespace: str = Field("default", min_length=1, description="kubernetes: of the runs")
    service_account: str | None = Field(None, min_length=1, description="kubernetes: of the runs")
    node_selector: dict[str, str] = Field(
        default_factory=dict, description="kubernetes: labels of the nodes for the pool gpu"
    )
    tolerations: tuple[dict[str, str], ...] = Field(
        (), description="kubernetes: taints of nodes that the pool gpu bears, such as those of spot machines"
    )
    stop_seconds: int = Field(
        120, ge=1, description="between SIGTERM and SIGKILL when a machine is taken away; kubernetes"
    )
    start_seconds: int = Field(
        3600,
        ge=60,
        description="for a machine, the image and the first line of code; then a claimed run counts as crashed",
    )
    keep_seconds: int = Field(
        86_400, ge=0, description="kubernetes: how long an ended job stays, with its log"
    )
