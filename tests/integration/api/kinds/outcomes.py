"""Kinds of fault: outcomes."""

from tests.integration.api.kinds import Kind

POISON = "tests/integration/hybrid/test_poison.py"
ATTEMPTS = "api_max_attempts"

KINDS: tuple[Kind, ...] = (
    Kind(
        "3 of 11 records never get a usable answer",
        "set aside as `unanswered` in that run, after `api_max_attempts` attempts; the others are published",
        f"{POISON}::test_within_one_run",
        ATTEMPTS,
    ),
    Kind(
        "the same, where each run has time for a few attempts only",
        "the attempts of all runs count together",
        f"{POISON}::test_over_three_runs",
        ATTEMPTS,
    ),
    Kind(
        "the same in batches",
        "as many batches as attempts, then set aside; attempts in batches and at once count together",
        f"{POISON}::test_in_batches",
        ATTEMPTS,
    ),
    Kind(
        "an endpoint that is down for all, over several runs and collects",
        "nobody is set aside; the first run that finds it up answers all",
        f"{POISON}::test_an_endpoint_that_is_down_for_all_sets_nobody_aside",
    ),
)
