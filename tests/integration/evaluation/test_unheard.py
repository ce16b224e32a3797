"""An evaluation whose API answers never came, or never fitted: one line that names the setting, and no verdict."""

from pathlib import Path

import pytest

from models.errors import BreakevenError
from tests.faulty_api import FaultyApi, Rule
from tests.integration.evaluation.evaluating import labelled, run_evaluation, settings_of, write_labelled
from tests.integration.pipeline.books import check_sums, findings, table


@pytest.mark.parametrize(
    ("records", "rule", "said"),
    [
        (20, Rule(("eaten",), forever=True), "raise BREAKEVEN_API_REASONING_TOKENS"),
        (6, Rule(("eaten",), forever=True), "6 of 6 records .* raise BREAKEVEN_API_REASONING_TOKENS"),
        (6, Rule(("nonsense",), forever=True), "6 of 6 records .* BREAKEVEN_API_STRUCTURED_OUTPUT"),
        (6, Rule(("ok", *("eaten",) * 5)), "5 of 6 records .* raise BREAKEVEN_API_REASONING_TOKENS"),
        (6, Rule(("500",), "message number", forever=True), "wait for the API"),
    ],
)
def test_no_verdict_over_answers_that_never_came(
    tmp_path: Path, database_url: str, records: int, rule: Rule, said: str
) -> None:
    """What was billed is on the ledger; no evaluation is."""
    source = write_labelled(tmp_path, labelled(records))
    with FaultyApi([rule]) as api:
        settings = settings_of(
            tmp_path, database_url, api.url, api_concurrency=1, api_max_attempts=2, api_breaker_failures=100
        )
        with pytest.raises(BreakevenError, match=said) as caught:
            run_evaluation(settings, source)
    assert "\n" not in str(caught.value)
    assert table(settings, "evaluations") == []
    check_sums(settings)
    assert findings(settings) == []


def test_some_answers_that_do_not_fit_are_what_a_model_is_like(tmp_path: Path, database_url: str) -> None:
    """Most of them are no answer: the verdict counts them as wrong, as it should."""
    source = write_labelled(tmp_path, labelled(12))
    with FaultyApi([Rule(("ok", "ok", *("nonsense",) * 10))]) as api:
        settings = settings_of(tmp_path, database_url, api.url, api_concurrency=1)
        found = run_evaluation(settings, source)
    arm = found.arm("api")
    assert arm is not None
    assert (arm.records, arm.answered) == (12, 2)
    assert len(table(settings, "evaluations")) == 1
