"""What a run's stream is made of: its committer, and the way to the API that its settings ask for."""

from collections.abc import Callable

from models.economics.budget import Budget
from models.engines.api.options import ApiOptions
from models.engines.api.rate_limits import Limits
from models.errors import UsageError
from models.gpu_time import GpuTime
from models.ledger.accounting import ApiKeys
from tasks.api.attempt_journal import LedgerJournal, Terms
from tasks.api.batch_lane import BatchLane
from tasks.api.batch_submit import Submitter
from tasks.api.batch_writer import BatchWriter
from tasks.api.sync_lane import Lane, NoLane, SyncLane
from tasks.planning.checks import ApiPlan
from tasks.planning.run_plan import Plan
from tasks.storage.committer import CommitTarget, Committer
from tasks.storage.escalation_queue import Waiting
from tasks.storage.outcomes import Settler
from tasks.storage.scratch_db import Scratch


def target_of(plan: Plan) -> CommitTarget:
    """Say where the commits of a run go."""
    settings = plan.settings
    return CommitTarget(
        plan.sessions,
        plan.lease,
        settings.lease_seconds,
        plan.version_id,
        plan.keys.run_id,
        plan.folder,
        plan.workload.output,
        settings.database_patience_seconds,
    )


def make_committer(plan: Plan, lap: Callable[[], GpuTime]) -> Committer:
    """Make the committer of a run; `lap` gives the local engine's time since it was last asked."""
    return Committer(
        target_of(plan),
        plan.keys,
        plan.counter,
        lap=lap,
        records=plan.settings.commit_records,
        seconds=plan.settings.commit_seconds,
    )


def make_settler(plan: Plan, committer: Committer, waiting: Waiting) -> Settler:
    """Make what decides the outcome of each completion, by the run's workload and policy."""
    keep_answers = plan.settings.quarantine_answers
    return Settler(plan.workload, plan.policy, committer, waiting, keep_answers=keep_answers)


def make_journal(plan: Plan, terms: Terms) -> LedgerJournal:
    """Make the journal of a run's attempts, under the caps of its workload and of all together."""
    settings, name = plan.settings, plan.workload.name
    budget = Budget(name, settings.workload(name).budget, settings.budget)
    return LedgerJournal(target_of(plan), plan.keys, name, budget, terms)


def priced(keys: ApiKeys | None) -> ApiKeys:
    """Return the keys that a run with an API has."""
    if keys is None:
        msg = "the run was opened without an API"
        raise UsageError(msg)
    return keys


def make_submitter(plan: Plan, api: ApiPlan, waiting: Waiting, stop: Callable[[], bool]) -> Submitter:
    """Make what brings a run's batches to the provider."""
    return Submitter(plan, api, priced(plan.keys.api_batch), waiting, stop)


def make_lane(
    plan: Plan,
    scratch: Scratch,
    committer: Committer,
    settler: Settler,
    limits: Callable[[ApiOptions], Limits],
    stop: Callable[[], bool],
    submitter: Submitter | None = None,
) -> Lane:
    """Make the way to the API: none, one that asks at once, or one that gathers batches."""
    if plan.api is None:
        return NoLane()
    journal = make_journal(plan, Terms(priced(plan.keys.api)))
    at_once = SyncLane(
        plan, plan.api, scratch, committer, settler, journal, limits=limits(plan.api.options), stop=stop
    )
    if plan.api.mode == "sync":
        return at_once
    writer = BatchWriter(plan, plan.api, priced(plan.keys.api_batch), scratch, settler, stop)
    if submitter is None:
        submitter = make_submitter(plan, plan.api, scratch.waiting, stop)
    return BatchLane(plan, scratch.waiting, committer, writer, submitter, at_once, stop)
