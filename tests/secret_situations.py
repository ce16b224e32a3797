"""Commands of the program with what makes them fail, for tests of secrets that must not come out."""

import inspect
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from cyclopts import App

import cli
from tests.echo_servers import Echoes
from tests.secret_settings import planted, quoted, refused_addresses, secret

DAY = "2026-01-05"
WORDS: dict[type, str] = {date: DAY, str: "sentiment", int: "1", Decimal: "1", Path: "out", float: "1"}
USUAL: dict[str, tuple[str, ...]] = {
    "run": ("sentiment", "--date", DAY, "--input", "in.jsonl", "--engine", "openai"),
    "backfill": (
        "sentiment",
        "--from",
        DAY,
        "--to",
        DAY,
        "--input",
        "in.jsonl",
        "--engine",
        "openai",
        "--yes",
    ),
    "workload try": ("sentiment", "--input", "in.jsonl", "--engine", "openai", "--date", DAY, "--yes"),
    "workload new": ("another",),
    "doctor": ("--api",),
    "report": ("--send",),
    "alerts": ("--test",),
    "ledger serve": ("--port", "99999"),
}
"""Arguments with which a command does what it is for; others get what their signature asks for."""


def commands(app: App, above: tuple[str, ...] = ()) -> Iterator[tuple[str, Callable[..., object]]]:
    """Yield every command of the program, however deep, with its function."""
    for name in app:
        if name.startswith("-"):
            continue
        one = app[name]
        if one.default_command is not None:
            yield " ".join((*above, name)), one.default_command
        yield from commands(one, (*above, name))


COMMANDS = dict(commands(cli.app))


def word_for(annotation: Any) -> str:  # noqa: ANN401  any type of a parameter
    """Return a word that a parameter of this type takes."""
    if get_origin(annotation) is Literal:
        return str(get_args(annotation)[0])
    for one in (annotation, *get_args(annotation)):
        if one in WORDS:
            return WORDS[one]
    return next((word_for(one) for one in get_args(annotation)), "1")


def usual_arguments(name: str) -> list[str]:
    """Return the arguments of a command that does something: those above, or one for each parameter that has no default."""
    if name in USUAL:
        return list(USUAL[name])
    given: list[str] = []
    for parameter in inspect.signature(COMMANDS[name], eval_str=True).parameters.values():
        if parameter.default is parameter.empty:
            option = "--" + parameter.name.strip("_").replace("_", "-")
            keyword = parameter.kind is parameter.KEYWORD_ONLY
            given += [*([option] if keyword else []), word_for(parameter.annotation)]
    return given


def texts_of(name: str) -> Iterator[str]:
    """Yield the options of a command that take a text or a path, in which an address may be.

    A note, a folder to write to and a record's text are what the user wants kept, named and shown.
    """
    for parameter in inspect.signature(COMMANDS[name], eval_str=True).parameters.values():
        kinds = {parameter.annotation, *get_args(parameter.annotation)}
        option = "--" + parameter.name.strip("_").replace("_", "-")
        if option in {"--note", "--out", "--record"}:
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and kinds & {str, Path}:
            yield option


QUICK = {
    "BREAKEVEN_API_MODE": "sync",
    "BREAKEVEN_ENGINE": "server",
    "BREAKEVEN_API_MAX_ATTEMPTS": "1",
    "BREAKEVEN_SERVER_MAX_ATTEMPTS": "1",
    "BREAKEVEN_API_TIMEOUT_SECONDS": "3",
    "BREAKEVEN_DATABASE_PATIENCE_SECONDS": "0",
    "BREAKEVEN_ENGINE_PATIENCE_SECONDS": "0",
    "BREAKEVEN_DELIVERY_RETRY_SECONDS": "[]",
    "COLUMNS": "400",  # what a narrow table breaks in two would not be found
}
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
AWAY = "127.0.0.1:1"


def of_database(address: str, query: str = "") -> dict[str, str]:
    """Return the setting of a ledger on PostgreSQL, with its password before the host or in the options."""
    name = "BREAKEVEN_DATABASE_URL"
    user = "u" if query else f"u:{quoted(name)}"
    options = f"?{query}={quoted(name)}" if query else ""
    return {name: f"postgresql+psycopg://{user}@{address}/x{options}"}


def of_proxies(scheme: str) -> dict[str, str]:
    """Return proxies of the environment with a password each."""
    return {name: f"{scheme}://u:{quoted(name)}@{AWAY}" for name in PROXIES}


SITUATIONS: dict[str, Callable[[Echoes], dict[str, str]]] = {
    "everything refuses with 401": lambda _: {},
    "everything refuses with 403": lambda _: {},
    "everything fails with 500": lambda _: {},
    "everything redirects": lambda _: {},
    "nobody answers": lambda _: {
        name: value for name, value in planted(AWAY, 1).items() if name != "BREAKEVEN_DATABASE_URL"
    },
    "batches": lambda _: {"BREAKEVEN_API_MODE": "batch"},
    "database away": lambda _: of_database(AWAY),
    "database refuses": lambda at: of_database(f"127.0.0.1:{at.database}"),
    "database refuses, by option": lambda at: of_database(f"127.0.0.1:{at.database}", "password"),
    "database away, by another option": lambda _: of_database(AWAY, "sslpassword"),
    "database without such a driver": lambda _: {
        "BREAKEVEN_DATABASE_URL": f"nosuch://u:{quoted('BREAKEVEN_DATABASE_URL')}@h/x"
    },
    "database of half an address": lambda _: {
        "BREAKEVEN_DATABASE_URL": f"postgresql://u:{quoted('BREAKEVEN_DATABASE_URL')}@[h/x"
    },
    "proxies away": lambda _: of_proxies("http"),
    "proxies that are none": lambda _: of_proxies("bad"),
    "proxies by SOCKS": lambda _: of_proxies("socks5"),
    "addresses with passwords": lambda _: refused_addresses(),
    "a setting is wrong": lambda _: {"BREAKEVEN_SEED": secret("BREAKEVEN_SEED")},
}
STATUS = {"403": 403, "500": 500, "redirects": 307}


def variables_of(situation: str, home: Path, echoes: Echoes) -> dict[str, str]:
    """Return the environment of a situation: every secret planted, and what is in the way."""
    echoes.status = next((status for word, status in STATUS.items() if word in situation), 401)
    usual = planted(echoes.http, echoes.mail) | QUICK
    usual |= {"BREAKEVEN_DATABASE_URL": f"sqlite:///{home / 'ledger.db'}", "BREAKEVEN_CACHE_DIR": "cache"}
    return usual | SITUATIONS[situation](echoes)
