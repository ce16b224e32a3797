"""What a backfill is to cost, and what it then took against that: requests, tokens and dollars, GPU and API together."""

from collections.abc import Sequence

from models.backfill import PartitionOutcome, select_failed
from models.economics.quote import Quote
from models.gpu_time import NS_PER_HOUR
from tasks.display.run_rows import exact_usd
from tasks.documents.amounts import plural

_SENT_ON = "what the policy sends on after a local answer is not in it"


def describe_quote(quote: Quote) -> str:
    """Say what a backfill is quoted at, what of it goes to the API, and whether more than that can."""
    sent = quote.sent
    api = f"{exact_usd(sent.nano)} for {sent.requests.value} requests" if sent.requests.value else "0"
    api = f"API at least {api}; {_SENT_ON}" if quote.sends_on else f"API {api}"
    return f"quoted {exact_usd(quote.cost_nano)} USD: GPU {exact_usd(quote.gpu_nano)}, {api}"


def describe_spread(quote: Quote, parallel: int, workers: int) -> str:
    """Say how long a backfill takes on the workers that there are, of which it uses so many at a time."""
    elapsed = quote.elapsed_ns(min(parallel, workers))
    time = (
        "unknown, no run here so far"
        if elapsed is None
        else f"{elapsed / NS_PER_HOUR:.2f} h from start to end"
    )
    more = "" if parallel <= workers else f"; --parallel {parallel} is more than that"
    return f"{min(parallel, workers)} at a time on {plural(workers, 'worker')}: {time}{more}"


def compare_with_quote(outcomes: Sequence[PartitionOutcome], quote: Quote) -> list[str]:
    """Hold what the partitions took against the quote of the same partitions; nothing where none did any work.

    The last line is that of the costs; what failed is in no comparison, and its cost is named beside it.
    """
    worked = ("done", "waiting")
    results = [one.result for one in outcomes if one.result is not None and one.state in worked]
    lost = _lost(outcomes)
    if not results:
        return [lost] if lost else []
    own = quote.only({result.partition for result in results})
    input_tokens = own.input_tokens.value + own.sent.input_tokens.value
    output_tokens = own.output_tokens + own.sent.output_tokens
    counts = (
        ("requests", sum(one.requests for one in results), own.requests.value + own.sent.requests.value),
        ("input tokens", sum(one.input_tokens for one in results), input_tokens),
        ("output tokens", sum(one.output_tokens for one in results), output_tokens),
    )
    spent = sum(one.cost_nano or 0 for one in results)
    api = sum(one.api_cost_nano for one in results)
    cost = f"cost {exact_usd(spent)} USD, quoted {exact_usd(own.cost_nano)}"
    if api or own.sent.nano:
        least = "at least " if own.sends_on else ""
        cost = f"{cost}; of which API {exact_usd(api)}, quoted {least}{exact_usd(own.sent.nano)}"
    if left := len(quote.partitions) - len(own.partitions):
        cost = f"{cost}; {left} of {len(quote.partitions)} partitions are in neither"
    if waiting := sum(sum(one.waiting.values()) for one in results):
        cost = f"{cost}; {waiting} records wait, what they cost is still to come"
    if lost:
        cost = f"{cost}; besides, {lost}"
    return [", ".join(f"{name} {count} (quoted {quoted})" for name, count, quoted in counts), cost]


def _lost(outcomes: Sequence[PartitionOutcome]) -> str:
    """Say what partitions cost that failed or were interrupted, empty where they cost nothing."""
    results = [one.result for one in select_failed(outcomes) if one.result is not None]
    nano = sum(one.cost_nano or 0 for one in results)
    api = sum(one.api_cost_nano for one in results)
    if not nano:
        return ""
    of_it = f", of which API {exact_usd(api)}" if api else ""
    return f"{plural(len(results), 'failed partition')} cost {exact_usd(nano)} USD{of_it}"
