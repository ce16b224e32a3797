"""The setting `engine`: which kind of engine answers records here, and further arguments of vLLM by their own names."""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_settings import NoDecode


class EngineSettings(BaseModel):
    """The engine that answers records in the house.

    Set as `engine = "vllm"`, which names the kind alone, or as the table `[engine]`, whose other names are arguments of
    vLLM's `LLM`. They are checked against vLLM's own signature where they are first used.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: Literal["vllm", "server"] = Field(
        "vllm",
        description="vllm: the model is loaded here; server: a server of your own answers, at an OpenAI-compatible URL",
    )

    @property
    def arguments(self) -> dict[str, Any]:
        """The further arguments of vLLM's `LLM`, as they were given."""
        return dict(self.model_extra or {})


def read_kind(value: object) -> object:
    """Read a single word as the engine's kind, and what begins with a brace as JSON."""
    if not isinstance(value, str):
        return value
    if not value.lstrip().startswith("{"):
        return {"kind": value}
    try:
        return json.loads(value)
    except ValueError as error:
        msg = "a word such as server, or a table as JSON"
        raise ValueError(msg) from error


EngineTable = Annotated[EngineSettings, NoDecode, BeforeValidator(read_kind)]
"""How `Settings` takes it: a word or a table, in the file and in the environment."""
