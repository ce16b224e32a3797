"""What the tests of the real engine share: the engine on loan, and the name under which vLLM's API server has the model."""

from collections.abc import Callable, Iterable, Iterator

from models.engines.base import LocalEngine
from models.gpu_time import GpuTime
from models.requests import AnswerIndex, Completion, Request, Usage

API_MODEL = "api-smollm2"
SMALL: dict[str, object] = {"max_model_len": 1024, "max_num_seqs": 16, "cpu_kv_cache_gib": 1}
"""Options of the engine in tests: a short context, so that "too long" is cheap to reach."""
CONTEXT = 2048  # tokens of the API server's model; the local engine of the tests has half of that


class Counting:
    """Hands everything to the real engine and adds up the usage that it reports; stays open."""

    def __init__(self, engine: LocalEngine) -> None:
        self._engine = engine
        self.name, self.model = engine.name, engine.model
        self.usages: list[Usage] = []

    def stream(
        self,
        requests: Iterable[Request | None],
        *,
        answers: AnswerIndex | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Completion]:
        """Pass the real completions on."""
        for completion in self._engine.stream(requests, answers=answers, stop=stop):
            if completion.usage is not None:
                self.usages.append(completion.usage)
            yield completion

    def lap(self) -> GpuTime:
        """Return the real engine's lap."""
        return self._engine.lap()

    def close(self) -> None:
        """Leave the engine to the other tests."""
