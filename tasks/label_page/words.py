"""What people said so far, in words for the terminal."""

from models.evaluation.scores import LabelAgreement
from models.settings import Settings
from models.workloads.answer_kind import answers_labels
from models.workloads.base import Workload
from tasks.documents.amounts import join_words, plural
from tasks.labelling.people_labels import (
    agreements,
    judge_answers,
    judge_texts,
    newest_labels,
    newest_verdicts,
)


def describe_labels(workload: Workload, settings: Settings) -> list[str]:
    """Return how many texts are labelled by whom, how far each two labellers agree, and what to do with it, a line each."""
    if answers_labels(workload):
        labels = newest_labels(workload, settings)
        judged, noun = judge_texts(workload, labels), "text"
    else:
        labels = newest_verdicts(workload, settings)
        judged, noun = judge_answers(labels), "answer"
    if not labels:
        return [f"nothing of {workload.name} is labelled"]
    people = join_words(sorted({one.by for one in labels}))
    lines = [f"{plural(len(judged), noun)} of {workload.name} labelled by {people}"]
    lines += [describe_agreement(pair, found) for pair, found in agreements(judged).items()]
    if disputed := sum(one.is_disputed for one in judged):
        open_ = sum(one.answer is None for one in judged)
        lines.append(
            f"{plural(disputed, f'{noun} has', f'{noun}s have')} different labels, {open_:,} of them none that most gave"
        )
    lines.append(
        f"then: breakeven evaluate {workload.name} --labels people, or breakeven train {workload.name}"
    )
    return lines


def describe_agreement(pair: tuple[str, str], found: LabelAgreement) -> str:
    """Return how far two labellers agree: on how many texts, and Cohen's kappa with its interval."""
    same, kappa = found.same, found.kappa
    line = f"{pair[0]} and {pair[1]} agree on {same.count:,} of {plural(same.of, 'text')}"
    if kappa.value is None or kappa.interval is None:
        return line
    return f"{line}; Cohen's kappa {kappa.value:.2f} ({kappa.interval.low:.2f} to {kappa.interval.high:.2f})"
