"""What a spread backfill asks the server for, and how it takes a server that is away; the server is a function."""

import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import httpx
import pytest
from prefect.exceptions import ObjectNotFound

from flows import flow_requests
from flows.flow_requests import ask_server, is_away, wait_or_stop
from flows.parallel_backfill import idempotency_key, run_parameters
from models.backfill import Range, Step
from models.errors import BreakevenError, Interrupted
from tasks.backfill.request import BackfillRequest
from tasks.runtime.stop_signals import StopRequest

DAY = date(2026, 11, 1)
STEP = Step(DAY, "run", "f00d", 3)
REQUEST = httpx.Request("GET", "http://127.0.0.1:1/api")


def ask(**more: object) -> BackfillRequest:
    """Ask for one day."""
    return BackfillRequest("sentiment", Range(DAY, DAY), **more)  # type: ignore[arg-type]


def status(code: int) -> httpx.HTTPStatusError:
    """Make the error of a reply."""
    return httpx.HTTPStatusError("no", request=REQUEST, response=httpx.Response(code, request=REQUEST))


def failing(*errors: Exception) -> Callable[[], str]:
    """Make a server that fails in these ways, then answers."""
    left = list(errors)

    def answer() -> str:
        if left:
            raise left.pop(0)
        return "answer"

    return answer


def test_the_key_is_that_of_everybody_who_asks_for_the_same() -> None:
    """Another day, content, action or another number of runs before is another thing to ask for."""
    same = idempotency_key("sentiment", STEP)
    assert same == idempotency_key("sentiment", Step(DAY, "run", "f00d", 3))
    others = [
        replace(STEP, partition=date(2026, 11, 2)),
        replace(STEP, action="refresh"),
        replace(STEP, fingerprint="beef"),
        replace(STEP, runs=4),
    ]
    keys = {same, idempotency_key("enrichment", STEP), *(idempotency_key("sentiment", one) for one in others)}
    assert len(keys) == 6


def test_a_workers_run_gets_plain_values_and_an_absolute_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A worker stands in another folder than the user; a URL and no input at all stay as they are."""
    monkeypatch.chdir(tmp_path)
    given = run_parameters(ask(input="data/in.jsonl", limit=5), STEP)
    assert (given["partition"], given["limit"]) == ("2026-11-01", 5)
    assert given["input"] == str(tmp_path / "data" / "in.jsonl")
    assert (given["rerun"], given["refresh"]) == (False, False)
    assert run_parameters(ask(input="s3://bucket/in.parquet"), STEP)["input"] == "s3://bucket/in.parquet"
    assert run_parameters(ask(), STEP)["input"] is None
    assert run_parameters(ask(), replace(STEP, action="refresh"))["refresh"] is True
    assert run_parameters(ask(), replace(STEP, action="replace"))["rerun"] is True


def test_a_server_that_comes_back_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """No connection, a reset, an error of its own: asked again."""
    monkeypatch.setattr(flow_requests, "POLL_SECONDS", 0.01)
    server = failing(httpx.ConnectError("refused"), httpx.ReadError("reset"), status(503))
    assert ask_server(server, StopRequest()) == "answer"


def test_a_server_that_stays_away_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """When patience ends, the backfill does."""
    monkeypatch.setattr(flow_requests, "POLL_SECONDS", 0.01)
    with pytest.raises(BreakevenError, match="stays away") as caught:
        ask_server(failing(*[httpx.ConnectError("refused")] * 100), StopRequest(), patience=0.05)
    assert "\n" not in str(caught.value)


def test_what_the_server_refuses_is_not_asked_again() -> None:
    """A mistake stays one; what is not there is told apart."""
    with pytest.raises(BreakevenError, match="refused"):
        ask_server(failing(status(422)), StopRequest())
    with pytest.raises(ObjectNotFound):
        ask_server(failing(ObjectNotFound(http_exc=status(404))), StopRequest())


def test_who_may_answer_later() -> None:
    """A server that is not there or failed; not one that said no."""
    assert [is_away(one) for one in (httpx.ConnectError("x"), status(500), status(409), ValueError())] == [
        True,
        True,
        False,
        False,
    ]


def test_a_stop_ends_the_waiting_at_once() -> None:
    """Whoever waits for hours must hear a signal; the line says what becomes of the runs."""
    stop = StopRequest()
    stop.note(signal.SIGTERM, None)
    with pytest.raises(Interrupted, match="runs that were handed out go on") as caught:
        wait_or_stop(60.0, stop)
    assert caught.value.exit_code == 128 + signal.SIGTERM
    with pytest.raises(Interrupted):
        ask_server(failing(*[httpx.ConnectError("refused")] * 100), stop)
