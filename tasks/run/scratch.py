"""The scratch file of a run, filled with what is known of its records before the first one is read."""

from collections.abc import Iterator
from contextlib import contextmanager

from tasks.api.batch_lane import leave_out_batched
from tasks.planning.late_data import load_published
from tasks.planning.open_run import OpenRun
from tasks.planning.retry import load_set_aside
from tasks.run.used_up import note_failures
from tasks.storage.begun_rows import load_begun
from tasks.storage.part_files import load_done
from tasks.storage.scratch_db import Scratch


@contextmanager
def open_scratch(run: OpenRun) -> Iterator[Scratch]:
    """Open the scratch with the records that are done, wait or are in a batch, and with what is published.

    Raises `OutputError` for a part, a published file or a scratch file that cannot be read or written.
    """
    version = run.version
    with Scratch(version.folder) as scratch:
        load_done(version.registered_parts(), scratch)
        leave_out_batched(version, scratch.waiting)
        note_failures(version, scratch.waiting)
        if run.input is not None:
            load_begun(run.input.begun, run.workload.output, scratch.unchanged_rows)
        if run.input is not None and run.input.carry_from is not None:
            load_published(run.input.carry_from, run.workload.output, scratch.unchanged_rows)
            if run.input.retries is not None:
                load_set_aside(run.input.carry_from, run.input.retries, scratch.unchanged_rows)
        yield scratch
