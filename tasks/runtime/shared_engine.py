"""One engine for everything that runs inside one `with shared_engine(...)`."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from models.default_model import is_default, uses_server
from models.default_model import prepare as prepare_default_model
from models.engines.api.options import ApiOptions
from models.engines.api.rate_limits import Limits
from models.engines.base import LocalEngine, ReusableEngine
from models.engines.classifier.engine import Classifier
from models.engines.loads import name_models
from models.gpu_time import GpuTime, MachineTime
from models.machine import gpu_name
from models.settings import Settings
from models.settings.own_model import OF_A_MODEL
from tasks.runtime.shared_classifier import ClassifierFactory, SharedClassifier

EngineFactory = Callable[[Settings], LocalEngine]


def load_engine(settings: Settings) -> LocalEngine:
    """Load the local engine that the settings name: vLLM, or the client of an own server.

    Raises `EngineStartError`, and `UsageError` for settings of a server that cannot be.
    """
    return open_server(settings) if uses_server(settings) else load_vllm(settings)


def open_server(settings: Settings) -> LocalEngine:
    """Return the engine that asks an own server, which must answer. Raises as `load_engine` does."""
    from models.engines.server.engine import ServerEngine  # noqa: PLC0415  only a run that infers needs it
    from models.engines.server.options import ServerOptions  # noqa: PLC0415

    return ServerEngine(ServerOptions.from_settings(settings))


def load_vllm(settings: Settings) -> LocalEngine:
    """Load the vLLM engine as the settings say. Raises `EngineStartError`."""
    from models.engines.vllm.engine import VllmEngine  # noqa: PLC0415  only a run that infers needs it
    from models.engines.vllm.options import VllmOptions  # noqa: PLC0415

    if is_default(settings):
        prepare_default_model(settings.cache_dir)
    return VllmEngine(VllmOptions.from_settings(settings, on_cpu=gpu_name() is None))


class SharedEngine:
    """One loaded engine at a time for all runs of a flow, in place of one for each run.

    A run gets the engine that is loaded where it can serve it: the same model, whatever its adapter and chat template.
    Where it cannot, the loaded engine is closed first, so that its memory is free, and another one is loaded.
    """

    def __init__(
        self,
        settings: Settings,
        factory: EngineFactory,
        workloads: Collection[str] | None = None,
        classifiers: ClassifierFactory | None = None,
    ) -> None:
        """`workloads`: those that will run, so that one load serves the adapters of them all; None: any that is set."""
        self._settings = settings
        self._factory = factory
        self._workloads = workloads
        self._engine: LocalEngine | None = None
        self._loaded_for: Settings | None = None
        self._not_booked = MachineTime()
        self._classifiers = SharedClassifier(classifiers)
        self._limits: Limits | None = None
        self.afterwards: list[Callable[[], object]] = []

    @property
    def patience_seconds(self) -> float:
        """How long an engine that fails is tried again, where the policy says so."""
        return self._settings.engine_patience_seconds

    def serves(self, settings: Settings) -> bool:
        """Whether a loaded engine serves these settings, so that `get` takes no time."""
        return self._find_loaded(settings) is not None

    def get(self, settings: Settings) -> LocalEngine:
        """Return the engine for a workload's settings, loaded if it is not yet. Raises `EngineStartError`."""
        if (found := self._find_loaded(settings)) is not None:
            return found
        if self._engine is not None:
            self._not_booked = self.lap()  # what no run has booked is the next one's to carry
            self.discard()
        self._not_booked += MachineTime(classifier=self._classifiers.lap())  # before the engine's clock runs
        self._engine = self._factory(self._with_expected(settings))
        self._loaded_for = settings
        return self._engine

    def classifier(self, folder: Path, name: str) -> Classifier:
        """Return the classifier, or the triage, of a workload, loaded if it is not yet. Raises `UsageError` where it cannot be used."""
        return self._classifiers.get(folder, name, self._settings.cache_dir)

    def lap(self) -> MachineTime:
        """Return the time of engine and classifier since the last lap; none of what is not loaded.

        While the classifier was at work, an engine in this process waited: that is no idle time of the engine's as well.
        """
        before, self._not_booked = self._not_booked, MachineTime()
        local = GpuTime() if self._engine is None else self._engine.lap()
        classifier = self._classifiers.lap()
        return before + MachineTime(local.less_idle(classifier.total_ns), classifier)

    def limits(self, options: ApiOptions) -> Limits:
        """Return the API's rate limits and circuit breaker, the same for all runs that share the engine."""
        if self._limits is None:
            self._limits = Limits.from_options(options)
        return self._limits

    def discard(self) -> None:
        """Close the engine and free its memory; the next `get` loads a new one. For an engine that died, too."""
        if self._engine is not None:
            self._engine.close()
            self._engine = self._loaded_for = None

    def close(self) -> None:
        """Close the engine and the classifier."""
        self.discard()
        self._classifiers.close()

    def _find_loaded(self, settings: Settings) -> LocalEngine | None:
        if self._engine is None or self._loaded_for is None:
            return None
        if isinstance(self._engine, ReusableEngine):
            return self._engine.reuse_for(settings)
        return self._engine if _asks(settings) == _asks(self._loaded_for) else None

    def _with_expected(self, settings: Settings) -> Settings:
        """Return a workload's settings with those of the workloads that will run: their adapters share the load."""
        names = self._settings.workloads if self._workloads is None else self._workloads
        return settings.model_copy(update={"workloads": name_models(self._settings, names)})


def _asks(settings: Settings) -> dict[str, object]:
    """Return what of the settings can tell two models apart."""
    return {name: getattr(settings, name) for name in OF_A_MODEL}


_current: ContextVar[SharedEngine | None] = ContextVar("shared_engine", default=None)


@contextmanager
def shared_engine(
    settings: Settings,
    factory: EngineFactory = load_engine,
    workloads: Collection[str] | None = None,
    classifiers: ClassifierFactory | None = None,
) -> Iterator[SharedEngine]:
    """Share one lazily loaded engine, and one classifier; an inner block gets the outer block's.

    `workloads` as in `SharedEngine`. What was put off with `after_engine` is done when the engine is closed.
    """
    if (outer := _current.get()) is not None:
        yield outer
        return
    engine = SharedEngine(settings, factory, workloads, classifiers)
    token = _current.set(engine)
    try:
        yield engine
    finally:
        _current.reset(token)
        engine.close()
    if engine.afterwards:
        with shared_engine(settings, factory, workloads, classifiers):  # for the API's rate limits
            for call in engine.afterwards:
                call()


def is_loaded(settings: Settings) -> bool:
    """Whether the engine that is shared now serves these settings without being loaded first."""
    engine = _current.get()
    return engine is not None and engine.serves(settings)


def after_engine(call: Callable[[], object]) -> None:
    """Call once the engine that is shared now is let go, so that it does not sit idle meanwhile; at once where none is.

    Where the block that shares it ends by an error, it is not called.
    """
    if (engine := _current.get()) is None:
        call()
    else:
        engine.afterwards.append(call)
