"""`breakeven forecast`: bare numbers, what to do, and what the error of the estimate leaves open."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from models.catalogue.published import speed_error
from models.economics.pricing import Price
from tasks.forecast import make
from tests.forecast_command import BARE, leave_alone, made, prompts, run

OWN, APIS = ("reserved", "on_demand"), ("api_sync", "api_batch")


@pytest.fixture(autouse=True)
def _no_ledger_and_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leave_alone(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("numbers", "day", "month", "year"),
    [
        (BARE, "$0.18", "5.580000000", "65.700000000"),
        (
            ("--input-tokens", 400, "--output-tokens", 0, "--daily", 5000, "--model", "gpt-4o-mini"),
            "$0.30",
            "9.300000000",
            "109.500000000",
        ),
    ],
)
def test_bare_numbers(
    capsys: pytest.CaptureFixture[str], numbers: tuple[object, ...], day: str, month: str, year: str
) -> None:
    """The worked examples without a file: $0.18 a day is $65.70 a year, $0.30 is $109.50, exactly; half in batches."""
    found = made(capsys, *numbers)
    assert found["totals"]["api_sync_usd"] == year
    assert found["totals"]["api_sync_margin_usd"] == "0.000000000"
    assert found["months"][0]["api_sync_usd"] == month
    assert Decimal(found["totals"]["api_batch_usd"]) == Decimal(year) / 2
    assert found["answer"]["way"] == found["cheapest"] == "api_batch"
    assert run(*numbers, "--from", "2027-01") == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("Send everything to gpt-4o-mini in batches: ")
    assert f"{day} a day in the first month" in shown.out
    assert "(exact for these lengths)" in shown.out


def test_bare_numbers_from_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A workload of the TOML file has numbers too, beside one whose prompts are counted."""
    prompts(tmp_path / "b.parquet", [400] * 2)
    config = tmp_path / "forecast.toml"
    config.write_text(
        'model = "gpt-4o-mini"\nat_once = true\n'
        '[[workloads]]\ninput_tokens = 1200\noutput_tokens = 300\ndaily = 500\nname = "numbers"\n'
        '[[workloads]]\ninput = "b.parquet"\ndaily = 5000\noutput_tokens = 0\n',
        encoding="utf-8",
    )
    found = made(capsys, "--config", config)
    assert [one["name"] for one in found["workloads"]] == ["numbers", "b.parquet"]
    assert found["totals"]["api_sync_usd"] == "175.200000000"
    assert found["totals"]["api_batch_usd"] is None
    assert found["answer"]["way"] == "api_sync"


def test_a_shared_prefix(capsys: pytest.CaptureFixture[str]) -> None:
    """The own engine caches it at any length, the API from 1,024 tokens on, and the lines say so."""
    long = ("--input-tokens", 1200, "--output-tokens", 300, "--daily", 500, "--model", "gpt-4o-mini")
    plain, cached, short = (
        made(capsys, *long, *more) for more in ((), ("--shared-prefix", 1100), ("--shared-prefix", 1000))
    )
    saved = (500 - 1) * 365 * 1100 * Decimal("0.075") / 10**6
    assert Decimal(cached["totals"]["api_sync_usd"]) == Decimal("65.70") - saved
    assert short["totals"]["api_sync_usd"] == plain["totals"]["api_sync_usd"] == "65.700000000"
    hours = [one["workloads"][0]["gpu_hours"] for one in (cached, short, plain)]
    assert hours[0] < hours[1] < hours[2]
    assert run(*long, "--shared-prefix", 1000) == 0
    shown = capsys.readouterr().err
    assert (
        "1,000 tokens of each request are a shared prefix, cached by the own engine; not by the API" in shown
    )
    assert run(*long, "--shared-prefix", 1100) == 0
    assert "by the API at $0.075 a million" in capsys.readouterr().err


def test_hybrids_beside_the_pure_ways(capsys: pytest.CaptureFixture[str]) -> None:
    """60, 80 and 95 % kept, at once and in batches, in the table, the rows and the document."""
    found = made(capsys, *BARE)
    assert {one["way"] for one in found["ways"]} == {
        *("api_sync", "api_batch", "reserved", "on_demand"),
        *(f"{own}_{kept}_{api}" for own in OWN for kept in (60, 80, 95) for api in APIS),
    }
    totals = {one["way"]: Decimal(one["total_usd"]) for one in found["ways"]}
    assert list(totals.values()) == sorted(totals.values())
    months = [Decimal(month["reserved_80_api_sync_usd"]) for month in found["months"]]
    assert totals["reserved_80_api_sync"] == sum(months) + Decimal(found["setup_usd"])
    assert totals["reserved_80_api_sync"] - totals["reserved"] == Decimal("65.70") / 5
    assert run(*BARE) == 0
    assert "Own, reserved, 80% kept; rest in batches" in capsys.readouterr().out


def test_answers_that_cannot_wait_a_day(capsys: pytest.CaptureFixture[str]) -> None:
    """With --at-once no batches are compared, named or shown."""
    found = made(capsys, *BARE, "--at-once")
    assert found["answer"]["way"] == "api_sync"
    assert {one["against"] for one in found["break_even"]} == {"api_sync"}
    assert run(*BARE, "--at-once") == 0
    out = capsys.readouterr().out
    assert "Send everything to gpt-4o-mini at once: $65.70 in 12 months." in out
    assert "API, in batches" not in out


