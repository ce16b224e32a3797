"""The folder of kept rows: for its user alone, never above its size, the longest unused out first."""

import os
import stat
import time
from pathlib import Path

import pytest

from models.settings import Settings
from tasks.reading.input_cache import InputCache


def put(
    cache: InputCache, name: str, size: int, used: float = 0.0, spare: frozenset[str] = frozenset()
) -> bool:
    """Keep a file that was used so many seconds ago; return whether it was kept."""
    with cache.add(name, spare) as path:
        path.write_bytes(b"x" * size)
    found = cache.find(name)
    if found is not None:
        os.utime(found, (time.time() - used,) * 2)
    return found is not None


def kept(cache: InputCache) -> set[str]:
    """Return what the folder holds."""
    return {path.stem for path in cache.folder.iterdir()}


@pytest.fixture
def cache(tmp_path: Path) -> InputCache:
    """Make a cache of 100 bytes."""
    return InputCache(tmp_path / "state" / "inputs", 100)


def test_the_longest_unused_makes_room(cache: InputCache) -> None:
    """Files go in the order of their last use until the new one fits; a look-up counts as use."""
    cache.room()
    for name, used in (("a-1-x", 30.0), ("b-1-x", 20.0), ("c-1-x", 10.0)):
        assert put(cache, name, 30, used)
    assert cache.find("a-1-x") is not None
    assert put(cache, "d-1-x", 50)
    assert kept(cache) == {"a-1-x", "d-1-x"}


def test_what_does_not_fit_is_not_kept(cache: InputCache) -> None:
    """A file larger than the size, or than what may go for it, is dropped; those that are spared stay."""
    cache.room()
    assert put(cache, "a-1-x", 60, 30.0)
    assert not put(cache, "b-1-x", 60, spare=frozenset({"a-1-x"}))
    assert kept(cache) == {"a-1-x"}
    assert not put(cache, "c-1-x", 101)
    assert not list(cache.folder.glob("c*"))


def test_another_state_of_the_same_file_replaces_it(cache: InputCache) -> None:
    """What was kept of a file that has changed goes; the same state with other columns, and other files, stay."""
    cache.room()
    for name in ("a-1-x", "a-1-y", "ab-1-x"):
        put(cache, name, 1)
    put(cache, "a-2-x", 1)
    assert kept(cache) == {"a-2-x", "ab-1-x"}


def test_nobody_else_can_read_it(cache: InputCache) -> None:
    """The folder has mode 0700 and each file 0600, also while it is written."""
    cache.room()
    with cache.add("a-1-x", ()) as path:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(cache.folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in cache.folder.iterdir()] == [0o600]


def test_remains_and_what_is_long_unused_go(cache: InputCache) -> None:
    """Half a file of a process that was killed goes after an hour, one that is written now stays; rows unused for 30 days go."""
    cache.room()
    put(cache, "a-1-x", 1, used=31 * 86_400)
    put(cache, "b-1-x", 1, used=29 * 86_400)
    for name, age in (("dead.half", 3700), ("alive.half", 60)):
        (cache.folder / name).touch()
        os.utime(cache.folder / name, (time.time() - age,) * 2)
    put(cache, "c-1-x", 1)
    assert {path.name for path in cache.folder.iterdir()} == {"b-1-x.rows", "c-1-x.rows", "alive.half"}


def test_a_failure_leaves_nothing(cache: InputCache) -> None:
    """If writing fails, neither the half file nor its name is there."""
    cache.room()
    with pytest.raises(OSError, match="full"), cache.add("a-1-x", ()):
        raise OSError("full")  # noqa: EM101 - as a full disk does
    assert kept(cache) == set()


def test_the_settings_say_where_and_how_much(tmp_path: Path) -> None:
    """It lies below `cache_dir`, with the size that is set; 0 keeps nothing."""
    found = InputCache.of(Settings(cache_dir=tmp_path, input_cache_gib=0.5))
    assert found == InputCache(tmp_path / "inputs", 2**29)
    assert InputCache.of(Settings(cache_dir=tmp_path, input_cache_gib=0)) is None
