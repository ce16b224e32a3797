"""Kinds of fault: outcomes."""

from tests.integration.api.kinds import Kind

POISON = "tests/integration/hybrid/test_poison.py"
FIRST = "tests/integration/hybrid/test_first_answers.py"
RETRY = "tests/integration/hybrid/test_retry.py"
CORRECTION = "tests/integration/hybrid/test_correction.py"
EVALUATION = "tests/integration/evaluation/test_unheard.py"
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
    Kind(
        "none of the first 8 answers fits: reasoning ate them",
        "the run fails with one line, no record is set aside",
        f"{FIRST}::test_the_run_stops",
        "api_reasoning_tokens",
    ),
    Kind(
        "none of the first 8 answers fits: prose, another schema, or empty",
        "the run fails with one line, no record is set aside",
        f"{FIRST}::test_the_run_stops",
        "api_structured_output",
    ),
    Kind(
        "none of the first 8 answers fits: the model refuses all",
        "the run fails with one line, no record is set aside",
        f"{FIRST}::test_the_run_stops",
        "api_model",
    ),
    Kind(
        "the same in batches",
        "the collect fails, and later ones do not pay again until a setting has changed",
        f"{FIRST}::test_batches_stop_as_well",
        "api_reasoning_tokens",
    ),
    Kind(
        "7 answers do not fit, the eighth does",
        "the seven are set aside with their reason, and the rest is published",
        f"{FIRST}::test_one_that_fits_shows_whose_fault_it_is",
    ),
    Kind(
        "an evaluation whose API answers never came, or never fitted",
        "one line instead of a verdict, nothing is stored",
        f"{EVALUATION}::test_no_verdict_over_answers_that_never_came",
    ),
    Kind(
        "records were set aside that could be answered now",
        "`run --retry-quarantined` asks for those alone, and takes over what is published",
        f"{RETRY}::test_only_what_can_be_mended_is_asked_for",
    ),
    Kind(
        "a title of one character too many",
        "asked for once more, told field and rule; then set aside as `invalid_output`",
        f"{CORRECTION}::test_it_is_told_and_keeps_the_limit",
    ),
    Kind(
        "the same in batches",
        "it goes into the next batch",
        f"{CORRECTION}::test_in_batches",
    ),
)
