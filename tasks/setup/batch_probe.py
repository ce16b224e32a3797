"""Sends one small batch to the API and says whether it has a Batch API: `breakeven doctor --api`."""

import time
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from db.batches import list_live
from db.partitions import list_waiting
from models.doctor import SetupCheck
from models.economics.pricing import nano_to_usd
from models.engines.api.options import ApiOptions
from models.engines.batch.status import BatchApiRefused, BatchApiUnavailable
from models.errors import ApiAccessError, BreakevenError
from models.ids import new_id
from models.run import TRIAL, RunResult
from models.settings import Settings
from tasks.display.run_rows import describe_counts
from tasks.run.run_partition import collect_partition
from tasks.runtime.ledger_access import reading_ledger
from tasks.setup.api_probe import PROBE_DAYS, ask_once, read_attempts

DAY = PROBE_DAYS["batch"]
IN_BATCHES, NO_BATCHES = "API in batches", "no Batch API"
BATCH_SECONDS = 30.0
"""How long a batch of one request is waited for; then it is cancelled."""
CANCEL_SECONDS = 5.0
POLL_SECONDS = 1.0


def probe_batches(name: str, settings: Settings) -> SetupCheck:
    """Submit a batch of one request and wait a while for its answer; cancel it where that takes long.

    What an earlier probe left waiting is taken up first. An endpoint without a Batch API is no fault where batches
    are not asked for.
    """
    own = settings.model_copy(update={"api_mode": "batch", "api_max_attempts": 1})
    try:
        if refusal := _find_refusal(name, own):
            state = "fail" if settings.api_mode == "batch" else "ok"
            return SetupCheck(IN_BATCHES, state, NO_BATCHES, refusal if state == "fail" else "")  # type: ignore[arg-type]  # one of its two words
        collect_partition(name, DAY, settings=own, purpose=TRIAL)
        probe = ask_once(name, own, "batch")
        begun = time.monotonic()
        result = probe.result
        while result.state == "waiting" and "batch" in result.waiting:
            if time.monotonic() - begun > BATCH_SECONDS:
                return _cancel(name, own)
            time.sleep(POLL_SECONDS)
            result = collect_partition(name, DAY, settings=own, purpose=TRIAL)
    except (BreakevenError, BatchApiRefused, BatchApiUnavailable) as error:
        return SetupCheck(IN_BATCHES, "fail", "not answered", str(error))
    return _describe(own, result, probe.seconds + time.monotonic() - begun)


def _find_refusal(name: str, settings: Settings) -> str | None:
    """Return why the endpoint has no Batch API, None where it has one."""
    from models.engines.batch.client import BatchClient  # noqa: PLC0415  a second, and few commands need it

    with BatchClient(ApiOptions.from_settings(settings.for_workload(name))) as client:
        try:
            client.find(new_id(), datetime.now(UTC))
        except ApiAccessError as error:
            if NO_BATCHES not in str(error):
                raise
            return str(error)
    return None


def _describe(settings: Settings, result: RunResult, seconds: float) -> SetupCheck:
    cost = sum(one.cost_nano or 0 for one in read_attempts(settings, result))
    said = f"${nano_to_usd(cost):f} (on the ledger, a trial)"
    if result.published:
        return SetupCheck(IN_BATCHES, "ok", f"a batch of one request answered in {seconds:.0f} s, {said}")
    reasons = describe_counts(result.reasons or result.waiting)
    advice = "see BREAKEVEN_API_MODE=sync for requests at once"
    return SetupCheck(IN_BATCHES, "fail", f"not answered: {reasons}, {said}", advice)


def _own_batches(session: Session, name: str) -> list[str]:
    """Return the provider's ids of the batches that a probe waits for."""
    versions = [
        one.version_id for one in list_waiting(session, TRIAL) if (one.workload, one.partition) == (name, DAY)
    ]
    return [
        batch.provider_batch_id
        for version in versions
        for batch in list_live(session, version)
        if batch.provider_batch_id is not None
    ]


def _cancel(name: str, settings: Settings) -> SetupCheck:
    """Cancel the batch, and see for a moment whether its end comes."""
    from models.engines.batch.client import BatchClient  # noqa: PLC0415  as above

    with (
        reading_ledger(settings) as session,
        BatchClient(ApiOptions.from_settings(settings.for_workload(name))) as client,
    ):
        for provider_id in _own_batches(session, name):
            client.cancel(provider_id)
    begun, result = time.monotonic(), None
    while time.monotonic() - begun < CANCEL_SECONDS:
        time.sleep(POLL_SECONDS)
        result = collect_partition(name, DAY, settings=settings, purpose=TRIAL)
        if result.state != "waiting":
            break
    open_still = result is not None and result.state == "waiting"
    rest = "; its line is closed by the next `breakeven doctor --api`" if open_still else ""
    return SetupCheck(
        IN_BATCHES,
        "ok",
        f"a batch was taken; not answered within {BATCH_SECONDS:.0f} s, so it was cancelled{rest}",
    )
