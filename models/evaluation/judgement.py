"""From the judgements of pairs of answers, each in both orders, to what a judge prefers and how steady it is."""

from collections.abc import Sequence

from models.evaluation.figures import Judgement
from models.evaluation.intervals import share

FIRST, SECOND, TIE = "A", "B", "tie"
"""What a judge can answer: the answer that stands first is better, the second is, neither is."""
PairJudgements = tuple[str | None, str | None]
"""Of one pair of answers: with the small model's first, and with the API model's first. None: no valid judgement."""


def sum_judgements(
    pairs: Sequence[PairJudgements],
    *,
    model: str,
    equal: int,
    unpaired: int,
    asked: int,
    cost_nano: int | None,
) -> Judgement:
    """Count what was preferred in both orders, and how often the order decided.

    `equal`: pairs of the same answer, which count as ties unasked. `unpaired`: records without two valid answers.
    """
    whole = [pair for pair in pairs if None not in pair]
    judged = len(whole) + equal
    small, api = whole.count((FIRST, SECOND)), whole.count((SECOND, FIRST))
    ties = whole.count((TIE, TIE)) + equal
    single = [one for pair in whole for one in pair if one in (FIRST, SECOND)]
    return Judgement(
        model=model,
        judged=judged,
        small=share(small, judged),
        api=share(api, judged),
        ties=share(ties, judged),
        swapped=share(judged - small - api - ties, judged),
        first=share(single.count(FIRST), len(single)),
        equal=equal,
        unjudged=len(pairs) - len(whole) + unpaired,
        asked=asked,
        cost_nano=cost_nano,
    )
