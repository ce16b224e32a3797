"""Excludes start-up objects from garbage collection."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def freeze_startup_objects() -> Iterator[None]:
    """Leave out, inside the block, what exists at its start: each full collection is then short.

    Prefect, polars and vLLM make half a million objects when they are imported. Looking through them
    again and again took a tenth of the time of a run of short records.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
