"""What a partition in shards goes together with: trained models in force, late data, a rerun, a backfill (docs/shards.md)."""

from pathlib import Path

from polars.testing import assert_frame_equal

from models.settings import Settings
from tests.classifiers import put_in_force, put_triage_in_force
from tests.fakes import ScriptedEngine
from tests.faulty_api import FaultyApi
from tests.integration.backfill.harness import (
    Engines,
    actions,
    ask_for,
    backfill,
    check_published,
    day,
    days_of,
    rows_of,
    write_days,
)
from tests.integration.hybrid.harness import check_seen, hybrid_settings
from tests.integration.hybrid.test_classifier import ways
from tests.integration.hybrid.test_triage import text_of
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import (
    good_rows,
    leftovers,
    published,
    run,
    settings_for,
    write_records,
)
from tests.ledgers import new_sqlite


def test_trained_models_in_force(tmp_path: Path) -> None:
    """A classifier and a triage are asked first in each shard, as in one run; what goes past them the whole run sends out."""
    source = write_records(tmp_path / "in.jsonl", good_rows(90, text_of))
    made: list[Settings] = []
    for name, shards in (("whole", 1), ("cut", 4)):
        (tmp_path / name).mkdir()
        with FaultyApi() as api:
            settings = hybrid_settings(tmp_path / name, new_sqlite(tmp_path / f"{name}.db"), api.url, {})
            classifier, _ = put_in_force(settings), put_triage_in_force(settings)
            assert run(settings, source, ScriptedEngine(), shards=shards).published == 90
            check_seen(settings, api.seen)
        check_books(settings)
        assert leftovers(settings) == []
        made.append(settings)
    whole, cut = made
    assert ways(cut) == ways(whole)
    assert ("classifier", classifier.name) in set(published(cut).select("engine", "model").rows())
    columns = [name for name in published(whole).columns if name != "model"]  # it names each folder's own
    assert_frame_equal(published(cut).select(columns), published(whole).select(columns))
    assert len([row for row in table(cut, "runs") if row.shard]) == 4


def test_a_backfill_in_shards_and_what_comes_late(tmp_path: Path) -> None:
    """Each day is cut; late records are inferred alone, by one run; a rerun is cut again and asks for everything once."""
    settings = settings_for(tmp_path, new_sqlite(tmp_path / "ledger.db"))
    days = days_of(60, 40)
    source, engines = write_days(tmp_path / "in.jsonl", days), Engines()
    ask = ask_for(source, days, shards=3)
    assert [one.state for one in backfill(ask, settings, engines)] == ["done"] * 2
    check_published(settings, source, days)
    assert sorted(engines.asked) == sorted(str(row["id"]) for rows in days.values() for row in rows)
    cut = {row.partition for row in table(settings, "runs") if row.shard == 3}
    assert cut == set(days)

    late = rows_of(day(0), 5, "late")
    days[day(0)] = [*late, *days[day(0)]]
    write_days(source, days)
    assert actions(ask, settings) == ["refresh", "nothing"]
    engines = Engines()
    backfill(ask, settings, engines)
    check_published(settings, source, days)
    assert sorted(engines.asked) == sorted(str(row["id"]) for row in late)
    assert len([row for row in table(settings, "runs") if row.shard]) == 6

    engines = Engines()
    backfill(ask_for(source, days, shards=3, rerun=True), settings, engines)
    check_published(settings, source, days)
    assert len(engines.asked) == 105
    assert len([row for row in table(settings, "runs") if row.shard]) == 12
