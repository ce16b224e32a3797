"""Confidence intervals (95 %) of a share and of the ratio of two paired shares. Nothing is drawn.

Counts may be real numbers: a verdict asks what the interval would be with more records of the same shares.
"""

from math import sqrt
from statistics import NormalDist

from models.evaluation.scores import Interval, Share

_Z = NormalDist().inv_cdf(0.975)


def wilson(count: float, of: float) -> Interval | None:
    """Wilson's score interval of the share `count` of `of`; None of nothing.

    Wilson (1927), Journal of the American Statistical Association 22:209-212. Never outside 0 and 1, and
    never without width, also where all or none are counted: 45 of 50 is 0.786 to 0.957. It holds the share
    itself, whatever the rounding.
    """
    if of <= 0:
        return None
    value = count / of
    middle, half = 2 * count + _Z**2, _Z * sqrt(_Z**2 + 4 * count * (1 - value))
    low, high = ((middle + sign * half) / (2 * (of + _Z**2)) for sign in (-1, 1))
    return Interval(max(0.0, min(low, value)), min(1.0, max(high, value)))


def share(count: int, of: int) -> Share:
    """`count` of `of` with its Wilson interval."""
    return Share(count, of, wilson(count, of))


def paired_ratio(both: float, only_first: float, only_second: float) -> tuple[float | None, Interval | None]:
    """Ratio of two paired proportions, first to second, and its interval; None where the second has none.

    The asymptotic score interval of Tang, Tang and Chan (2003), Statistics in Medicine 22:1217-1233, which
    Fagerland, Lydersen and Laake (2014), Statistics in Medicine 33:2850-2875, recommend: all ratios that the
    score test does not reject at 5 %. Records that neither got right do not count. Swapping first and second
    gives the reciprocals. The limits are found by bisection, to the last digit.

    Why no bootstrap: where both are right on all records, or differ on very few, resampling hardly ever
    draws a difference, and its interval has no width, as if the ratio were known. This one keeps a width, is the
    same on every call, and can be computed for records that are not labelled yet.

    How far it holds, by enumeration of all outcomes at a true ratio of 0.9, of 20 to 150 records, where the
    second's accuracy is 0.3 to 1 and up to 0.2 of the records only the first has right: its lower limit is
    above 0.9 in at most 2.7 of 100 samples (2.5 is meant), its upper limit below 0.9 in at most 4, and it
    covers at least 0.936. The hybrid Wilson interval of Bonett and Price (2006), a closed form, is too hopeful here: where
    the first is right on nothing that the second is wrong on, its lower limit is above 0.9 in up to 12 of 100 samples.
    """
    first, second = both + only_first, both + only_second
    if second <= 0:
        return None, None
    low = 1 / _upper(both, only_second, only_first) if first > 0 else 0.0
    return first / second, Interval(low, _upper(both, only_first, only_second))


def _upper(both: float, only_first: float, only_second: float) -> float:
    """Return the highest ratio that the score test does not reject."""
    low = (both + only_first) / (both + only_second)
    high = max(1.0, 2 * low)
    while _score(high, both, only_first, only_second) >= -_Z:
        low, high = high, 2 * high
    while low < (middle := (low + high) / 2) < high:
        if _score(middle, both, only_first, only_second) >= -_Z:
            low = middle
        else:
            high = middle
    return high


def _score(ratio: float, both: float, only_first: float, only_second: float) -> float:
    """Return how many standard errors the first has more than `ratio` times what the second has.

    The standard error is that of the likeliest shares with this ratio. There the expected number that only
    the second has, times 1 + ratio, solves x^2 + b x - (ratio^2 - 1) only_second either = 0. A ratio below 1 is
    taken as the reciprocal of the swapped counts, where no term is a difference of near numbers.
    """
    if ratio < 1:
        return -_score(1 / ratio, both, only_second, only_first)
    first, second, either = both + only_first, both + only_second, both + only_first + only_second
    b = second * ratio**2 - first - 2 * only_second
    c = (ratio**2 - 1) * only_second * either
    root = sqrt(b * b + 4 * c)
    solution = (root - b) / 2 if b <= 0 else 2 * c / (root + b)
    return (first - ratio * second) / sqrt(solution + either * (ratio - 1))
