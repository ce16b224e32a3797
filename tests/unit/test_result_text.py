"""What came of a run, as people read it: a few lines, without parts that are zero, unknown named so."""

from datetime import date

from models.backfill import PartitionOutcome
from models.run import RunResult
from tasks.display.result_text import outcome_table, result_lines
from tasks.documents.amounts import TIMES

DAY = date(2026, 11, 23)


def test_a_run_with_everything() -> None:
    """Records, tokens and cost each have a line, money against what the API alone would have cost."""
    result = RunResult(
        *("sentiment", DAY, "completed"),
        records=44,
        published=42,
        quarantined=2,
        reused=5,
        escalated=3,
        input_tokens=8_123,
        cached_tokens=5_000,
        output_tokens=44,
        gpu_ns=12_300_000_000,
        cost_nano=1_500_000_000,
        api_cost_nano=500_000_000,
        counterfactual_nano=3_000_000_000,
    )
    assert result_lines(result) == [
        (
            "sentiment 2026-11-23: completed, 44 records: 42 published, 2 quarantined, 3 escalated to the API, "
            "5 reused from identical records"
        ),
        "tokens: 8,123 in (5,000 of them cached), 44 out",
        (
            "cost: $1.50 ($0.50 of it for the API) for 12.3 s of the engine; "
            f"the API alone would have cost $3.00: this is 0.5{TIMES} of that"
        ),
    ]


def test_parts_that_are_zero_are_left_out() -> None:
    """One record that was published, at a cost that nobody knows: no zero, and what is unknown is named."""
    result = RunResult("sentiment", DAY, "completed", records=1, published=1, input_tokens=9, output_tokens=1)
    assert result_lines(result) == [
        "sentiment 2026-11-23: completed, 1 record: 1 published",
        "tokens: 9 in, 1 out",
        "cost: unknown; the API alone would have cost an unknown amount",
    ]


def test_a_run_that_waits_says_for_what() -> None:
    """Records that wait are counted by what they wait for."""
    result = RunResult("sentiment", DAY, "waiting", records=4, waiting={"budget": 3, "batch": 1}, cost_nano=0)
    assert result_lines(result)[0] == "sentiment 2026-11-23: waiting, 4 records: waiting: 1 batch, 3 budget"


def test_the_table_of_a_backfill_has_what_matters() -> None:
    """Only columns in which a partition has something; an error stands where the output would."""
    done = RunResult(
        "sentiment", DAY, "completed", output="out/x.parquet", records=2, published=2, cost_nano=0
    )
    failed = PartitionOutcome("sentiment", DAY, "failed", error="the engine died")
    rows, columns = outcome_table([PartitionOutcome.of(done), failed])
    money = ["cost USD", "of which API", "counterfactual USD"]
    assert columns == ["partition", "state", *money, "records", "published", "output"]
    assert [row["output"] for row in rows] == ["out/x.parquet", "the engine died"]
