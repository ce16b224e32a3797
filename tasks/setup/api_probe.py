"""Sends one small real request to the API and says what the endpoint made of it: `breakeven doctor --api`.

The request is a trial's: its attempts are written to the ledger before they are sent and count for the caps, as every
attempt does (I2, I3); what is learnt of the endpoint is kept; its answer is published nowhere.
"""

import json
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Literal

from db.attempt_lines import AttemptLine, list_attempt_lines
from models import workloads
from models.doctor import SetupCheck
from models.economics.pricing import nano_to_usd
from models.engines.api.capabilities import EndpointCapabilities
from models.engines.api.options import ApiOptions
from models.engines.api.permit import ApiPermit
from models.errors import BreakevenError, UsageError
from models.run import TRIAL, RunResult
from models.settings import Settings
from tasks.api.learnt import read_capabilities
from tasks.display.run_rows import describe_counts
from tasks.planning.request import RunRequest
from tasks.run.run_partition import run_request
from tasks.runtime.ledger_access import reading_ledger
from tasks.runtime.shared_engine import shared_engine

ApiMode = Literal["sync", "batch"]
PROBE_DAYS: Mapping[ApiMode, date] = {"sync": date(1970, 1, 1), "batch": date(1970, 1, 2)}
"""The partitions of what is sent, which no trial of a user has: a batch that is left waiting is taken up from its own."""
TEXT = "The parcel came a day early, and everything in it works."
AT_ONCE = "API at once"
_LIMIT = re.compile(r"[\d.,]{1,20} ?[a-z]{0,3}")
"""A header's value that is a limit, and no text of the endpoint's own."""
USUAL = "sentiment"
"""The workload whose prompt is sent where none is configured: a label."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What became of one request: the run's result, its attempts, how long it took, and the limits that the reply's headers named."""

    result: RunResult
    attempts: list[AttemptLine]
    seconds: float
    limits: dict[str, str]

    @property
    def cost(self) -> str:
        """What it cost, in dollars; or the most that it can have cost, where nobody knows whether an attempt was billed."""
        nano = sum(one.cost_nano or 0 for one in self.attempts)
        unknown = any(one.outcome in {"pending", "unknown_outcome"} for one in self.attempts)
        return f"{'at most ' if unknown else ''}${nano_to_usd(nano):f} (on the ledger, a trial)"


def choose_workload(settings: Settings) -> str:
    """Return the workload whose prompt is sent: the first that is configured, else the usual one, whose records may leave the house.

    Raises `UsageError` where none may.
    """
    for name in [*settings.workloads, USUAL]:
        try:
            if ApiPermit.of(workloads.build(name, settings)) is not None:
                return name
        except UsageError:  # its mistake stands in another row
            continue
    msg = "no workload may use the API: data_residency is local"
    raise UsageError(msg)


@contextmanager
def probe_request(name: str, mode: ApiMode = "sync") -> Iterator[RunRequest]:
    """Give the request of one record with a workload's prompt; its file is there within the block."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "record.jsonl"
        file.write_text(json.dumps({"id": "doctor", "text": TEXT}) + "\n", encoding="utf-8")
        yield RunRequest(
            name, PROBE_DAYS[mode], str(file), rerun=True, engine="openai", purpose=TRIAL, as_texts=True
        )


def ask_once(name: str, settings: Settings, mode: ApiMode) -> Probe:
    """Send one record with a workload's prompt; in a batch, it waits. Raises what a run raises."""
    own = settings.model_copy(update={"api_mode": mode})
    begun = time.monotonic()
    with probe_request(name, mode) as request, shared_engine(own, workloads=[name]) as shared:
        result = run_request(request, own)
        limits = shared.limits(ApiOptions.from_settings(own.for_workload(name))).named
    return Probe(result, read_attempts(own, result), time.monotonic() - begun, limits)


def read_attempts(settings: Settings, result: RunResult) -> list[AttemptLine]:
    """Return the attempts of a run."""
    if result.run_id is None:
        return []
    with reading_ledger(settings) as session:
        return list_attempt_lines(session, result.run_id)


