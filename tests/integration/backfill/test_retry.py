"""A backfill that asks again for what was set aside: days of which nothing was are left alone, and the quote counts no more."""

from datetime import date
from pathlib import Path

from tasks.backfill.survey import quote, survey
from tests.fakes import unsure
from tests.faulty_api import FaultyApi, Rule
from tests.integration.backfill.harness import Engines, actions, ask_for, backfill, day, write_days
from tests.integration.hybrid.harness import check_seen, hybrid_settings
from tests.integration.hybrid.test_quote_waiting import MODEL
from tests.integration.pipeline.books import check_books
from tests.integration.pipeline.harness import published, quarantined


def test_days_of_which_something_was_set_aside(tmp_path: Path, database_url: str) -> None:
    """Two requests for two records of one day; it is published whole, and there is nothing to ask for after that."""
    days: dict[date, list[dict[str, object]]] = {
        day(of): [
            {"id": f"{of}-{n}", "text": f"unsure {of} {n}", "timestamp": f"{day(of)}T10:00:00Z"}
            for n in range(6)
        ]
        for of in range(3)
    }
    source = write_days(tmp_path / "in.jsonl", days)
    with FaultyApi([Rule(("nonsense",), "unsure 1 2"), Rule(("eaten",), "unsure 1 4")]) as api:
        settings = hybrid_settings(tmp_path, database_url, api.url, api_concurrency=1, **MODEL)
        engines = Engines(handler=unsure("unsure"))
        backfill(ask_for(source, days), settings, engines)
        before, asked = published(settings, day=day(1)), len(api.seen)
        assert quarantined(settings, day=day(1)).height == 2
        again = ask_for(source, days, retry_quarantined=True)
        assert actions(again, settings) == ["nothing", "retry", "nothing"]
        steps = [step for step in survey(again, settings) if step.action == "retry"]
        assert quote(again, steps, settings).records == 2
        (outcome,) = backfill(again, settings, engines)
        assert outcome.result is not None
        assert (outcome.state, outcome.result.published, outcome.result.carried) == ("done", 6, 4)
        assert len(api.seen) - asked == 2
        assert actions(again, settings) == ["nothing"] * 3
        assert actions(ask_for(source, days), settings) == ["nothing"] * 3
        check_seen(settings, api.seen)
    after = published(settings, day=day(1))
    assert after.filter(after["id"].is_in(before["id"].to_list())).equals(before)
    check_books(settings)
