"""How a run that does not complete is closed, and its shard given back."""

from contextlib import AbstractContextManager

from sqlalchemy.orm import Session

from db import runs, shards
from models.errors import InputError, NoAnswerFits, UsageError
from tasks.planning.asked_with import hash_settings
from tasks.planning.open_run import OpenRun
from tasks.runtime.end_run import EndState, end_on_failure
from tasks.runtime.leased_ledger import LeasedLedger

FOR_GOOD = (UsageError, InputError)
"""What another try of a shard does not mend."""


def close_on_failure(run: OpenRun) -> AbstractContextManager[None]:
    """See that a run which does not complete is closed as failed or interrupted, its shard given back, and its lease freed."""

    def close(ledger: LeasedLedger, state: EndState, why: str, error: BaseException) -> None:
        refused = run.api if isinstance(error, NoAnswerFits) else None
        stopped_with = None if refused is None else hash_settings(run.workload, refused.options)

        def end(session: Session) -> None:
            runs.finish(session, run.keys.run_id, state, why, stopped_with)
            if run.shard is not None:
                failed = why if state == "failed" else None
                shards.give_back(session, run.shard, failed, final=isinstance(error, FOR_GOOD))

        ledger.write(end, release=True)

    return end_on_failure(run.version.ledger, close)
