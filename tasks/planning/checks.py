"""Checks a request before anything is changed: workload, input, prices, policy, API."""

import json
import logging
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

from models import workloads
from models.catalogue.rates import Infrastructure, engine_machine
from models.default_model import model_name, uses_server
from models.economics.budget import Budget
from models.economics.pricing import Price, batch_prices, prices_of
from models.engines.api.options import ApiOptions
from models.engines.api.permit import ApiPermit
from models.engines.server.options import ServerOptions
from models.engines.vllm.arguments import facts_of
from models.engines.vllm.chat_template import read_template
from models.engines.vllm.options import LORA_WEIGHTS
from models.errors import UsageError
from models.machine import gpu_name
from models.routing.policy import Policy
from models.routing.rules import keep_local, row_condition
from models.run import AUDIT, PRODUCTION, TRIAL, Purpose, RunResult, is_evaluation
from models.settings import Settings
from models.tokens import ChatTokenCounter, counter_of
from models.workloads.base import Workload
from models.workloads.object_workload import ObjectWorkload
from models.workloads.observed import observe_answers
from tasks.planning.adapter_in_force import check_prompt, use_adapter, weights_facts
from tasks.planning.classifier_in_force import ClassifierInForce, choose_stages
from tasks.planning.evaluated_policy import apply_evaluation
from tasks.planning.request import EngineChoice, RunRequest
from tasks.planning.triage_in_force import TriageInForce
from tasks.reading import EmptyPartition, PartitionReader, Source, open_partition
from tasks.reading.input_cache import InputCache
from tasks.runtime.atomic_files import check_writable, file_digest

log = logging.getLogger(__name__)


ANSWERED_BY_API: tuple[Purpose, ...] = ("evaluation_api", "evaluation_judge", AUDIT)
"""What the API answers whole, whatever local model there is."""


@dataclass(frozen=True, slots=True)
class ApiPlan:
    """How a run may use the API: permission to send, the endpoint, at once or in batches, and the batch prices."""

    permit: ApiPermit
    options: ApiOptions
    mode: Literal["sync", "batch"]
    batch_prices: list[Price]


@dataclass(frozen=True, slots=True)
class Checked:
    """A request in which nothing is wrong, with what was found on the way.

    `settings` are those of the workload: its own model, where it names one. `classifier` is asked before all other engines, and
    `triage` before the local one.
    """

    request: RunRequest
    settings: Settings
    workload: Workload
    machine: Infrastructure
    prices: list[Price]
    counter: ChatTokenCounter
    reader: PartitionReader
    api: ApiPlan | None
    policy: Policy
    classifier: ClassifierInForce | None = None
    triage: TriageInForce | None = None

    @property
    def total(self) -> int | None:
        """The number of records, None where it is not cheap to know."""
        return self.reader.count()

    @property
    def purpose(self) -> Purpose:
        """What the request is for."""
        return self.request.purpose

    @property
    def asks_trained(self) -> bool:
        """Whether what was trained here is asked before all other engines."""
        return self.classifier is not None or self.triage is not None

    @property
    def engine(self) -> EngineChoice:
        """Where the records are first sent that no classifier answers: as asked for, unless the policy sends them all to the API."""
        return "openai" if self.policy.not_viable == "api" else self.request.engine


def check(request: RunRequest, settings: Settings) -> Checked | RunResult:
    """Find everything that can be wrong, changing nothing but the output folder, which is made."""
    if request.rerun and request.refresh:
        msg = "rerun infers everything again, refresh only what is new or changed: ask for one of them"
        raise UsageError(msg)
    if request.retry_quarantined and (request.rerun or request.refresh):
        msg = "retry-quarantined asks for what was set aside alone: leave out rerun and refresh"
        raise UsageError(msg)
    if request.reasons and not request.retry_quarantined:
        msg = "reasons choose among what was set aside: add retry-quarantined"
        raise UsageError(msg)
    settings = use_adapter(settings, request.workload, request.purpose)
    workload = workloads.build(request.workload, settings)
    if request.purpose not in ANSWERED_BY_API:
        check_prompt(workload, settings)
    api = api_plan(workload, settings)
    if request.engine == "openai" and api is None:
        msg = f"{workload.name} cannot use the API: set BREAKEVEN_API_MODE, and see that its data_residency is not local"
        raise UsageError(msg)
    policy = workload.routing
    if api is None or request.purpose != PRODUCTION:
        policy = keep_local(policy)
    policy = apply_evaluation(policy, workload, settings)
    classifier, triage, policy = choose_stages(request, policy, workload, settings, has_api=api is not None)
    if request.purpose != PRODUCTION:
        workload = observe_answers(workload)
    if uses_server(settings):
        ServerOptions.from_settings(settings)  # may records go there?
    machine = engine_machine(settings, gpu_name())
    source = source_of(workload, request, policy, InputCache.of(settings))
    counter = counter_of(settings.api_tokenizer or settings.api_model, settings.cache_dir)
    check_room(workload, counter)
    prices = prices_of(settings)
    try:
        reader = open_partition(source, request.partition, request.limit)
    except EmptyPartition as error:
        log.warning("%s", error)
        return RunResult(workload.name, request.partition, "empty")
    check_writable(settings.output_dir, settings.group_access)
    return Checked(
        request, settings, workload, machine, prices, counter, reader, api, policy, classifier, triage
    )


