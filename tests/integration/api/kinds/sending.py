"""Kinds of fault: sending."""

from tests.integration.api.kinds import Kind

_LIMITED = "tests/integration/api/test_rate_limited.py::test_"
_ASKED = "tests/integration/api/test_asked_otherwise.py::test_"
_ADDRESS = "tests/integration/api/test_endpoint_address.py::test_"
_LEARNT = "tests/integration/hybrid/test_learnt.py::test_"

KINDS: tuple[Kind, ...] = (
    Kind(
        "429s without Retry-After: a limit that is never named",
        "one closes the gate for all, one request goes first after a pause that doubles, more follow with the answers; "
        "every record is answered, with fewer refusals than records, each a line of `failed:http_429` at $0 and no attempt of the record",
        f"{_LIMITED}a_limit_that_is_never_named_costs_few_refusals",
        "api_requests_per_minute",
    ),
    Kind(
        "429 without end",
        "after five minutes in which nobody is answered, or for a delay beyond the run's deadline or ten minutes, what is left is deferred "
        "as `api_unavailable`, with one warning",
        f"{_LIMITED}an_endpoint_that_refuses_all_is_given_up_after_a_while",
    ),
    Kind(
        "429s of one record while others are answered",
        "after twenty it is deferred as `api_unavailable`; the others are published",
        f"{_LIMITED}a_record_that_is_refused_again_and_again_is_left_to_a_later_run",
    ),
    Kind(
        "one 401, 402, 404 or 405 while others are answered",
        "an attempt like any other: asked again",
        f"{_ASKED}a_passing_denial_is_tried_again",
    ),
    Kind(
        "a 403, or another of them at every attempt, while others are answered",
        "the record is quarantined as `refused` with status and code",
        f"{_ASKED}a_denial_that_stays_is_the_records_own",
    ),
    Kind(
        "a key that is withdrawn during a run",
        "three records in a row are denied without an answer between: the run fails with one line, no record is set aside",
        f"{_ASKED}a_key_that_is_withdrawn_ends_the_run",
        "api_key",
    ),
    Kind(
        "every request is refused, and nothing says why",
        "one request is tried without `seed`, then without `temperature`, then without `reasoning_effort`; what is answered is kept to",
        f"{_ASKED}a_refused_field_is_left_out",
        "api_omit_fields",
    ),
    Kind(
        "every request is refused in every form",
        "after those tries the run fails with one line that names the settings",
        f"{_ASKED}vague_refusals_are_the_settings_fault_after_one_try_without_each_field",
        "api_omit_fields",
    ),
    Kind(
        "`response_format` is passed over without a word",
        "when three answers, none readable before, have no value, the schema goes into the prompt, with one warning; those are billed as "
        "`format_ignored` and asked again, once each",
        f"{_LEARNT}answers_in_a_form_that_was_passed_over_are_billed_to_the_nano_dollar",
        "api_structured_output",
    ),
    Kind(
        "a limitation that an earlier run found out",
        "the next run begins with it, for 30 days, or until the setting that it concerns changes",
        f"{_LEARNT}the_next_run_begins_with_what_was_learnt",
    ),
    Kind(
        "a base URL with a query (Azure), with `/chat/completions`, with slashes",
        "path and query are composed once, at once and in batches",
        f"{_ADDRESS}path_and_query_are_composed",
        "api_base_url",
    ),
    Kind(
        "OPENAI_API_KEY, OPENAI_ORG_ID, OPENAI_CUSTOM_HEADERS … in the environment",
        "nothing of them reaches an endpoint",
        f"{_ADDRESS}nothing_of_the_environment_reaches_an_endpoint",
        "api_headers",
    ),
    Kind(
        "a cap is reached again and again in one run",
        "one warning",
        f"{_LEARNT}a_cap_is_told_of_once_a_run",
    ),
)
