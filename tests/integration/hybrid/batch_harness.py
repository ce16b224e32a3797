"""What the tests of batches in the pipeline share: settings, rounds of collecting, checks against the server."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Row, update

from db.batches import LIVE
from db.tables import BatchRow
from models.economics.pricing import BATCH_SUFFIX, Price, cost_nano
from models.requests import Usage
from models.run import RunResult
from models.settings import Settings
from tests.batch_api import BatchApi
from tests.fakes import ScriptedEngine, unsure
from tests.integration.hybrid.harness import Rows, api_lines, collect, hybrid_settings
from tests.integration.pipeline.books import check_sums, ledger, table
from tests.integration.pipeline.harness import run, write_records

UNSURE = "unsure"
SETTLE_SECONDS = 0.2
"""How long tests wait for what may be under way at the provider."""
ANSWER_TOKENS = 2
"""What the server counts for an answer about sentiment: `{"label":` and the label."""


def batch_settings(folder: Path, database_url: str, url: str, **more: object) -> Settings:
    """Make settings in batch mode, with files of at most ten requests."""
    values: dict[str, Any] = {"api_mode": "batch", "batch_max_requests": 10}
    return hybrid_settings(folder, database_url, url, **(values | more))


def write_texts(folder: Path, texts: Sequence[str]) -> Path:
    """Write one record for each text."""
    rows: list[object] = [{"id": f"r{number}", "text": text} for number, text in enumerate(texts)]
    return write_records(folder / "in.jsonl", rows)


def texts_of(unsure_ones: int, sure_ones: int = 0) -> list[str]:
    """Make texts of which the local engine is unsure, and texts of which it is sure."""
    return [f"unsure number {n}" for n in range(unsure_ones)] + [f"sure number {n}" for n in range(sure_ones)]


def engine() -> ScriptedEngine:
    """Make the local engine, which is unsure of all texts that say so."""
    return ScriptedEngine(handler=unsure(UNSURE))


def start(settings: Settings, texts: Sequence[str]) -> RunResult:
    """Run the partition with these texts; see that it waits for batches."""
    result = run(settings, write_texts(settings.output_dir.parent, texts), engine())
    assert result.state == "waiting"
    return result


def steps(api: BatchApi, count: int = 3) -> None:
    """Move every batch on, by default from its creation to its end."""
    for _ in range(count):
        api.step()


@contextmanager
def changed_results(api: BatchApi) -> Iterator[list[dict[str, Any]]]:
    """Yield the lines of the only batch's output file, and write them back as they are then."""
    (batch,) = api.book.batches.values()
    file = api.book.files[batch.fields["output_file_id"]]
    entries = [json.loads(line) for line in file.content.splitlines()]
    yield entries
    file.content = b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)


def collect_until_done(settings: Settings, api: BatchApi, rounds: int = 8) -> RunResult:
    """Let the server work and collect, in turn, until nothing waits any more."""
    for _ in range(rounds):
        steps(api)
        result = collect(settings)
        if result.state != "waiting":
            return result
    raise AssertionError(result)


def pass_deadlines(settings: Settings, by: timedelta = timedelta()) -> None:
    """Let the deadline of every batch so far be over, a moment ago or longer."""
    with ledger(settings) as session:
        over = datetime.now(UTC) - by - timedelta(seconds=1)
        session.execute(update(BatchRow).values(deadline=over))


def batch_states(settings: Settings) -> Counter[str]:
    """Count the ledger's batches by state."""
    return Counter(batch.state for batch in table(settings, "batches"))


def batch_lines(settings: Settings) -> Rows:
    """Return the lines of attempts in batches."""
    return [line for line in api_lines(settings) if line.batch_id is not None]


def outcomes(lines: Rows) -> Counter[str]:
    """Count lines as `OUTCOME`, or `OUTCOME:FAILURE` where something was wrong."""
    return Counter(":".join(part for part in (line.outcome, line.failure) if part) for line in lines)


def check_server(settings: Settings, api: BatchApi, *, unread: int = 0) -> None:
    """See that ledger and server tell the same story.

    None of our batches exists twice there. Every answer that was billed has exactly one line, with the
    tokens that the server counted, or at its upper bound where the answer never reached us (`unread` of
    them at most). No line says that something was billed which was not, but at an upper bound.
    """
    ours = Counter(batch.fields["metadata"]["breakeven_batch"] for batch in api.book.batches.values())
    assert set(ours.values()) <= {1}
    billed = Counter(entry["custom_id"] for entry in api.book.billed if entry["custom_id"] is not None)
    assert set(billed.values()) <= {1}
    tokens = {entry["custom_id"]: entry["tokens"] for entry in api.book.billed}
    lines = {line.id.hex: line for line in batch_lines(settings)}
    live = {batch.id for batch in table(settings, "batches") if batch.state in LIVE}
    unknown = 0
    for custom_id in billed:
        line = lines[custom_id]
        if line.outcome == "pending":
            assert line.batch_id in live
            continue
        assert line.outcome in {"ok", "invalid_output", "unknown_outcome"}, line
        if line.outcome == "unknown_outcome":
            unknown += 1
            assert line.input_tokens is None
        else:
            assert (line.input_tokens, line.output_tokens) == (tokens[custom_id], ANSWER_TOKENS)
    assert unknown <= unread
    for custom_id, line in lines.items():
        if custom_id not in billed:
            assert line.outcome in {"failed", "unknown_outcome", "pending"}, line
    check_prices(settings)


def check_prices(settings: Settings) -> None:
    """See that each line is charged at the price it names: the batch price in a batch, else the price at once."""
    prices = {row.id: row for row in table(settings, "prices")}
    for line in api_lines(settings):
        own, at_once = prices[line.price_id], prices[line.counterfactual_price_id]
        assert own.model.endswith(BATCH_SUFFIX) == (line.batch_id is not None)
        assert not at_once.model.endswith(BATCH_SUFFIX)
        if line.input_tokens is None:
            assert (line.outcome, line.estimated) in {("pending", True), ("unknown_outcome", True)}
            continue
        usage = Usage(line.input_tokens, line.cached_tokens, line.output_tokens)
        assert line.cost_nano == cost_nano(_price(own), usage)
        served = line.outcome == "ok"
        assert line.counterfactual_nano == (cost_nano(_price(at_once), usage) if served else 0)


def check_waiting(settings: Settings, api: BatchApi) -> None:
    """See that sums add up while records wait."""
    check_sums(settings)
    check_server(settings, api)


def _price(row: Row[Any]) -> Price:
    return Price(**{name: getattr(row, name) for name in Price.__slots__})
