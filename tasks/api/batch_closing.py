"""How the lines of a batch are read, and how the attempts end that its answers close."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from db.attempts import InBatch
from db.batches import Batch
from models.economics.pricing import Price, request_cost_nano
from models.engines.api.usage import usage_of
from models.engines.api.usage_doubt import (
    HIDDEN_INPUT,
    HIDDEN_OUTPUT,
    doubt_by_size,
    reported_counts,
    write_counts,
)
from models.engines.batch.results import BatchResult, ResultReader
from models.engines.batch.status import (
    BatchApiRefused,
    BatchApiUnavailable,
    BatchResultsTooLarge,
    ProviderBatch,
)
from models.errors import ApiAccessError
from models.requests import ClosedAttempt, Served, Usage
from tasks.api.batch_ledger import BatchLedger

if TYPE_CHECKING:
    from models.engines.batch.client import BatchClient

log = logging.getLogger(__name__)


def read_results(
    client: "BatchClient", provider: ProviderBatch, reader: ResultReader
) -> Iterator[BatchResult]:
    """Yield the results of both files of a batch. Raises what the client's download does."""
    for file_id in (provider.output_file_id, provider.error_file_id):
        if file_id is not None:
            yield from reader.read(client.download(file_id))


def lose_results(
    ledger: BatchLedger,
    client: "BatchClient",
    batch: Batch,
    provider: ProviderBatch,
    error: BatchResultsTooLarge,
) -> None:
    """Give up a batch whose results are more than may be read: what was read is kept, the rest is asked for again."""
    log.warning(
        "batch %s has failed: %s; what was read of it is kept, its other records are asked again",
        provider.id,
        error,
    )
    ledger.lose(batch, "results_too_large")
    forget_texts(client, provider)


def forget_texts(client: "BatchClient", provider: ProviderBatch) -> None:
    """Delete the provider's files, which hold texts; one that stays does no other harm."""
    for file_id in (provider.input_file_id, provider.output_file_id, provider.error_file_id):
        try:
            if file_id is not None:
                client.delete_file(file_id)
        except (BatchApiUnavailable, BatchApiRefused, ApiAccessError) as error:
            log.warning("a file of batch %s was not deleted: %s", provider.id, error)


def close_ok(
    id_: UUID, usage: Usage | None, why: str | None, served: Served | None, doubted: str | None
) -> ClosedAttempt:
    """Close an answered attempt; `why` it serves no record, or how it was read."""
    return ClosedAttempt(id_, "ok", datetime.now(UTC), usage, why, served, doubted=doubted)


def believe_usage(body: object, line: InBatch, price: Price) -> tuple[Usage | None, str | None]:
    """Return the usage of a reply whose request is not at hand, and what is in doubt of it, as `doubt_usage` does by texts.

    It is in doubt where it costs more than the line's bound and all that no request shows.
    """
    usage = usage_of(body)
    if usage is None:
        return None, doubt_by_size(body)
    most = line.cost_nano + request_cost_nano(price, Usage(HIDDEN_INPUT, 0, HIDDEN_OUTPUT), line.at)
    if request_cost_nano(price, usage, line.at) <= most:
        return usage, None
    return None, write_counts(reported_counts(body))
