"""How answers to questions compare with the right ones, as SQuAD 2 does it, and how often "not in the context" is right."""

from collections.abc import Sequence

from models.evaluation.intervals import share
from models.evaluation.resampling import estimate_mean
from models.evaluation.scores import AnsweringScores
from models.evaluation.wording import normalise_answer, overlap_f1

NOT_IN_CONTEXT = "not in the context"
"""What an answer says where the context does not hold it, if a workload names nothing else."""


def is_right(answer: str | None, truths: Sequence[str]) -> bool:
    """Whether an answer is one of the right ones, after SQuAD's normalisation. None is no valid answer."""
    return answer is not None and any(normalise_answer(answer) == normalise_answer(truth) for truth in truths)


def word_f1(answer: str | None, truths: Sequence[str], no_answer: str = NOT_IN_CONTEXT) -> float:
    """Return the F1 of the words, with the right answer that it is best with.

    Where the answer or the right one says that the context does not hold it, 1 if both do, else 0: no words are in common
    by chance.
    """
    if answer is None:
        return 0.0
    if abstains(answer, no_answer) or any(abstains(truth, no_answer) for truth in truths):
        return float(is_right(answer, truths))
    words = normalise_answer(answer)
    return max((overlap_f1(words, normalise_answer(truth)) for truth in truths), default=0.0)


def abstains(answer: str | None, no_answer: str = NOT_IN_CONTEXT) -> bool:
    """Whether an answer says that the context does not hold it; an empty one says so as well."""
    return answer is not None and normalise_answer(answer) in (normalise_answer(no_answer), [])


def compute_answering_scores(
    truths: Sequence[Sequence[str]], answers: Sequence[str | None], no_answer: str = NOT_IN_CONTEXT
) -> AnsweringScores:
    """Score the answers to records with one or several right answers each; both in the order of the records."""
    pairs = list(zip(answers, truths, strict=True))
    unanswerable = [any(abstains(truth, no_answer) for truth in one) for one in truths]
    abstained = [abstains(answer, no_answer) for answer in answers]
    both = sum(had and gave for had, gave in zip(unanswerable, abstained, strict=True))
    return AnsweringScores(
        exact=share(sum(is_right(*pair) for pair in pairs), len(pairs)),
        f1=estimate_mean([word_f1(*pair, no_answer) for pair in pairs]),
        abstained=share(both, sum(abstained)),
        unanswerable=share(both, sum(unanswerable)),
    )
