"""What every engine speaks: `Request` in, `Completion` out, one `Engine` protocol."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar, runtime_checkable

from models.engines.api.permit import ApiRequest
from models.engines.classifier.request import ClassifierRequest
from models.gpu_time import GpuTime
from models.records import ServedBy
from models.requests import AnswerIndex, Completion, Request
from models.settings import Settings


def served_by(request: Request) -> ServedBy:
    """Return which engine a request is for."""
    if isinstance(request, ApiRequest):
        return "openai"
    return "classifier" if isinstance(request, ClassifierRequest) else "vllm"


Asked_contra = TypeVar("Asked_contra", bound=Request, contravariant=True)


class Engine(Protocol[Asked_contra]):
    """Answers requests of one kind. Implemented by one file an engine in this folder."""

    @property
    def name(self) -> str:
        """The engine's name on ledger lines: `vllm` or `openai`."""

    @property
    def model(self) -> str:
        """The model's name on ledger lines."""

    def stream(
        self,
        requests: Iterable[Asked_contra | None],
        *,
        answers: AnswerIndex | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Completion]:
        """Answer lazily pulled requests in a sliding window; yield each completion as it finishes.

        A None among the requests says that there is none before another completion; the caller gives it
        only while some are in flight. Yields exactly one completion a request, in any order, unless `stop` turns true: then the
        requests in flight are abandoned and the stream ends. Raises `EngineDied`.
        """

    def lap(self) -> GpuTime:
        """Return the load, busy and idle time since the last lap (or since the load began)."""

    def close(self) -> None:
        """Free the engine's memory. A closed engine cannot stream."""


@runtime_checkable
class ReusableEngine(Protocol):
    """A loaded engine that can serve workloads with other adapters or chat templates without another load."""

    def reuse_for(self, settings: Settings) -> "LocalEngine | None":
        """Return the loaded engine as these settings use it; None where they need another load."""


LocalEngine = Engine[Request]
"""A local engine: it takes any record's request. An API's is an `Engine[ApiRequest]`."""
