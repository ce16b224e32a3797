"""How long an answer is taken to be while nothing is known of it."""

from models.economics.throughput import OutputLength
from models.engines.api.token_count import ApiTokenCounter
from models.requests import Choice
from models.workloads.base import Workload

ASSUMED_PART = 2
"""An object of whose length nothing is known is taken to use 1/2 of `max_tokens`.

Enrichment, the first workload with objects, uses 0.46 of it (bench/results/streaming_enrichment.json)."""
PLAIN_TOKENS = 100
"""Tokens of an answer to a plain prompt of which nobody says anything: a short paragraph."""


def assumed_api_output(workload: Workload, counter: ApiTokenCounter) -> OutputLength:
    """Return the length of an answer of the API: a label is as long as the labels on average, an object half of its limit."""
    if not isinstance(workload.output_format, Choice):
        basis = f"assumed 1/{ASSUMED_PART} of {workload.max_tokens}"
        return OutputLength(workload.max_tokens, ASSUMED_PART, basis)
    output = workload.output_format
    tokens = sum(counter.output_tokens(output, label, label) for label in output.labels)
    return OutputLength(tokens, len(output.labels), "assumed mean label")


def assume_plain_output() -> OutputLength:
    """Return what is taken for an answer to a plain prompt."""
    return OutputLength(PLAIN_TOKENS, 1, f"assumed {PLAIN_TOKENS}")
