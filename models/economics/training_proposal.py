"""What the monthly training decides: whether it is time to train, and whether what came of it is better by more than chance."""

from dataclasses import dataclass
from fractions import Fraction
from math import comb
from typing import Literal

CHANCE = Fraction(1, 20)
"""What counts as chance where two classifiers answered the same texts."""
Outcome = Literal["better", "first", "not_better", "serves_less", "never_sure"]
"""`better`: by more than chance, and it serves as many; `first`: nothing is in force, and it is sure of some. The rest stay out of use."""
Wanting = Literal["off", "nothing_new", "too_few", "month_is_spent"]


@dataclass(frozen=True, slots=True)
class Proposal:
    """What came of a monthly training. `against` is in force, None where nothing is.

    Of `of` held-out texts the new one alone answered `only_new` right, the other alone `only_old`. `in_force`: it was put in force at once.
    """

    workload: str
    name: str
    outcome: Outcome
    in_force: bool = False
    against: str | None = None
    only_new: int = 0
    only_old: int = 0
    of: int = 0


def why_not_due(
    monthly: str, new: int, min_new: int, spent_nano: int, most_nano: int | None
) -> Wanting | None:
    """Say why nothing is trained in this month; None where it is time. `new`: answered texts since the last training."""
    if monthly == "off":
        return "off"
    if new <= 0:
        return "nothing_new"
    if new < min_new:
        return "too_few"
    if most_nano is not None and spent_nano >= most_nano:
        return "month_is_spent"
    return None


def chance_of(more: int, fewer: int) -> Fraction:
    """Return how likely so uneven a split of the texts on which two answers differ is by chance: McNemar's test, exact and one-sided.

    The upper tail of the binomial distribution with a half (McNemar 1947, Psychometrika 12:153-157). 1 where nothing differs.
    """
    differ = more + fewer
    return Fraction(sum(comb(differ, count) for count in range(more, differ + 1)), 2**differ)


def judge_first(served_share: float) -> Outcome:
    """Judge what is trained where nothing is in force: it is of use where it is sure of something."""
    return "first" if served_share > 0 else "never_sure"


def judge(only_new: int, only_old: int, new_served: int, old_served: int) -> Outcome:
    """Judge a classifier against that in force, on the same held-out texts: right more often by more than chance, and sure of as many."""
    if chance_of(only_new, only_old) > CHANCE:
        return "not_better"
    return "serves_less" if new_served < old_served else "better"
