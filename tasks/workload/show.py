"""Shows a workload: its exact prompt, its tokens, the form of its answers, what a record costs, what is published otherwise."""

from models import workloads
from models.default_model import model_name
from models.engines.vllm.tokenizer import LocalModel
from models.errors import PriceUnknown
from models.requests import Message
from models.settings import Settings
from models.workloads.base import Workload
from tasks.documents.amounts import unit_usd
from tasks.planning.adapter_in_force import use_adapter
from tasks.reading.row_template import text_source
from tasks.runtime.ledger_access import ledger_if_any
from tasks.workload.answer_form import describe_form
from tasks.workload.cost import PromptTokens, RecordCosts
from tasks.workload.list_all import place_of_workload
from tasks.workload.published_otherwise import describe_published, find_published_otherwise
from tasks.workload.record import NO_RECORD, text_of_record


def describe_workload(
    name: str, settings: Settings, record: str | None = None, columns: str | None = None
) -> list[str]:
    """Return the lines that show a workload with a record: its text, or its columns as JSON; with neither, a place for it.

    Raises `UsageError` for an unknown name, a mistake in the workload, and a record that cannot be.
    """
    settings = use_adapter(settings, name, loaded=False)
    workload = workloads.build(name, settings)
    text = text_of_record(workload, record, columns)
    messages = workload.messages(NO_RECORD if text is None else text)
    here = workload.local_messages(NO_RECORD if text is None else text)
    with ledger_if_any(settings, update=True) as session:
        costs = RecordCosts(workload, settings, session)
        return [
            *_heading(workload, settings),
            *_prompt(messages, here, costs, settings),
            "",
            *describe_form(workload),
            f"answer: at most {workload.max_tokens} tokens",
            "",
            *_costs(messages, here, costs, settings, without=text is None),
            "",
            *describe_published(workload, find_published_otherwise(workload, session), costs),
        ]


def _heading(workload: Workload, settings: Settings) -> list[str]:
    named, template = text_source(workload.settings, workload.text_columns, workload.name)
    below = ", one below the other" if len(named) > 1 else ""
    made = f"columns {', '.join(named)}{below}" if template is None else repr(template.source)
    return [
        f"{workload.name}: {workloads.description(workload.name, settings)}",
        f"kind {workload.kind}, version {workload.prompt_version}, fingerprint {workload.fingerprint}",
        f"defined: {place_of_workload(workload.name, settings)}",
        f"text of a record: {made}",
        f"records may go to an API: {'yes' if workload.residency == 'any' else 'no (data_residency)'}",
        "",
    ]


def _prompt(
    messages: tuple[Message, ...], here: tuple[Message, ...], costs: RecordCosts, settings: Settings
) -> list[str]:
    shown = ["messages:", *_lines(messages)]
    if here != messages:
        shown = [
            "messages to the API:",
            *_lines(messages),
            "",
            "messages to the adapter in force:",
            *_lines(here),
        ]
    if not isinstance(costs.local, LocalModel):  # a server renders its own template
        return shown
    rendered = costs.local.tokenizer.prompt_text(here)
    return [*shown, "", f"as the template of {model_name(settings)} renders them:", rendered]


def _lines(messages: tuple[Message, ...]) -> list[str]:
    return [line for one in messages for line in (f"[{one.role}]", one.content)]


def _costs(
    messages: tuple[Message, ...],
    told_here: tuple[Message, ...],
    costs: RecordCosts,
    settings: Settings,
    *,
    without: bool,
) -> list[str]:
    here, there = costs.here(told_here), costs.there(messages)
    lines = [f"tokens{' without a record' if without else ''}:", f"  here: {_tokens(here)}"]
    lines.append(f"  on the API ({settings.api_model}, estimated): {_tokens(there)}")
    asked = "one record" if not without else "one record of no length (--record 'text' takes yours)"
    lines.append(f"cost of {asked}:")
    if here.input is not None:
        own = costs.own(1, here.input, _mean(here))
        lines.append(f"  here: {unit_usd(own.nano)} ({own.basis})")
    else:
        lines.append("  here: unknown")
    try:
        at_once, in_batch = costs.on_api(there.input or 0, _mean(there))
    except PriceUnknown as error:
        return [*lines, f"  on the API: unknown ({error})"]
    return [*lines, f"  on the API: {unit_usd(at_once)} at once, {unit_usd(in_batch)} in a batch"]


def _tokens(tokens: PromptTokens) -> str:
    if tokens.input is None:
        return f"unknown ({tokens.why})"
    return f"{tokens.input:,} in, {_mean(tokens):,} out ({tokens.output.basis})"


def _mean(tokens: PromptTokens) -> int:
    return max(1, tokens.output.total(1))
