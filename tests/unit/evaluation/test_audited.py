"""Drops of agreement: Fisher's test beside SciPy's, each drop once, hardly any by chance; the verdict on audits."""

from dataclasses import replace
from datetime import date
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from models.evaluation.audit_counts import AuditCount
from models.evaluation.audited import (
    CHANCE,
    chance_of_so_few,
    find_drops,
    judge_audits,
    last_look,
)
from models.months import months_later

FIRST = date(2026, 1, 1)


def year(agreeing: list[int], audited: int = 60) -> list[AuditCount]:
    """Make months with so many agreeing records each."""
    return [
        AuditCount("sentiment", "vllm", months_later(FIRST, number), audited, count)
        for number, count in enumerate(agreeing)
    ]


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 200), st.integers(0, 200))
def test_the_chance_is_fishers(agreeing: int, other: int, before: int, before_other: int) -> None:
    """The one-sided p-value of the table, as SciPy has it."""
    found = chance_of_so_few(agreeing, agreeing + other, before, before + before_other)
    expected = float(fisher_exact([[agreeing, other], [before, before_other]], "less").pvalue)
    assert found == pytest.approx(expected, rel=1e-7, abs=1e-12)


def test_a_shift_is_found_in_its_month_and_in_no_other() -> None:
    """From the eighth month on 38 instead of 54 of 60 agree: one drop; after it has come back, none; a second fall is another."""
    months = year([54, 55, 52, 54, 53, 56, 54, 38, 39, 37, 40, 38])
    (drop,) = find_drops(months)
    assert drop.now.month == date(2026, 8, 1)
    assert (drop.before.audited, drop.before.agreeing) == (420, 378)
    assert drop.chance < CHANCE
    back = year([54, 55, 52, 54, 53, 56, 54, 38, 55, 54, 53, 20])
    assert [one.now.month.month for one in find_drops(back)] == [8, 12]
    assert find_drops(months[:7]) == find_drops([]) == []


def test_nothing_is_found_in_years_without_a_change() -> None:
    """At most one year of 20 may be told of; of 400 seeded ones hardly any is, looked at weekly."""
    told = 0
    random = Random(19)
    for _ in range(400):
        drawn = [[random.random() < 0.9 for _ in range(60)] for _ in range(12)]
        looks = [
            [
                *year([sum(one) for one in drawn[:month]]),
                AuditCount("sentiment", "vllm", months_later(FIRST, month), size, sum(drawn[month][:size])),
            ]
            for month in range(12)
            for size in (15, 30, 45, 60)
        ]
        told += any(find_drops(look) for look in looks)
    assert told <= 8


def test_a_running_month_is_looked_at_weekly() -> None:
    """The last look is at what the weeks that are over hold."""
    found = [last_look(date(2026, 8, day)) for day in (1, 7, 8, 14, 15, 31)]
    assert [None if one is None else one.day for one in found] == [None, None, 7, 7, 14, 28]


@pytest.mark.parametrize(
    ("agreeing", "audited", "said"),
    [
        (0, 0, None),
        (9, 10, "undecided"),
        (990, 1000, "viable"),
        (500, 1000, "not_viable"),
        (0, 50, "not_viable"),
    ],
)
def test_the_verdict_on_audits(agreeing: int, audited: int, said: str | None) -> None:
    """Viable only where the share is surely above, not viable only where it surely is below."""
    assert judge_audits(year([agreeing], audited), 0.9) == said


@pytest.mark.parametrize(
    ("agreeing", "unjudged", "said"),
    [(990, 0, "viable"), (990, 90, "undecided"), (800, 0, "not_viable"), (800, 900, "undecided")],
)
def test_the_verdict_holds_whatever_is_unjudged(agreeing: int, unjudged: int, said: str) -> None:
    """Records that people left open may all be right, or all be wrong."""
    (month,) = year([agreeing], 1000)
    assert judge_audits([replace(month, unjudged=unjudged)], 0.9) == said
