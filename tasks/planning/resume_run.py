"""Resuming a run to collect its pending records: no input is read, no model is loaded."""

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import date

from sqlalchemy.orm import Session

from db import batches, partitions, reference, runs
from models import workloads
from models.default_model import model_name, uses_server
from models.economics.pricing import prices_of
from models.errors import UsageError
from models.ledger.accounting import LineKeys
from models.run import PRODUCTION, Purpose, lease_name
from models.settings import Settings
from models.tokens import counter_of
from models.workloads.base import Workload
from models.workloads.observed import observe_answers
from tasks.planning.adapter_in_force import use_adapter
from tasks.planning.asked_with import hash_settings
from tasks.planning.checks import ApiPlan, api_plan, budget_of
from tasks.planning.open_run import OpenRun, clear_leftovers, open_ledger, own_partition
from tasks.planning.price_keys import CLASSIFIER, add_api_keys, find_price_today
from tasks.planning.start_run import SERVER_PROVIDER, VLLM_PROVIDER
from tasks.runtime.atomic_files import check_writable
from tasks.runtime.ledger_access import database_errors
from tasks.runtime.stop_signals import stoppable
from tasks.storage.open_version import OpenVersion
from tasks.storage.output_folders import parts_folder

log = logging.getLogger(__name__)

_Builds = Sequence[tuple[Settings, Workload]]
"""A workload as it may have been asked, each with its settings: as it is answered now, then without its adapter."""


@stoppable("what had come in is committed, the next collecting does the rest")
def resume_run(
    name: str, partition: date, settings: Settings, purpose: Purpose = PRODUCTION
) -> OpenRun | None:
    """Take the partition's lease and go on with the newest run of its open version.

    Returns None where nothing waits any more, and where no answer could be used and the settings are the same. Raises `UsageError` where the API is off or the prompt has
    changed since, `PartitionLocked`, `DatabaseUnavailable`. A run that was begun before an adapter was put in force goes on without it.
    """
    plain, settings = settings.for_workload(name), use_adapter(settings, name, purpose, loaded=False)
    every = (settings,) if settings == plain else (settings, plain)
    builds = [(own, _build(name, own, purpose)) for own in every]
    workload = builds[0][1]
    api = api_plan(workload, settings)
    if api is None:
        msg = f"records of {name} {partition} wait for the API, which is off: set BREAKEVEN_API_MODE"
        raise UsageError(msg)
    check_writable(settings.output_dir, settings.group_access)
    with database_errors(), ExitStack() as undo:
        run = _open(undo, builds, partition, api, purpose)
        if run is not None:
            undo.pop_all()  # whoever runs it closes it
        return run


def _build(name: str, settings: Settings, purpose: Purpose) -> Workload:
    workload = workloads.build(name, settings)
    return workload if purpose == PRODUCTION else observe_answers(workload)


def _open(
    undo: ExitStack, builds: _Builds, partition: date, api: ApiPlan, purpose: Purpose
) -> OpenRun | None:
    """Take the lease and, in one transaction, the run; clear up what a killed one left on disk."""
    settings, workload = builds[0]
    make_session = open_ledger(undo, settings)
    counter = counter_of(settings.api_tokenizer or settings.api_model, settings.cache_dir)
    ledger = own_partition(undo, make_session, settings, lease_name(workload.name, purpose), partition)
    with make_session.begin() as session:
        found = _waiting(session, workload.name, partition, purpose)
        if found is None:
            return None
        settings, workload = _begun_with(session, found, builds)
        stopped = runs.find_stop(session, found.run_id, hash_settings(workload, api.options))
        if stopped is not None and not batches.list_live(session, found.version_id):
            log.warning("%s %s is not asked for again as it is set: %s", workload.name, partition, stopped)
            return None
        folder = parts_folder(settings.output_dir, workload.name, partition, purpose) / str(found.version_id)
        version = OpenVersion(
            ledger, found.version_id, folder, workload.name, partition, purpose, settings.parts_access
        )
        _check_model(batches.list_live(session, found.version_id), settings)
        clear_leftovers(session, version)
        keys = _keys(session, found, settings, api)
        runs.resume(session, found.run_id, budget_of(workload.name, settings, purpose).to_json())
    return OpenRun(
        settings,
        workload,
        workload.routing,
        version,
        keys,
        counter,
        api,
        input_read=found.input_read,
        stopped=stopped,
    )


def _waiting(
    session: Session, workload: str, partition: date, purpose: Purpose
) -> partitions.WaitingPartition | None:
    every = partitions.list_waiting(session, purpose)
    return next((one for one in every if (one.workload, one.partition) == (workload, partition)), None)


def _check_model(live: Sequence[batches.Batch], settings: Settings) -> None:
    """See that answers of two models do not become one partition. Raises `UsageError`."""
    if other := next((batch.model for batch in live if batch.model != settings.api_model), None):
        msg = (
            f"a batch for {other} is under way, and BREAKEVEN_API_MODEL is {settings.api_model} now: go back to "
            "it, or run the partition again"
        )
        raise UsageError(msg)


def _begun_with(
    session: Session, found: partitions.WaitingPartition, builds: _Builds
) -> tuple[Settings, Workload]:
    """Return settings and workload under which a run was begun: by its prompt, and of several by its model. Raises `UsageError` where the prompt is another one now."""
    known = runs.run_keys(session, found.run_id)
    fitting = [
        (settings, one)
        for settings, one in builds
        if reference.ensure_prompt(session, one.name, one.prompt_version, one.fingerprint) == known.prompt_id
    ]
    if not fitting:
        msg = (
            f"the prompt of {found.workload} has changed since {found.partition} was run: run it again, or go "
            "back to the settings of that run"
        )
        raise UsageError(msg)
    for settings, one in fitting:
        provider = SERVER_PROVIDER if uses_server(settings) else VLLM_PROVIDER
        if reference.ensure_model(session, provider, model_name(settings)) == known.model_id:
            return settings, one
    return fitting[0]


def _keys(session: Session, found: partitions.WaitingPartition, settings: Settings, api: ApiPlan) -> LineKeys:
    known = runs.run_keys(session, found.run_id)
    price_id, price = find_price_today(session, prices_of(settings))
    keys = LineKeys(
        found.run_id, known.prompt_id, known.model_id, known.infrastructure_id or 0, 0, price_id, price
    )
    if known.engine == CLASSIFIER:
        keys = replace(keys, requested=CLASSIFIER)
    return add_api_keys(session, keys, settings.api_model, api.batch_prices)
