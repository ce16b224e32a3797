"""Killed at any step, archiving loses no line and doubles none, and the next call clears up."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tasks.ledger.archive import archive, plan
from tests.integration.archive.killer import KILLED, ONE_RUN_A_FILE, Killer
from tests.integration.archive.old_ledger import (
    OLD,
    TODAY,
    add_run,
    everything,
    files,
    named_files,
    settings_of,
    start,
    transaction,
)

MONTHS = 3
RUNS = 22


@pytest.fixture(scope="module")
def killer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killer]:
    """Start the program whose children die."""
    killer = Killer(tmp_path_factory.mktemp("killer") / "log")
    yield killer
    killer.close()


@pytest.mark.both_databases
def test_killed_before_each_step(killer: Killer, tmp_path: Path, database_url: str) -> None:
    """Each line is in the ledger or in a file that it names, never in both or neither; nothing is left over.

    One child dies at its first step, the next at its second, until one comes to its end; after each, another
    archives one file more.
    """
    settings = settings_of(tmp_path, database_url)
    start(settings)
    with transaction(settings) as session:
        for number in range(RUNS):
            add_run(session, number, OLD + timedelta(minutes=number), records=1)
    before = everything(settings)
    assert set(before.values()) == {1}
    step, code = 0, KILLED
    unnamed = 0
    while code == KILLED:
        step += 1
        code = killer.archive(settings, MONTHS, files=1, dies_at=step)
        assert code in (0, KILLED), killer.log.read_text(encoding="utf-8")
        assert everything(settings) == before
        unnamed += bool(set(files(settings)) - set(named_files(settings)))
        archive(
            settings, plan(settings, MONTHS, TODAY, ONE_RUN_A_FILE)[:1], settings.archive_dir, lambda _: None
        )
        assert everything(settings) == before
        assert files(settings) == sorted(named_files(settings))
    assert step > 8
    assert unnamed > 3  # unfinished files, and whole ones that the ledger did not name yet
