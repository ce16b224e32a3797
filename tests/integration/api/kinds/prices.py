"""Kinds of fault: prices."""

from tests.integration.api.kinds import Kind

SELLERS = "tests/unit/economics/test_sellers.py"
HOURS = "tests/integration/hybrid/test_hours.py"
BOUNDS = "tests/integration/hybrid/test_answer_bounds.py"
SERVED = "tests/integration/hybrid/test_served.py"
CHECK = "tests/integration/hybrid/test_check.py"

KINDS: tuple[Kind, ...] = (
    Kind(
        "the same model costs something else at the endpoint that is asked",
        "the address decides the seller, and so the price",
        f"{SELLERS}::test_the_address_decides",
        "api_base_url",
    ),
    Kind(
        "the address is a gateway's, or a server's of one's own",
        "a setting names the seller; a model of one maker is its maker's",
        f"{SELLERS}::test_a_setting_names_the_seller_behind_a_gateway",
        "api_provider",
    ),
    Kind(
        "a model that several sell, and nothing says which one is asked; a seller that does not have the model",
        "one line with the sellers and their prices names the settings that decide, and nothing is sent",
        f"{SELLERS}::test_what_nothing_decides_is_one_line_that_names_the_setting",
        "api_provider",
    ),
    Kind(
        "a price differs by the hour of the day",
        "an attempt costs what its own hour asks, bounds and sums stand at the highest of the day",
        f"{HOURS}::test_an_attempt_costs_what_its_hour_does",
    ),
    Kind(
        "the answer of a batch is collected in another hour than it was asked in",
        "it costs what the hour of its line asks",
        f"{HOURS}::test_an_attempt_in_a_batch_costs_what_the_hour_of_its_line_does",
    ),
    Kind(
        "the endpoint passes over the limit of an answer, and bills more than any bound",
        "the first such answer raises the bounds of all others, in flight and to come: no more than the first wave is spent "
        "beyond a cap; one warning, and `ledger check` says by how much",
        f"{BOUNDS}::test_after_the_first_answer_above_its_bound_nothing_more_is_admitted",
        "api_base_url",
    ),
    Kind(
        "the same, in the next run",
        "it begins with the raised bounds, and keeps its cap",
        f"{BOUNDS}::test_the_next_run_begins_with_what_was_learnt",
    ),
    Kind(
        "the same without a reported usage",
        "the estimate from the answer's own text counts",
        f"{BOUNDS}::test_without_a_reported_usage_a_long_answer_is_seen_as_well",
    ),
    Kind(
        "the same in a batch",
        "what one batch has shown counts for all later ones",
        f"{BOUNDS}::test_answers_of_a_batch_raise_the_bounds_of_later_batches",
    ),
    Kind(
        "an attempt is served in another tier (`service_tier`)",
        "the tier decides the price, and stands on the line",
        f"{SERVED}::test_the_tier_that_served_an_attempt_decides_its_price",
    ),
    Kind(
        "a tier of which no price is known",
        "charged at the standard price; one warning",
        f"{SERVED}::test_a_tier_without_a_price_is_charged_as_the_standard_one",
        "api_input_usd_per_mtok",
    ),
    Kind(
        "the provider says that an attempt cost something else (`usage.cost`)",
        "its amount is kept beside ours; one warning, and a line of `ledger check`",
        f"{SERVED}::test_a_cost_of_the_providers_own_is_kept_and_a_difference_is_said_once",
        "api_provider",
    ),
    Kind(
        "another model answers than was asked",
        "it stands on the line; one warning, and a line of `ledger check`",
        f"{SERVED}::test_another_model_than_was_asked_is_said_once_and_kept",
        "api_model",
    ),
    Kind(
        "tier, cost or model of an answer in a batch",
        "kept and said as at once; the price is that of batches",
        f"{SERVED}::test_what_is_said_in_a_batch_is_kept_as_well",
    ),
    Kind(
        "a paid answer without tokens",
        "`ledger check` names its line",
        f"{CHECK}::test_damage_is_found",
    ),
)
