"""The three workloads over real records, through the real engine, into a ledger."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from db import run_queries
from db.session import make_engine, readers
from models.engines.vllm.engine import VllmEngine
from models.settings import Settings
from tasks.planning.request import RunRequest
from tasks.run.run_partition import run_request
from tasks.runtime.shared_engine import shared_engine
from tests.integration.engine.harness import Counting
from tests.ledger_lines import sum_lines

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
CACHE = Path(__file__).resolve().parents[3] / ".cache"

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is absent: nothing real to run over"),
]


@pytest.mark.parametrize(
    ("workload", "file", "where", "limit"),
    [
        ("sentiment", "tickets_sentiment.parquet", None, 15),
        ("classification", "tickets_intent.parquet", None, 5),
        pytest.param(
            *("enrichment", "products.parquet", "source in ('abt', 'flipkart')", 4),
            marks=pytest.mark.long,  # long answers
        ),
    ],
)
def test_published_rows_and_tokens_are_exact(
    engine: VllmEngine, tmp_path: Path, workload: str, file: str, where: str | None, limit: int
) -> None:
    """Published rows = input rows - quarantined rows, and the ledger's tokens are the engine's."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    workloads: dict[str, dict[str, object]] = {"classification": {"labels": intents()}}
    settings = Settings.model_validate(
        {"database_url": url, "output_dir": tmp_path / "out", "cache_dir": CACHE, "workloads": workloads}
    )
    counting = Counting(engine)
    with shared_engine(settings, factory=lambda _settings: counting):
        result = run_request(
            RunRequest(workload, date(2015, 2, 20), str(DATA / file), where, limit), settings
        )
    assert result.state == "completed"
    assert result.records == limit
    published = pl.read_parquet(result.output or "")
    assert published.height == result.published == limit - result.quarantined
    with readers(make_engine(url))() as session:
        (row,) = run_queries.list_runs(session)
        totals = sum_lines(session, result.run_id) if result.run_id else None
    assert totals is not None
    assert totals.input_tokens == sum(u.input_tokens for u in counting.usages) == row["input_tokens"]
    assert totals.cached_tokens == sum(u.cached_tokens for u in counting.usages) == row["cached_tokens"]
    assert totals.output_tokens == sum(u.output_tokens for u in counting.usages) == row["output_tokens"]
    assert totals.attempts == len(counting.usages) + result.reused


def intents() -> list[str]:
    """Return the 77 intents of the real data set."""
    frame = pl.read_parquet(DATA / "tickets_intent.parquet", columns=["intent"])
    return sorted(set(frame["intent"].to_list()))
