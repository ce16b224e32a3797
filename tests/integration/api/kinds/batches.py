"""Kinds of fault: batches."""

from tests.integration.api.kinds import Kind

_HYBRID = "tests/integration/hybrid"
FALLBACK = f"{_HYBRID}/test_batch_fallback.py"
LINES = f"{_HYBRID}/test_batch_lines.py"
ENQUEUED = f"{_HYBRID}/test_batch_enqueued.py"
ENDED = f"{_HYBRID}/test_batch_ended.py"
REFUSED = f"{_HYBRID}/test_batch_refused.py"
RESULTS = "tests/unit/test_batch_results.py"
STATUS = "tests/unit/test_batch_status.py"

KINDS: tuple[Kind, ...] = (
    Kind(
        "lines of a batch refused with a 400 for `temperature`, `seed` or `response_format`",
        "a new batch without it in the same collecting, at half price; later batches begin without it",
        f"{LINES}::test_a_refused_field_is_left_out_of_the_next_batch",
    ),
    Kind(
        "a line that is refused in an error alone, without a response; a refusal as text, as JSON within a text, or as a list",
        "read as what a 400 with these words means; an error that names a status means that",
        f"{RESULTS}::test_an_error_without_a_status_is_judged_by_what_it_says",
    ),
    Kind(
        "a limit of tokens or requests that the words of a fault alone name, or its code in another spelling",
        "halved as for the code itself",
        f"{STATUS}::test_a_refused_batch_says_whether_to_try_again",
        "batch_enqueued_tokens",
    ),
    Kind(
        "the check of a batch's file finds fault with the model, or with the address, and names one line",
        "no record is set aside: the collecting ends with one line, or the file is tried again",
        f"{REFUSED}::test_what_is_true_of_many_batches_is_said_once",
        "api_model",
    ),
    Kind(
        "`response_format` is passed over in a batch",
        "when its first three answers have no value, those that have none are billed as `format_ignored` and go into a new batch "
        "with the schema in the prompt; one warning",
        f"{LINES}::test_a_format_that_is_passed_over",
        "api_structured_output",
    ),
    Kind(
        "the check of a batch's file refuses a field in every line",
        "a new batch without it; no record is set aside",
        f"{LINES}::test_a_field_that_the_file_check_refuses",
    ),
    Kind(
        "the check of a batch's file names every line",
        "no record is set aside: they wait, and the file is tried again",
        f"{LINES}::test_a_file_whose_lines_are_all_refused",
        "batch_fallback",
    ),
    Kind(
        "a batch's creation or upload is refused",
        "its records wait, one line names the settings and both prices; at once only with `sync`",
        f"{FALLBACK}::test_a_batch_refused_at_submission",
        "batch_fallback",
    ),
    Kind(
        "an endpoint without a Batch API",
        "the run ends with one line that names the settings and both prices; its records wait",
        f"{FALLBACK}::test_an_endpoint_without_batches",
        "batch_fallback",
    ),
    Kind(
        "a batch past its deadline",
        "cancelled; what it did not answer goes into a new batch, at once only with `sync`",
        f"{FALLBACK}::test_past_the_deadline_the_rest_is_asked_again",
        "batch_fallback",
    ),
    Kind(
        "a batch that could not be submitted before its deadline",
        "it gets another one: nothing of it was sent",
        f"{FALLBACK}::test_a_batch_that_cannot_be_submitted_in_time",
        "batch_fallback",
    ),
    Kind(
        "`token_limit_exceeded` while other batches are under way",
        "it waits for them, also for those that this ledger knows nothing of",
        f"{ENQUEUED}::test_it_waits_while_another_batch_is_under_way",
        "batch_enqueued_tokens",
    ),
    Kind(
        "`token_limit_exceeded` with nothing else under way, at the check or at the creation",
        "halved until it passes, its deadline kept, no line twice; one line names the setting and the tokens",
        f"{ENQUEUED}::test_a_batch_above_the_limit_is_halved",
        "batch_enqueued_tokens",
    ),
    Kind(
        "a single request above that limit",
        "it waits, one line names the settings and both prices; at once only with `sync`",
        f"{ENQUEUED}::test_one_request_above_the_limit",
        "batch_fallback",
    ),
    Kind(
        "a file of more requests than the provider takes in one, or a 413",
        "halved, at half price; one line names the settings",
        f"{REFUSED}::test_a_file_that_holds_too_many_is_halved",
        "batch_max_requests, batch_max_bytes",
    ),
    Kind(
        "a batch that expired or was cancelled with nothing completed",
        "`failed:batch_expired` or `batch_cancelled`, $0; its records are asked again in a batch",
        f"{ENDED}::test_a_batch_that_ended_with_nothing_done_costs_nothing",
    ),
    Kind(
        "one that expired with some completed",
        "those by their file; the rest $0 where as many were completed as have answers, else `unknown_outcome`",
        f"{ENDED}::test_what_an_expired_batch_answered_is_taken_by_its_file",
    ),
    Kind(
        "`completed` without file names yet, whatever it counts",
        "waited for, also for two hours past the deadline; nothing is asked again meanwhile",
        f"{ENDED}::test_files_that_are_named_late_are_waited_for",
    ),
    Kind(
        "states and counts in upper case, in Mistral's, Anthropic's or Gemini's words",
        "read as what they are",
        f"{ENDED}::test_other_providers_words",
    ),
    Kind(
        "a state that nobody knows",
        "one warning; waited for until the deadline, cancelled, and two hours later given up as `unknown_outcome`",
        f"{ENDED}::test_a_word_that_nobody_knows_is_waited_for",
        "batch_deadline_hours",
    ),
    Kind(
        "batches of the same records that never end, each as the one before",
        "after `api_max_attempts` of them no other is made; the records wait, and one line says what helps",
        f"{ENDED}::test_batches_that_are_lost_again_and_again",
        "batch_fallback",
    ),
    Kind(
        "502, 504, 524 or 408 in a line of a batch",
        "`unknown_outcome` at its upper bound; `failed`, $0 where the counts say that nothing more was answered",
        f"{ENDED}::test_a_gateways_status_in_a_line",
    ),
    Kind(
        "lines with a status as text, an id in capitals with dashes, an error beside an answer, or without a code",
        "read as what they are",
        f"{ENDED}::test_lines_in_other_forms",
    ),
    Kind(
        "one line with 401, 403 or 404 while others of the batch were answered",
        "the record's own: a 403 sets it aside, the others are asked once more; no collecting fails",
        f"{LINES}::test_a_denied_request_among_answered_ones_is_its_records_own",
    ),
    Kind(
        "401 in every line of a batch, or a quota that is used up",
        "the collecting ends with one line, nothing is lost; the account is to be seen to",
        f"{LINES}::test_lines_that_tell_of_the_account_end_the_round",
    ),
    Kind(
        "lines of a batch refused with a 400 because of the system role",
        "a new batch that says the same in the first user message",
        f"{LINES}::test_a_refused_system_role",
    ),
    Kind(
        "every line of a batch refused, and no refusal names `seed` or `temperature`, which it is",
        "the next batch is tried without `seed`, then without `temperature`",
        f"{LINES}::test_a_field_that_no_refusal_names",
        "api_omit_fields",
    ),
    Kind(
        "the same 400 in every line of a batch, whatever is left out",
        "the collecting ends with one line, no record is set aside",
        f"{LINES}::test_every_request_refused_is_the_settings_fault",
        "api_model, api_structured_output",
    ),
    Kind(
        "a record that no batch ever answers",
        "as many batches as attempts, then set aside; the rest is published",
        f"{ENDED}::test_a_record_that_is_never_answered_has_so_many_attempts",
        "api_max_attempts",
    ),
)
