"""Excludes start-up objects from garbage collection, and lets it look at the rest less often."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

NEW_OBJECTS = 20_000
"""Containers that are new when garbage is looked for; Python's own number is 700."""


@contextmanager
def freeze_startup_objects() -> Iterator[None]:
    """Leave out, inside the block, what exists at its start: each full collection is then short.

    Prefect, polars and vLLM make half a million objects when they are imported. Looking through them
    again and again took a tenth of the time of a run of short records. Of what a run makes hardly anything is part of
    a cycle: looking at the records in flight every few hundred new objects took a fifteenth.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