def probe_at_once(name: str, settings: Settings) -> list[SetupCheck]:
    """Send one request, and say in rows what came back, how it had to be asked, and what it cost."""
    try:
        probe = ask_once(name, settings, "sync")
        learnt = _learnt(name, settings)
    except BreakevenError as error:
        return [SetupCheck(AT_ONCE, "fail", "not answered", str(error))]
    if probe.result.waiting:
        return [_not_answered(probe)]
    answered = [one for one in probe.attempts if one.outcome in {"ok", "invalid_output"}]
    if not answered:
        reasons = describe_counts(probe.result.reasons)
        return [
            SetupCheck(AT_ONCE, "fail", f"refused: {reasons}", "docs/providers.md says what endpoints refuse")
        ]
    line = answered[-1]
    return [
        _answer(name, settings, probe, line),
        SetupCheck("API request form", "ok", describe_form(learnt)),
        SetupCheck("API usage", "warn" if line.estimated else "ok", _usage(line)),
        SetupCheck(
            "API served", "ok" if line.served_model is None else "warn", _served(settings, name, line)
        ),
        SetupCheck("API rate limits", "ok", describe_limits(probe.limits)),
    ]


def _learnt(name: str, settings: Settings) -> EndpointCapabilities:
    """Return how requests are made from now on: by what was learnt, and without what the settings leave out."""
    options = ApiOptions.from_settings(settings.for_workload(name))
    with reading_ledger(settings) as session:
        able = read_capabilities(session, options)
    return replace(able, without=able.without | options.omit_fields)


def _not_answered(probe: Probe) -> SetupCheck:
    waits = describe_counts(probe.result.waiting)
    if "budget" in probe.result.waiting:
        advice = "a cap stands against it: raise it in [budget], or in the workload's own"
    else:
        advice = "correct BREAKEVEN_API_BASE_URL, start the endpoint, or try again later"
    failures = sorted({one.failure for one in probe.attempts if one.failure})
    return SetupCheck(AT_ONCE, "fail", " ".join([f"not answered: {waits}", *failures]), advice)


def _answer(name: str, settings: Settings, probe: Probe, line: AttemptLine) -> SetupCheck:
    options = ApiOptions.from_settings(settings.for_workload(name))
    tried = len(probe.attempts)
    said = (
        f"{options.model} at {options.host} answered {name}: {probe.seconds:.1f} s in all, {tried} "
        f"{'request' if tried == 1 else 'requests'}, {probe.cost}"
    )
    if probe.result.published:
        return SetupCheck(AT_ONCE, "ok", said)
    reasons = describe_counts(probe.result.reasons)
    advice = "its answer does not fit the schema: see BREAKEVEN_API_STRUCTURED_OUTPUT and BREAKEVEN_API_REASONING_TOKENS"
    return SetupCheck(AT_ONCE, "fail", f"{said}; set aside: {reasons or line.failure}", advice)


def describe_form(able: EndpointCapabilities) -> str:
    """Say how requests are made for the endpoint: form of the answer, fields left out, roles."""
    forms = {"json_schema": "json_schema", "json_object": "json_object", "none": "no response_format"}
    told = able.tells_schema or able.structured != "json_schema"
    parts = [forms[able.structured] + (", schema in the prompt" if told else "")]
    parts.append(f"without {', '.join(sorted(able.without))}" if able.without else "no field left out")
    parts.append("no system role" if able.folds_system else "system role")
    return "; ".join(parts)


def _usage(line: AttemptLine) -> str:
    if line.estimated:
        return "not reported, or one that cannot be: tokens and cost are estimated"
    cached = f", {line.cached_tokens:,} of them cached" if line.cached_tokens else ""
    reasoned = f", {line.reasoning_tokens:,} of them reasoning" if line.reasoning_tokens else ""
    return f"reported: {line.input_tokens:,} input{cached}, {line.output_tokens:,} output{reasoned}"


def _served(settings: Settings, name: str, line: AttemptLine) -> str:
    model = line.served_model or settings.for_workload(name).api_model
    cost = "" if line.provider_nano is None else f", its own cost ${nano_to_usd(line.provider_nano):f}"
    return f"{model}, service tier {line.service_tier or 'standard'}{cost}"


def describe_limits(named: dict[str, str]) -> str:
    """Name the limits of a reply's headers; those that are named by no limit of a number are left out."""
    limits = {
        name: value
        for name, value in named.items()
        if "limit-" in name.split("ratelimit-", 1)[-1] and _LIMIT.fullmatch(value)
    }
    if not limits:
        return "named in no header; BREAKEVEN_API_REQUESTS_PER_MINUTE and _TOKENS_PER_MINUTE set your own"
    return ", ".join(f"{name} {value}" for name, value in sorted(limits.items()))
