"""The JSON holds every figure exactly, under keys that stay."""

import json
from dataclasses import fields
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.economics.figures import MonthFigures
from tasks.documents import plain_json
from tasks.report import json_document
from tasks.report import page as contents
from tests import month_figures as months

TOP = [
    "schema_version", "month", "version", "created_at", "software", "fingerprint", "changes", "answer", "verdict",
    "recommendation", "notes", "figures", "audits", "training", "terms",
]  # fmt: skip
SCENARIO = [
    "name", "api_usd", "gpu_usd", "labour_usd", "total_usd", "missing", "upper_bound_usd", "saving_sync_usd",
    "saving_batch_usd", "feasible", "workloads",
]  # fmt: skip
GPU = ["time", "unused_s", "billed_s", "usd", "entered", "sessions", "utilization", "idle_s", "idle_usd"]


def whole(name: str | None = None) -> dict[str, Any]:
    """Return the document as a program reads it."""
    inputs = months.a_month() if name is None else months.ODD[name]()
    report = months.report(inputs)
    read: dict[str, Any] = json.loads(
        json.dumps(json_document.make_document(report, contents.make_page(report)))
    )
    return read


def test_keys_are_stable() -> None:
    """Whoever renames a key, or takes one away, must raise `SCHEMA_VERSION` and this list."""
    document = whole()
    assert json_document.SCHEMA_VERSION == 2
    assert list(document) == TOP
    assert list(document["figures"]) == [field.name for field in fields(MonthFigures)]
    assert list(document["figures"]["scenarios"][0]) == SCENARIO
    assert list(document["figures"]["gpu"]) == GPU
    assert list(document["figures"]["gpu"]["time"]) == ["load_s", "busy_s", "idle_s"]
    advice = document["recommendation"]
    assert list(advice)[:4] == ["action", "way", "against", "saving_usd"]
    assert {advice["way"], advice["against"]} <= {one["name"] for one in document["figures"]["scenarios"]}
    assert set(advice["per_workload"][0]) == {"workload", "avoidable_usd", "api_usd", "answer"}
    assert "loaded_per_1000_records_usd" in document["figures"]["unit_costs"]
    assert "input_usd_per_mtok" in document["figures"]["prices"][0]


def test_money_is_exact() -> None:
    """Dollars are decimal strings in which no nano-dollar is lost."""
    document, figures = whole(), months.report().figures
    for read, scenario in zip(document["figures"]["scenarios"], figures.scenarios, strict=True):
        assert Decimal(read["total_usd"]).scaleb(9) == scenario.total_nano
    assert document["terms"]["bill_usd"] == "251.37"


@pytest.mark.parametrize("name", [None, *months.ODD])
def test_no_money_is_a_float(name: str | None) -> None:
    """No number with a fraction is in the document: they are strings, so that nobody rounds them unseen."""

    def numbers(value: object) -> list[float]:
        if isinstance(value, dict):
            return [one for member in value.values() for one in numbers(member)]
        if isinstance(value, list):
            return [one for member in value for one in numbers(member)]
        return [value] if isinstance(value, float) else []

    assert numbers(whole(name)) == []


@given(st.integers(-(10**20), 10**20))
def test_nano_dollars_survive(nano: int) -> None:
    """Any amount is read back to the nano-dollar."""
    text = plain_json.plain_nano(nano)
    assert text is not None
    assert Decimal(text).scaleb(9) == nano
    assert "E" not in text


@given(st.fractions(-(10**6), 10**6))
def test_ratios_keep_twelve_digits(ratio: Fraction) -> None:
    """A ratio is read back to twelve digits that count."""
    read = Fraction(plain_json.plain_ratio(ratio))
    assert abs(read - ratio) <= abs(ratio) * Fraction(1, 10**11)


def test_unknown_is_null() -> None:
    """What is not known is null and not 0."""
    reserved = next(one for one in whole("tiny")["figures"]["scenarios"] if one["name"] == "reserved")
    assert reserved["total_usd"] is None


def test_what_has_no_form_is_refused() -> None:
    """A value that JSON cannot hold exactly is an error of ours, found at once."""
    with pytest.raises(TypeError, match="float has no form in JSON"):
        plain_json.plain(0.5)
