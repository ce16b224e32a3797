"""What the artifacts of a flow run say."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.run import Progress, RunResult
from tasks.display.prefect_artifacts import artifact_key
from tasks.display.run_rows import cost_row, describe_progress, exact_usd, percent
from tasks.runtime.progress import listen, report

DAY = date(2026, 11, 1)


@given(st.integers(0, 10**18))
def test_dollars_are_exact_and_never_scientific(nano: int) -> None:
    """Nano-dollars come back exactly from the text."""
    text = exact_usd(nano)
    assert "E" not in text
    assert Decimal(text) * 10**9 == nano


def test_an_unknown_cost_is_unknown_and_not_zero() -> None:
    """I3: unknown money is shown as unknown; a known zero is a zero."""
    row = cost_row(RunResult("sentiment", DAY, "completed", cost_nano=0, counterfactual_nano=None))
    assert row["counterfactual USD"] == "unknown"
    assert Decimal(row["cost USD"]) == 0


@pytest.mark.parametrize("state", ["skipped", "empty"])
def test_a_run_that_did_nothing_shows_no_figures(state: str) -> None:
    """A skipped run has no cost of its own: neither 0 nor unknown would be true."""
    row = cost_row(RunResult("sentiment", DAY, state))  # type: ignore[arg-type]
    assert row["state"] == state
    assert row["cost USD"] == row["records"] == ""


def test_every_row_has_the_same_columns() -> None:
    """A table over mixed states has one header."""
    assert cost_row(RunResult("a", DAY, "completed")).keys() == cost_row(RunResult("a", DAY, "empty")).keys()


def test_keys_are_what_prefect_accepts() -> None:
    """Only lower-case letters, digits and dashes, and the same words give the same key."""
    assert artifact_key("My_Workload 2", "cost") == "my-workload-2-cost"


@pytest.mark.parametrize(
    ("done", "total", "expected"), [(0, None, 0), (5, 20, 25), (0, 0, 100), (21, 20, 100)]
)
def test_percent(done: int, total: int | None, expected: float) -> None:
    """An unknown total shows as 0 %, and no run is ever more than done."""
    progress = Progress("sentiment", DAY, done, total, 10, 2.0)
    assert percent(progress) == expected
    assert f"{done} of {'unknown' if total is None else total} records" in describe_progress(progress)


def test_progress_reaches_the_listeners_of_its_context_only() -> None:
    """Inner and outer listeners hear it; after the block nobody does."""
    outer: list[Progress] = []
    inner: list[Progress] = []
    first, second, third = (Progress("sentiment", DAY, done, 3, 0, 0.0) for done in (1, 2, 3))
    with listen(outer.append):
        report(first)
        with listen(inner.append):
            report(second)
    report(third)
    assert (outer, inner) == ([first, second], [second])
