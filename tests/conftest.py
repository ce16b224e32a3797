"""Shared by all tests: the developer's own settings do not leak in."""

import json
import os
import shutil
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler.loadscope import LoadScopeScheduling

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Shared machines are slow at times: no deadline. CI tries the same examples each time. The long suite tries more of them.
for profile, examples in (("short", 25), ("long", 100)):
    settings.register_profile(profile, deadline=None, derandomize="CI" in os.environ, max_examples=examples)
settings.load_profile("short")

# What tests write lies in memory where there is room for it: no test makes a power cut, so no disk need be waited for.
MEMORY = Path("/dev/shm")  # noqa: S108  pytest makes a folder of its own there
ROOM_BYTES = 4 << 30
if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM_BYTES:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

# Two processes share the cores: threads that wait by spinning would keep them from whom they wait for. Programs that tests start inherit it.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ |= {
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    }


Value = tuple[tuple[str, int], ...]
"""Parameters of one table, each with the identity of its value: tests of one function share the values."""


@pytest.fixture(autouse=True)
def own_settings() -> Iterator[None]:
    """Take back settings that what is tested puts into its own environment, as `run` does with an `--input` that Prefect may not keep."""
    before = {name: value for name, value in os.environ.items() if name.startswith("BREAKEVEN_")}
    yield
    for name in [name for name in os.environ if name.startswith("BREAKEVEN_") and name not in before]:
        del os.environ[name]
    os.environ |= before


@pytest.fixture(autouse=True, scope="session")
def no_settings_from_outside() -> None:
    """Drop BREAKEVEN_* variables, so that tests see the defaults plus what they set themselves.

    So does COLUMNS, the width of tables: where tests run in several processes, each has one.
    """
    for name in [name for name in os.environ if name.startswith("BREAKEVEN_") or name == "COLUMNS"]:
        del os.environ[name]


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """Headless Chromium for one module: while it runs, this thread has an event loop, so `asyncio.run` fails."""
    from tests.browser import chromium_running  # noqa: PLC0415  few tests need it

    with chromium_running() as running:
        yield running


DURATIONS = Path(__file__).with_name("durations.json")
"""Seconds of each test file in the last `make test-durations`: the longest begin first, so that no long one is left at the end."""
ENGINE_SCOPE = "real engine"
PREFECT_SCOPE = "prefect server"
ON_PREFECT = "tests/integration/on_prefect/"
"""Its tests share one Prefect server."""
SCHEDULES = f"{ON_PREFECT}test_schedules.py"
"""Has a server of its own, and mostly waits for minutes to come."""
SCOPES = (ENGINE_SCOPE, PREFECT_SCOPE, SCHEDULES)
BOTH_DATABASES = "tests/integration/db/"
"""The queries themselves: every test of theirs runs on both databases, also in the short suite."""

COMBINED = "tests/integration/"
"""Where a test takes real parts, and so its time: the short suite tries each value of its parameters, the long one each combination."""


@cache
def scope_of(file: str) -> str:
    """Return what a file's tests are scheduled with: themselves, or all that share a server or load the real engine."""
    if file.startswith(ON_PREFECT) and file != SCHEDULES:
        return PREFECT_SCOPE
    return ENGINE_SCOPE if "pytest.mark.engine" in Path(file).read_text(encoding="utf-8") else file


@cache
def durations() -> dict[str, float]:
    """Return the recorded seconds of each test file; a new one counts as long until it is measured."""
    return dict(json.loads(DURATIONS.read_text(encoding="utf-8"))) if DURATIONS.exists() else {}


def order_of(item: pytest.Item) -> tuple[int, float, str]:
    """Return where a test stands in the queue: the two shared scopes and the schedules, one for each process, then the longest files.

    Inside a shared scope files keep the order of their names.
    """
    file = item.nodeid.split("::", 1)[0]
    scope = scope_of(file)
    if scope in SCOPES:
        return SCOPES.index(scope), 0.0, file
    return len(SCOPES), -durations().get(file, float("inf")), file


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let vLLM and torch warn in tests of the real engine; say which tests are long; put the longest files first."""
    every = {item.nodeid for item in items}
    for item in items:
        if item.get_closest_marker("engine") is not None:
            item.add_marker(pytest.mark.filterwarnings("default"))
        if second_database(item, every):
            item.add_marker(pytest.mark.long)
    for item in repeated_combinations(items):
        item.add_marker(pytest.mark.long)
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=order_of)


def second_database(item: pytest.Item, every: Collection[str]) -> bool:
    """Tell whether a test repeats on PostgreSQL what it shows on SQLite, and SQL is not what it is about."""
    if "postgresql" not in item.nodeid or item.nodeid.startswith(BOTH_DATABASES):
        return False
    named = item.get_closest_marker("both_databases") is not None
    return not named and item.nodeid.replace("postgresql", "sqlite") in every


def repeated_combinations(items: Iterable[pytest.Item]) -> Iterator[pytest.Item]:
    """Yield the combinations of a test's parameters that the short suite leaves out, since others try each of their values.

    Tests that are for the long suite anyway count as not tried.
    """
    groups: dict[str, list[tuple[set[Value], pytest.Item]]] = defaultdict(list)
    for item in items:
        if not item.nodeid.startswith(COMBINED) or item.nodeid.startswith(BOTH_DATABASES):
            continue
        if item.get_closest_marker("long") is None and (values := values_of(item)):
            groups[item.nodeid.split("[")[0]].append((values, item))
    for group in groups.values():
        left = set[Value]().union(*(values for values, _ in group))
        while left:
            values, chosen = max(group, key=lambda one: len(one[0] & left))
            left -= values
            group.remove((values, chosen))
        yield from (item for _, item in group)


def values_of(item: pytest.Item) -> set[Value]:
    """Return what a test is tried with: a row of each table of parameters, and each parameter of a fixture."""
    left: dict[str, object] = dict(item.callspec.params) if hasattr(item, "callspec") else {}
    rows = []
    for mark in item.iter_markers("parametrize"):
        names = (
            [name.strip() for name in mark.args[0].split(",")]
            if isinstance(mark.args[0], str)
            else mark.args[0]
        )
        rows.append(tuple((name, id(left.pop(name))) for name in names if name in left))
    return {*rows, *(((name, id(value)),) for name, value in left.items())}


class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Shares the tests between processes so that a file's tests stay in one of them (`make test`)."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid.split("::", 1)[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    """Share the tests as `ByFile` says."""
    return ByFile(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write each file's seconds down, where `RECORD_DURATIONS` asks for it (`make test-durations`)."""
    if "RECORD_DURATIONS" not in os.environ or "PYTEST_XDIST_WORKER" in os.environ:
        return
    seconds: dict[str, float] = defaultdict(float)
    for report in chain.from_iterable(terminalreporter.stats.values()):
        if isinstance(report, pytest.TestReport):
            seconds[report.nodeid.split("::", 1)[0]] += report.duration
    DURATIONS.write_text(
        json.dumps({file: round(seconds[file], 1) for file in sorted(seconds)}, indent=1) + "\n",
        encoding="utf-8",
    )
