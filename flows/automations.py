"""The automations that mark a run Crashed once its worker and its machine are gone: what they wait for, and putting them in place."""

from collections.abc import Iterable
from datetime import timedelta

from prefect.automations import AutomationCore, EventTrigger, Posture, ResourceSpecification
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState

from models.settings import Settings
from tasks.setup.prefect_checks import TAG

AUTOMATION = "breakeven: crash silent runs"
UNSTARTED_AUTOMATION = "breakeven: crash runs that never start"
# Three of the heartbeats that prefect.yaml asks for: two may be lost.
SILENCE = timedelta(seconds=90)
# From a worker's claim of a run to its first line of code: seconds, on an overloaded machine minutes.
START = timedelta(minutes=10)
# A run whose machine is taken away is AwaitingRetry until another worker claims it.
ENDS = ("Completed", "Failed", "Cancelled", "Crashed", "AwaitingRetry")


def automations(
    silence: timedelta = SILENCE, start: timedelta = START
) -> tuple[AutomationCore, AutomationCore]:
    """Describe the automations that mark a run Crashed once its worker and its machine are gone.

    One waits `silence` after the last heartbeat of a run. The other waits `start` after a worker has
    claimed a run (Pending) that has not begun: no heartbeat has come of it, and it holds a slot as well.
    """
    heartbeat = "prefect.flow-run.heartbeat"
    ends = {f"prefect.flow-run.{end}" for end in ENDS}
    return (
        _crash(
            AUTOMATION,
            after=heartbeat,
            expect={heartbeat} | ends,
            within=silence,
            message=f"No heartbeat for {silence.seconds} seconds: the process or its machine is gone.",
        ),
        _crash(
            UNSTARTED_AUTOMATION,
            after="prefect.flow-run.Pending",
            expect={
                f"prefect.flow-run.{state}" for state in ("Running", "Scheduled", "AwaitingConcurrencySlot")
            }
            | ends,
            within=start,
            message=f"Claimed by a worker and not begun within {start.seconds} seconds: the worker or its machine is gone.",
        ),
    )


def time_to_start(settings: Settings) -> timedelta:
    """Return how long a claimed run may take to begin: for a container a machine and the image may have to come first."""
    return START if settings.pool_type == "process" else timedelta(seconds=settings.pool.start_seconds)


def _crash(name: str, *, after: str, expect: set[str], within: timedelta, message: str) -> AutomationCore:
    """Describe an automation that marks a run Crashed when `expect` does not follow `after`.

    It looks only at runs that carry our tag, because other runs on the same server may send their
    heartbeats more rarely, or not at all.
    """
    return AutomationCore(
        name=name,
        enabled=True,
        description="Frees the slot in the work pool when the machine of a run is gone.",
        trigger=EventTrigger(
            after={after},
            expect=expect,
            match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
            match_related=ResourceSpecification(
                {"prefect.resource.role": ["tag"], "prefect.resource.id": [f"prefect.tag.{TAG}"]}
            ),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=within,
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message=message)],
    )


def ensure_automations(client: SyncPrefectClient, wanted: Iterable[AutomationCore]) -> None:
    """Make the automations, or set right what differs; a second one of the same name is never made."""
    for one in wanted:
        there = client.read_automations_by_name(one.name)
        if not there:
            client.create_automation(one)
            continue
        kept, *spare = there
        if AutomationCore.model_validate(kept.model_dump()) != one:
            client.update_automation(kept.id, one)
        for other in spare:
            client.delete_automation(other.id)
