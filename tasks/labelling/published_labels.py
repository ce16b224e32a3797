"""Which label was last published for a text, as far as published partitions tell."""

import logging
from pathlib import Path

import polars as pl

from db import partitions
from models.settings import Settings
from models.workloads.base import Workload
from tasks.labelling.distinct_texts import HASH
from tasks.runtime.ledger_access import ledger_if_any

log = logging.getLogger(__name__)

_LABEL = "label"
_SCHEMA = {HASH: pl.UInt64(), _LABEL: pl.String()}


def published_labels(workload: Workload, settings: Settings, texts: pl.Series) -> pl.DataFrame:
    """Return the label that the newest published partition gives each text (by hash) that has been answered.

    Empty where the workload answers no label, nothing is published, or there is no ledger yet; a published file
    that is gone or cannot be read is passed over with a warning. Raises `DatabaseUnavailable` for a ledger that
    is away.
    """
    found = pl.DataFrame(schema=_SCHEMA)
    if workload.kind != "label":
        return found
    with ledger_if_any(settings) as session:
        every = [] if session is None else partitions.list_published(session)
    own = [version for version in every if version.workload == workload.name and version.output_path]
    wanted = texts.to_frame(HASH).lazy()
    for version in sorted(own, key=lambda version: version.partition):
        labels = _read(Path(version.output_path or ""), wanted)
        found = pl.concat([found, labels]).unique(HASH, keep="last")
    return found


def _read(path: Path, wanted: pl.LazyFrame) -> pl.DataFrame:
    try:
        return (
            pl.scan_parquet(path, hive_partitioning=False)
            .select(HASH, pl.col(_LABEL).cast(pl.String))
            .join(wanted, on=HASH, how="semi")
            .unique(HASH, keep="last")
            .collect(engine="streaming")
        )
    except (OSError, pl.exceptions.PolarsError) as error:
        log.warning(
            "%s is passed over, texts in it count as not answered: %s", path, str(error).splitlines()[0]
        )
        return pl.DataFrame(schema=_SCHEMA)