def check_room(workload: Workload, counter: ChatTokenCounter) -> None:
    """See that the shortest object of a schema fits the tokens of an answer. Raises `UsageError`."""
    if not isinstance(workload, ObjectWorkload):
        return
    shortest = counter.output_tokens(workload.shortest_answer)
    if shortest > workload.max_tokens:
        what = (
            f"the shortest answer that the schema lets in has about {shortest:,} tokens, and max_tokens is "
            f"{workload.max_tokens:,}: raise max_tokens, or ask for fewer fields"
        )
        raise workload.definition.mistake(key="max_tokens", what=what)


def source_of(
    workload: Workload, request: RunRequest, policy: Policy, cache: InputCache | None = None
) -> Source:
    """Say what is read: the workload's input, or a snapshot, whose texts are made already. Raises `InputError` where nothing is set."""
    if request.as_texts or is_evaluation(request.purpose):
        return Source.snapshot(request.input or "")
    return Source.of(
        workload.settings,
        workload.text_columns,
        workload=workload.name,
        location=request.input,
        where=request.where,
        complex_where=row_condition(policy),
        cache=cache,
    )


def api_plan(workload: Workload, settings: Settings) -> ApiPlan | None:
    """Say how the workload's records may go to the API, None if they may not.

    Raises `UsageError` for an API that is switched on but not set up, `PriceUnknown` for a model
    without a price.
    """
    if settings.api_mode == "off":
        return None
    permit = ApiPermit.of(workload)
    if permit is None:
        return None
    options = ApiOptions.from_settings(settings)
    budget_of(workload.name, settings)  # finer than a nano-dollar?
    discounted = batch_prices(prices_of(settings), settings.batch_discount)
    return ApiPlan(permit, options, settings.api_mode, discounted)


def budget_of(workload: str, settings: Settings, purpose: Purpose = PRODUCTION) -> Budget:
    """Return the caps that hold for the runs of a workload. Raises `UsageError` for an amount finer than a nano-dollar."""
    own = settings.workload(workload)
    return Budget(workload, own.budget, settings.budget, own.audit.month_usd if purpose == AUDIT else None)


def template_facts(settings: Settings) -> tuple[object, ...]:
    """Return what of a chat template of one's own decides answers: its text and its arguments; nothing without one."""
    template = read_template(settings.chat_template)
    arguments = json.dumps(settings.chat_template_kwargs, sort_keys=True, default=str)
    return (template, arguments) if template is not None or settings.chat_template_kwargs else ()


def fingerprint_of(checked: Checked) -> str:
    """Hash what decides a partition's content: prompt, model, seed, input, limit, and what goes to the API."""
    settings, source = checked.settings, checked.reader.source
    facts: tuple[object, ...] = (
        checked.workload.fingerprint,
        None if checked.purpose in ANSWERED_BY_API else model_name(settings),
        settings.seed,
        # an evaluation's records are named by their text, a trial's are compared by it: whatever file they are in
        source.fingerprint() if checked.purpose == PRODUCTION else None,
        None if checked.purpose == TRIAL else checked.request.limit,
    )
    if checked.purpose == "evaluation_adapter" and settings.lora_adapter is not None:
        # one that was trained again in its place is another one
        facts = (*facts, file_digest(settings.lora_adapter / LORA_WEIGHTS))
    if checked.purpose not in ("evaluation_api", AUDIT):
        trusted = {"trust_remote_code": True} if settings.trust_remote_code else {}
        arguments = settings.engine.arguments | trusted
        facts = (
            *facts,
            *weights_facts(checked.workload, settings),
            *template_facts(settings),
            *facts_of(arguments),
        )
    if checked.engine != "vllm":
        facts = (*facts, checked.engine)
    elif uses_server(settings):  # what it calls by the same name need not be the same weights
        facts = (*facts, "server")
    if checked.classifier is not None:
        facts = (*facts, *checked.classifier.facts())
    if checked.triage is not None:
        facts = (*facts, *checked.triage.facts())
    if checked.api is not None:
        # where the answers come from when the engine fails does not decide what is asked for, and the engine
        # that an evaluation chooses is told already, as is the classifier
        policy = checked.policy.model_dump_json(exclude={"engine_fails", "not_viable", "cascade"})
        facts = (*facts, settings.api_model, policy)
        if checked.api.options.reasoning_effort is not None:
            facts = (*facts, checked.api.options.reasoning_effort)
    return blake2b(repr(facts).encode(), digest_size=8).hexdigest()
