"""Writes docs/faults.md from the table of faults: `python -m tests.integration.api.faults_page`."""

from itertools import chain
from pathlib import Path

from tests.integration.api.faults import FAULTS, RUN_FAILS, Fault
from tests.integration.api.kinds import Kind, batches, outcomes, prices, replies, sending

PAGE = Path(__file__).parents[3] / "docs" / "faults.md"

HEAD = """\
# When the API misbehaves

This page is written by `python -m tests.integration.api.faults_page` from the table that the tests run
(`tests/integration/api/faults.py`): each row was done to the engine by a server that breaks HTTP itself, while other
records went through, and those were answered every time unless the run fails.

Every attempt has a ledger line that was written before it was sent. How it ends:

- `ok`: answered, with the usage that the API reported, or one that is estimated and marked so. A code behind it says how an
  answer was read that did not stand alone.
- `failed`: the API refused it, or was never reached; it costs nothing.
- `unknown_outcome`: sent, and nobody knows whether it was billed. The line keeps the most it can have cost, unless a usage came
  with the reply all the same, and every report shows it.

A deferred record is in nobody's output: its partition stays unfinished, and the next run asks again. An attempt counts against
`api_max_attempts` unless it only showed how the endpoint wants to be asked. A record that has used them up, over all runs and batches
of its partition, while others were answered, is set aside as `unanswered` with the code of its last failure, and the rest is published.
Not counted are rate limits, connections that never came about, our own stops, batches that expired, and what befell
everybody: an endpoint that is down sets nobody aside.

| what the API does | what becomes of the record | its attempts | what you see |
| --- | --- | --- | --- |
"""

TAIL = """
## An endpoint that is down

Failures in a row, of any record (no connection, no answer, a broken answer, a 5xx), open a circuit breaker after
`api_breaker_failures`: nothing is sent for `api_breaker_seconds`, then one request. If it is answered, all go on. If it fails,
what is left is deferred as `api_unavailable`, and one warning names the host and the failure. The next run
begins with one request.

## A limit

Any 429 closes the gate for every request of the endpoint: for the delay that it names (in a header, in a member of its body, or in its
words), else for a pause that doubles from one refusal to the next, up to 30 s. Then one request goes first; the others follow when it
is answered, and the number in flight grows again by one for each round of answers, up to `api_concurrency`. A 429 is no attempt of
its record. Where every request is refused for five minutes, what is left is deferred as `api_unavailable`.

## A wrong setting

While the API has not answered a single request, a 4xx that could be anybody's fault is held back. An answer to
any request shows that it was the record's own: it is quarantined as `refused`. At the third without an answer one request is tried
without `seed`, then without `temperature` and `reasoning_effort`; if that does not help either, the run fails with
one line, and no record is quarantined. Where fewer than three records went to the API, each is quarantined
as `refused` after 2 seconds and those tries.

Once others were answered, a 401, 402, 404 or 405 is an attempt like any other, and a 403 the record's own. Denials of three records in a
row without an answer between end the run with the line that names the setting. A denial that comes before the first answer waits for the requests
under way, which may be answered. Codes of the account (`insufficient_quota`) end the run at once.

## A stop

A run that is stopped sends nothing more. What is under way has the grace that the run gives; then it is cancelled:
`unknown_outcome:cancelled`, and the record is deferred as `stopped`. An attempt that was written down and not sent any more ends as
`failed:not_sent`.
"""


KINDS: tuple[Kind, ...] = tuple(
    chain(replies.KINDS, sending.KINDS, prices.KINDS, batches.KINDS, outcomes.KINDS)
)
KINDS_HEAD = """
## What one reply does not show

| what happens | what becomes of it | setting | shown by |
| --- | --- | --- | --- |
"""


def page() -> str:
    """Return the whole page."""
    return HEAD + "".join(map(_row, FAULTS)) + KINDS_HEAD + "".join(map(_kind_row, KINDS)) + TAIL


def _kind_row(kind: Kind) -> str:
    return f"| {kind.what} | {kind.right} | {f'`{kind.setting}`' if kind.setting else ''} | `{kind.test}` |\n"


def _row(fault: Fault) -> str:
    attempts = ", ".join(f"`{attempt}`" for attempt in fault.attempts)
    seen = f"the run's one line: “… {fault.user} …”" if fault.fate == RUN_FAILS else fault.user
    fate = fault.fate if fault.fate == RUN_FAILS else f"`{fault.run_fate or fault.fate}`"
    return f"| {fault.name} | {fate} | {attempts} | {seen} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
