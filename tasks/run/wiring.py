"""Builds the parts of a run's stream: its committer, what decides on answers, and the way to the API."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from db import used_up
from models.engines.api.options import ApiOptions
from models.engines.api.rate_limits import Limits
from models.engines.api.token_count import ApiTokenCounter
from models.engines.batch.files import BatchLimits
from models.errors import UsageError
from models.gpu_time import MachineTime
from models.ledger.accounting import ApiKeys
from models.ledger.counterfactual import CounterfactualTokens
from tasks.api.answer_bounds import AnswerBounds
from tasks.api.attempt_journal import LedgerJournal
from tasks.api.batch_fallback import BatchFallback
from tasks.api.batch_lane import BatchLane
from tasks.api.batch_ledger import BatchLedger
from tasks.api.batch_submit import Submitter
from tasks.api.batch_writer import BatchTerms, BatchWriter
from tasks.api.learnt import LearntCapabilities
from tasks.api.pending_lines import PendingLines
from tasks.api.requests import ApiRequests
from tasks.api.served_prices import ServedPrices
from tasks.api.sync_lane import Lane, NoLane, SyncLane
from tasks.planning.checks import ApiPlan, budget_of
from tasks.planning.open_run import OpenRun
from tasks.run.used_up import UsedUp
from tasks.storage.committer import Committer
from tasks.storage.first_answers import FirstAnswers
from tasks.storage.outcomes import Outcomes
from tasks.storage.scratch_db import Scratch


@dataclass(frozen=True, slots=True)
class RunParts:
    """What every stream of a run needs."""

    committer: Committer
    outcomes: Outcomes
    lane: Lane
    used_up: UsedUp


@dataclass(frozen=True, slots=True)
class ApiParts:
    """The way of a run to the API: how its records are asked for, at once or in batches."""

    requests: ApiRequests
    submitter: Submitter
    learnt: LearntCapabilities
    lane: Lane
    served: ServedPrices
    bounds: AnswerBounds


def make_committer(run: OpenRun, lap: Callable[[], MachineTime]) -> Committer:
    """Make the committer of a run; `lap` gives the machine's time since it was last asked."""
    settings, keys = run.settings, run.keys
    counter = ApiTokenCounter(run.counter, settings.api_structured_output)
    return Committer(
        run.version,
        run.workload.output,
        keys,
        CounterfactualTokens(
            counter,
            keys.calibration,
            keys.counterfactual_price,
            calibrates=run.version.purpose != "evaluation_judge",
            asked_there=run.workload.api_messages,
        ),
        lap=lap,
        records=settings.commit_records,
        seconds=settings.commit_seconds,
    )


def make_outcomes(run: OpenRun, committer: Committer, scratch: Scratch) -> Outcomes:
    """Make what decides the outcome of each completion, by the run's workload and policy."""
    keep_answers, version, run_id = run.settings.quarantine_answers, run.version, run.keys.run_id
    most = 1 if run.api is None else run.api.options.max_attempts
    first = FirstAnswers(version.ledger.read(lambda session: used_up.was_answered(session, run_id)))
    return Outcomes(run.workload, run.policy, committer, scratch.waiting, keep_answers, first, most)


def make_parts(
    run: OpenRun,
    scratch: Scratch,
    lap: Callable[[], MachineTime],
    limits: Callable[[ApiOptions], Limits],
    stop: Callable[[], bool],
) -> RunParts:
    """Make the parts of a run that infers; without an API, no record ever waits."""
    committer = make_committer(run, lap)
    outcomes = make_outcomes(run, committer, scratch)
    bound = UsedUp(run.version, scratch.waiting, outcomes, run.api)
    if run.api is None:
        return RunParts(committer, outcomes, NoLane(), bound)
    way = make_api_parts(run, run.api, scratch, committer, outcomes, limits(run.api.options), stop)
    return RunParts(committer, outcomes, way.lane, bound)


def make_api_parts(
    run: OpenRun,
    api: ApiPlan,
    scratch: Scratch,
    committer: Committer,
    outcomes: Outcomes,
    limits: Limits,
    stop: Callable[[], bool],
) -> ApiParts:
    """Make the way to the API: one that asks at once, or one that gathers batches."""
    settings, name, in_batch = run.settings, run.workload.name, _known(run.keys.api_batch)
    budget = budget_of(name, settings, run.version.purpose)
    requests = ApiRequests(run.workload, api.permit, api.options.reasoning_room)
    ledger = run.version.ledger
    served = ServedPrices(ledger, settings, api.options.host)
    bounds = AnswerBounds.of(ledger, api.options)
    pending = PendingLines(name, run.keys, _known(run.keys.api), budget, bounds)
    journal = LedgerJournal(ledger, pending, served)
    learnt = LearntCapabilities(ledger, api.options)
    deadline = timedelta(hours=settings.batch_deadline_hours)
    fallback = BatchFallback(
        api.mode == "sync" or settings.batch_fallback == "sync",
        _known(run.keys.api).price,
        in_batch.price,
        requests,
        scratch.waiting,
    )
    submitter = Submitter(
        BatchLedger(run.version, in_batch.price, scratch.waiting),
        api.options,
        fallback,
        settings.batch_enqueued_tokens,
        deadline,
        stop,
    )
    at_once = SyncLane(api.options, requests, scratch, committer, outcomes, journal, limits, learnt, stop)
    if api.mode == "sync":
        return ApiParts(requests, submitter, learnt, at_once, served, bounds)
    limits_of_files = BatchLimits(
        settings.batch_max_requests, settings.batch_max_bytes, settings.batch_enqueued_tokens
    )
    writer = BatchWriter(
        run.version,
        BatchTerms(limits_of_files, deadline, api.options, run.counter),
        requests,
        PendingLines(name, run.keys, in_batch, budget, bounds),
        scratch,
        outcomes,
        learnt,
        stop,
    )
    lane = BatchLane(
        run.version,
        scratch.waiting,
        committer,
        writer,
        submitter,
        at_once,
        stop,
        input_read=run.input_read,
    )
    return ApiParts(requests, submitter, learnt, lane, served, bounds)


def _known(keys: ApiKeys | None) -> ApiKeys:
    """Return the keys that a run with an API has."""
    if keys is None:
        msg = "the run was opened without an API"
        raise UsageError(msg)
    return keys
