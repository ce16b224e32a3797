"""One engine for everything that runs inside one `with shared_engine(...)`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from models.default_model import model_name
from models.default_model import prepare as prepare_default_model
from models.engines.api.options import ApiOptions
from models.engines.api.rate_limits import Limits
from models.engines.base import LocalEngine
from models.gpu_time import GpuTime
from models.machine import gpu_name
from models.settings import Settings

EngineFactory = Callable[[Settings], LocalEngine]


def load_vllm(settings: Settings) -> LocalEngine:
    """Load the vLLM engine as the settings say. Raises `EngineStartError`."""
    from models.engines.vllm.engine import VllmEngine  # noqa: PLC0415  only a run that infers needs it
    from models.engines.vllm.options import VllmOptions  # noqa: PLC0415

    if settings.model is None:
        prepare_default_model(settings.cache_dir)
    return VllmEngine(VllmOptions.from_settings(settings, on_cpu=gpu_name() is None))


class SharedEngine:
    """Loads the engine at first need and hands out the same one until it is closed."""

    def __init__(self, settings: Settings, factory: EngineFactory) -> None:
        self._settings = settings
        self._factory = factory
        self._engine: LocalEngine | None = None
        self._limits: Limits | None = None

    @property
    def model(self) -> str:
        """Name of the model that the engine runs."""
        return model_name(self._settings)

    @property
    def patience_seconds(self) -> float:
        """How long an engine that fails is tried again, where the policy says so."""
        return self._settings.engine_patience_seconds

    @property
    def loaded(self) -> bool:
        """Whether the engine is there already, so that `get` takes no time."""
        return self._engine is not None

    def get(self) -> LocalEngine:
        """Return the engine, loaded at the first call."""
        if self._engine is None:
            self._engine = self._factory(self._settings)
        return self._engine

    def lap(self) -> GpuTime:
        """Return the engine's time since the last lap; none if it is not loaded."""
        return GpuTime() if self._engine is None else self._engine.lap()

    def limits(self, options: ApiOptions) -> Limits:
        """Return the API's rate limits and circuit breaker, the same for all runs that share the engine."""
        if self._limits is None:
            self._limits = Limits.from_options(options)
        return self._limits

    def discard(self) -> None:
        """Close the engine; the next `get` loads a new one. For an engine that died."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None


_current: ContextVar[SharedEngine | None] = ContextVar("shared_engine", default=None)


@contextmanager
def shared_engine(settings: Settings, factory: EngineFactory = load_vllm) -> Iterator[SharedEngine]:
    """Share one lazily loaded engine; an inner block gets the outer block's engine."""
    if (outer := _current.get()) is not None:
        yield outer
        return
    engine = SharedEngine(settings, factory)
    token = _current.set(engine)
    try:
        yield engine
    finally:
        _current.reset(token)
        engine.discard()