def test_a_workload_whose_answers_cannot_wait(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`batch_acceptable = false` of the workload counts, and the lines say so."""
    monkeypatch.setenv("BREAKEVEN_WORKLOADS__SENTIMENT__BATCH_ACCEPTABLE", "false")
    path = prompts(tmp_path / "p.csv", [90, 110], column="text", id=[1, 2])
    arguments = ("--input", path, "--workload", "sentiment", "--daily", 100)
    assert made(capsys, *arguments)["answer"]["way"] == "api_sync"
    assert run(*arguments) == 0
    assert "sentiment: its answers cannot wait (batch_acceptable = false)" in capsys.readouterr().err


def test_candidates_beside_the_api(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A column for each at once and in batches; the own model hosted by someone else is named as such."""
    monkeypatch.setenv("BREAKEVEN_API_CANDIDATES", '["gpt-6-luna", "deepinfra/llama-3.1-8b"]')
    found = made(capsys, *BARE)
    luna, hosted = found["candidates"]
    # 182,500 records of 1,200 + 300 tokens at $0.10 and $0.50, and at $0.02 and $0.04
    assert (luna["sync_usd"], luna["batch_usd"]) == ("49.275000000", "24.637500000")
    assert (hosted["sync_usd"], hosted["batch_usd"]) == ("6.570000000", None)
    assert (luna["same_as_own"], hosted["same_as_own"]) == (False, True)
    assert sum(Decimal(month["gpt-6-luna_batch_usd"]) for month in found["months"]) == Decimal("24.6375")
    assert run(*BARE) == 0
    out = capsys.readouterr().out
    assert "deepinfra/llama-3.1-8b is Llama 3.1 8B hosted by someone else" in out
    assert (
        "Cheaper still, each if it is good enough: deepinfra/llama-3.1-8b $6.57, gpt-6-luna in batches $24.64"
        in out
    )
    assert run(*BARE, "--format", "csv") == 0
    assert "deepinfra/llama-3.1-8b_sync_usd" in capsys.readouterr().out.splitlines()[0]


def test_an_estimated_speed_names_its_error(capsys: pytest.CaptureFixture[str]) -> None:
    """The factor is that of published runs, and the ways on demand have a range."""
    found = made(capsys, *BARE)
    assert found["workloads"][0]["speed_error"] == round(speed_error().factor, 2)
    own = next(one for one in found["ways"] if one["way"] == "on_demand")
    assert Decimal(own["low_usd"]) < Decimal(own["total_usd"]) < Decimal(own["high_usd"])
    assert run(*BARE) == 0
    assert f"published runs differ by up to {speed_error().factor:.2f} x" in capsys.readouterr().err


def test_what_the_error_decides_is_too_close_to_call(capsys: pytest.CaptureFixture[str]) -> None:
    """Where the slowest published engine would make the API cheaper, and the fastest the machine, neither is recommended."""
    numbers = ("--input-tokens", 1200, "--output-tokens", 300, "--daily", 80_000, "--model", "gpt-4o-mini")
    found = made(capsys, *numbers, "--at-once")["answer"]
    assert found["too_close_to_call"]
    assert Decimal(found["saving_low_usd"]) < 0 < Decimal(found["saving_high_usd"])
    assert run(*numbers, "--at-once", "--from", "2027-01") == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("Too close to call: begin with gpt-4o-mini at once ($10,512.00 in 12 months)")
    assert " less and " in first
    assert "never" not in first


def test_a_price_that_changes_is_in_the_break_even(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From July on at double the price: each month has its own break-even, and the sentence names both."""
    old = Price(
        "settings", "gpt-4o-mini", date(1970, 1, 1), date(2027, 7, 1), 150_000_000, None, 600_000_000, "test"
    )
    new = replace(old, effective_from=date(2027, 7, 1), effective_to=None, input_nano_per_mtok=300_000_000)
    new = replace(new, output_nano_per_mtok=1_200_000_000)
    monkeypatch.setattr(make, "prices_of", lambda _: [old, new])
    monkeypatch.setenv("BREAKEVEN_API_CANDIDATES", "[]")
    found = made(capsys, *BARE)["break_even"]
    months = next(one for one in found if (one["own"], one["against"]) == ("reserved", "api_sync"))[
        "by_month"
    ]
    daily = {one["month"]: one["records_a_day"] for one in months}
    assert daily["2027-05"] == -(-66300 * 500 // 558)
    assert daily["2027-07"] == -(-66300 * 500 // 1116)
    assert run(*BARE, "--from", "2027-01") == 0
    out = capsys.readouterr().out
    assert "against the API at once from 59,409 records a day" in out
    assert "at the prices of 2027-07 it pays from 29,705 records a day" in out


def test_the_end_of_the_api_model_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """gpt-4o-mini leaves OpenAI's API on 2027-01-14, before the twelve months are over."""
    (warning,) = made(capsys, *BARE)["api"]["warnings"]
    assert warning.startswith("gpt-4o-mini leaves its API on 2027-01-14")


def test_the_break_even_does_not_depend_on_the_volume_asked(capsys: pytest.CaptureFixture[str]) -> None:
    """Five records a day do not make the engine slower at the volume at which it pays."""
    numbers = ("--input-tokens", 1200, "--output-tokens", 300, "--model", "gpt-4o-mini", "--at-once")
    little, much = (made(capsys, *numbers, "--daily", daily)["break_even"] for daily in (5, 5000))
    for one, other in zip(little, much, strict=True):
        assert one["spend_usd"] == other["spend_usd"]
        assert one["records_a_day"] == other["records_a_day"]
