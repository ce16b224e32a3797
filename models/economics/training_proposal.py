"""What the monthly training decides: whether it is time to train, and whether what came of it is better by more than chance."""

from dataclasses import dataclass
from fractions import Fraction
from math import comb
from typing import Literal

from models.training.trained import TrainedKind

CHANCE = Fraction(1, 20)
"""What counts as chance where two models answered the same texts."""
Outcome = Literal["better", "first", "not_better", "serves_less", "never_sure", "not_compared"]
"""`better`: by more than chance, and it serves as many; `first`: no classifier is in force, and it is sure of some. The rest stay out of use."""
Wanting = Literal["off", "nothing_new", "too_few", "month_is_spent", "month_would_be_passed"]


@dataclass(frozen=True, slots=True)
class Proposal:
    """What came of a monthly training. `against` is in force, None where nothing is: an adapter is held against the plain model then.

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
    kind: TrainedKind = "classifier"


@dataclass(frozen=True, slots=True)
class MonthsMoney:
    """Nano-dollars of a month's trainings: spent, what the next one can take (0 where nobody knows), and the most; None: no cap."""

    spent: int = 0
    next: int = 0
    most: int | None = None


def why_not_due(monthly: str, new: int, min_new: int, money: MonthsMoney) -> Wanting | None:
    """Say why nothing is trained in this month; None where it is time. `new`: answered texts since the last training."""
    if monthly == "off":
        return "off"
    if new <= 0:
        return "nothing_new"
    if new < min_new:
        return "too_few"
    if money.most is not None and money.spent >= money.most:
        return "month_is_spent"
    if money.most is not None and money.spent + money.next > money.most:
        return "month_would_be_passed"
    return None


def chance_of(more: int, fewer: int) -> Fraction:
    """Return how likely so uneven a split of the texts on which two answers differ is by chance: McNemar's test, exact and one-sided.

    The upper tail of the binomial distribution with a half (McNemar 1947, Psychometrika 12:153-157). 1 where nothing differs.
    """
    differ = more + fewer
    return Fraction(sum(comb(differ, count) for count in range(more, differ + 1)), 2**differ)


def judge_first(served_share: float) -> Outcome:
    """Judge a classifier where none is in force: it is of use where it is sure of something."""
    return "first" if served_share > 0 else "never_sure"


def judge(only_new: int, only_old: int, new_served: int = 0, old_served: int = 0) -> Outcome:
    """Judge a model against what answers now, on the same held-out texts: right more often by more than chance, and sure of as many.

    An adapter answers all texts, as what it takes the place of does.
    """
    if chance_of(only_new, only_old) > CHANCE:
        return "not_better"
    return "serves_less" if new_served < old_served else "better"
