"""Kinds of fault: replies."""

from tests.integration.api.kinds import Kind

_RUNS = "tests/integration/hybrid/test_replies.py"

KINDS: tuple[Kind, ...] = (
    Kind(
        "usage that cannot be, at once and in a batch",
        "estimated from what was sent and received, and marked; the cost to the nano-dollar",
        f"{_RUNS}::test_usage_that_cannot_be_is_estimated",
    ),
    Kind(
        "tokens beside the completion's, a cache beside the input, more than the limit",
        "output is what the total implies, reasoning in its own column, each token at its price",
        f"{_RUNS}::test_what_is_billed_is_in_the_line",
    ),
    Kind(
        "no usage from an endpoint that is told the schema in the prompt",
        "the estimate counts the messages as they were sent",
        f"{_RUNS}::test_an_estimate_counts_the_schema_that_the_prompt_told",
        "api_structured_output",
    ),
    Kind(
        "an error inside a 200, at once and in a batch",
        "asked again; what may have been billed keeps its upper bound, or has the cost of the usage that came along",
        f"{_RUNS}::test_a_hiccup_that_may_be_billed_keeps_its_upper_bound",
    ),
    Kind(
        "an answer that the endpoint itself finds unusable (Groq's json_validate_failed), at once and in a batch",
        "asked again within its attempts, each at its upper bound unless a batch counts it as not answered; no setting is blamed",
        f"{_RUNS}::test_an_answer_that_the_endpoint_found_unusable",
    ),
    Kind(
        "identical records, the first of which gets an answer of no use",
        "the others are asked for themselves, one after the other, until an answer can be shared",
        f"{_RUNS}::test_identical_records_never_reuse_an_answer_that_did_not_parse",
    ),
    Kind(
        "two answers that differ, however they are written",
        "none is taken",
        "tests/unit/test_answer_reading.py::test_one_of_two_different_answers_is_never_taken",
    ),
    Kind(
        "another model, another tier or a cost of the provider's own in the reply",
        "kept with the attempt",
        "tests/integration/api/test_served.py::test_model_tier_and_cost_go_along",
    ),
)
