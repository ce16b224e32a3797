"""The sentences say what was found: the verdict with its interval, what would decide it, and no figure rounded over the rule."""

from dataclasses import replace

import pytest

from models.evaluation.figures import Evaluation
from models.evaluation.scores import Interval, Share
from tasks.evaluation_report import labels_section, sentences, threshold_section
from tests import evaluations as found

VERDICTS = {
    "usual": "The small model is good enough: it reaches 95.9% of the API model's accuracy (95% interval 92.1% to 99.9%),"
    " and 90% is asked for.",
    "undecided": "It is not decided whether the small model is good enough: it reaches 93.0% of the API model's accuracy"
    " (95% interval 86.0% to 100.6%), and 90% is asked for; label about 120 more records to decide it.",
    "imbalanced": "It is not decided whether the small model is good enough: it reaches 95.9% of the API model's accuracy"
    " (91.2% to 100.4% with 95% confidence, however often it is evaluated) and 96.6% of its balanced accuracy (81.0% to 109.0%), and 90% is"
    " asked for; label about 210 to 640 more records, most of all such as “neutral”, which 12 records have: the lower number"
    " decides about half of such cases, the higher four of five.",
    "noisy_labels": "The small model is good enough: it reaches 95.9% of the API model's accuracy (90.5% to 102.0% with 95%"
    " confidence, however often it is evaluated), and 90% is asked for.",
    "not_viable": "The small model is not good enough: it reaches 71.0% of the API model's accuracy (95% interval 65.0% to"
    " 78.0%), and 90% is asked for.",
    "no_api": "Without an API model to compare with it is not decided whether the small model is good enough: it answered"
    " 261 of 300 records right (95% interval 83% to 90%).",
    "enrichment": "Without right answers it is not decided whether the small model is good enough: it gave a valid answer to 298 of"
    " 300 records.",
    "objects": "The small model is good enough: it reaches 95.9% of the API model's accuracy (95% interval 92.1% to 99.9%),"
    " and 90% is asked for.",
    "texts": "The small model is good enough: it reaches 94.2% of the API model's chrF (95% interval 90.4% to 98.1%), and 90%"
    " is asked for.",
    "texts_alone": "Without an API model to compare with it is not decided whether the small model is good enough: its chrF is"
    " 0.412 (0.382 to 0.437).",
    "judged": "Without right answers it is not decided whether the small model is good enough: it gave a valid answer to 298 of"
    " 300 records.",
    "one_record": "It is not decided whether the small model is good enough: it reaches 100.0% of the API model's accuracy"
    " (95% interval 20.0% to 480.0%), and 90% is asked for; label about 240 more records to decide it.",
    "nothing_right": "It cannot be said whether the small model is good enough: the API model, which it is measured against,"
    " got none of 30 records right.",
    "no_records": "No record was evaluated, so nothing is decided.",
}


@pytest.mark.parametrize("name", VERDICTS)
def test_verdict(name: str) -> None:
    """One sentence says what is known, how surely, and what would decide it."""
    assert sentences.verdict(found.EVERY[name]()) == VERDICTS[name]


def test_no_number_of_labels_would_decide() -> None:
    """Where the two are too close to tell apart, nobody is sent to label records."""
    undecided = found.undecided()
    compared = replace(undecided.comparisons[0], more=None)
    told = sentences.verdict(replace(undecided, comparisons=(compared,)))
    assert told.endswith("; that is so close that no reasonable number of labels would decide it.")
    one = sentences.verdict(replace(undecided, comparisons=(replace(compared, more=1),)))
    assert one.endswith("; label about 1 more record to decide it.")


def test_what_labels_are_worth() -> None:
    """A constant answer that would reach the rule is warned of, as are labels that two people give differently."""
    imbalanced, noisy = found.imbalanced(), found.noisy_labels()
    assert labels_section.warn_of_constant(imbalanced) == (
        "Accuracy alone says little here: always answering positive would get 255 of 300 records right, 85% (balanced 33%), which"
        " reaches 90% of the API model's accuracy."
    )
    assert labels_section.warn_of_constant(noisy) is None
    agreed = (
        "A second labeller (column second) agrees on 46 of 50 records (92% (81% to 97%)), Cohen's kappa 0.840 (0.710 to 0.940): if both"
        " err alike, 4.2% of the labels are wrong"
    )
    assert labels_section.warn_of_labellers(imbalanced) is None
    assert labels_section.warn_of_labellers(noisy) is not None
    section = labels_section.worth_of_labels(noisy)
    assert section is not None
    constant, wrong, second = section.sentences
    assert constant == "Always answering positive would get 120 of 300 records right, 40% (balanced 33%)."
    assert wrong.endswith(
        " This verdict would be open if more than 2.1% of the labels were wrong, between two labels at random."
    )
    assert second == f"{agreed}. With so many the verdict would be open."


def test_more_wrong_labels_than_wrong_answers_there_cannot_be() -> None:
    """A verdict that stands every share of wrong labels that the accuracies leave room for says so."""
    compared = replace(found.COMPARED, noise=0.3)
    section = labels_section.worth_of_labels(replace(found.usual(), comparisons=(compared,)))
    assert section is not None
    assert section.sentences[0].endswith(
        " As many wrong labels as there can be would not change this verdict."
    )


def test_what_was_asked_for_is_told() -> None:
    """Another rule than 90% stands in the sentence."""
    assert sentences.verdict(replace(found.usual(), keep=0.95)).endswith(", and 95% is asked for.")


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (Interval(0.8999, 0.9), "89.9% to 90.0%"),
        (Interval(0.89999999, 0.900001), "89.9% to 90.0%"),
        (Interval(0.29, 0.57), "29.0% to 57.0%"),
        (None, "unknown"),
    ],
)
def test_a_ratio_is_never_rounded_over_the_rule(interval: Interval | None, text: str) -> None:
    """What lies below the wished 90% is not written as 90%, so that no verdict contradicts its figures."""
    assert sentences.ratio_between(interval) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (found.share(45, 50), "90% (79% to 96%)"),
        (found.share(9_130, 10_000), "91% (90.7% to 91.8%)"),
        (found.share(299, 300), "99.7% (98.1% to 99.9%)"),
        (found.share(0, 50), "0% (0% to 7%)"),
        (Share(0, 0, None), ""),
    ],
)
def test_shares(share: Share, text: str) -> None:
    """A share stands with its interval; a share of nothing is nothing, and 299 of 300 are not all."""
    assert sentences.share(share) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.5, "0.5"), (0.8512, "0.851"), (0.9951, "0.9951"), (0.99987, "0.99987"), (1.0, "1")],
)
def test_confidences_close_to_one_can_be_told_apart(value: float, text: str) -> None:
    """A threshold below 1 is never written as 1: it would send everything to the API."""
    assert sentences.confidence(value) == text


def test_the_closest_confidence_to_one_is_still_below_it() -> None:
    """So is the largest number below 1."""
    assert float(sentences.confidence(1 - 2**-53)) < 1


@pytest.mark.parametrize(
    ("low", "high", "worth"),
    [
        (1.07, 1.15, "the adapter makes it better"),
        (0.8, 0.97, "the adapter makes it worse"),
        (0.97, 1.03, "these records do not tell whether the adapter makes it better or worse"),
    ],
)
def test_what_an_adapter_is_worth(low: float, high: float, worth: str) -> None:
    """It is better or worse where the whole interval says so."""
    evaluation = found.adapter()
    small, against, api = evaluation.comparisons
    changed = replace(evaluation, comparisons=(small, replace(against, interval=Interval(low, high)), api))
    told = sentences.adapter(changed)
    assert told is not None
    assert told.endswith(f": {worth}.")


def test_an_adapter_against_the_api() -> None:
    """The adapter has a verdict of its own."""
    told = sentences.against_api(found.adapter())
    assert told == "That is 106.6% of the API model's accuracy (95% interval 103.0% to 110.0%): good enough."
    assert sentences.against_api(found.usual()) is None
    assert sentences.adapter(found.usual()) is None


def test_rights() -> None:
    """Each model's own count stands beside the ratio."""
    assert (
        sentences.rights(found.usual())
        == "Right of 300 records: the small model 261 (87%) and the API model 272 (91%)."
    )
    assert sentences.rights(found.no_api()) is None


def _threshold(evaluation: Evaluation) -> str:
    assert evaluation.threshold is not None
    return threshold_section.describe_choice(evaluation.threshold)


def test_the_chosen_threshold() -> None:
    """It is told with what it sends, keeps and costs; where none is sure, that is told."""
    assert _threshold(found.usual()) == (
        "The cheapest threshold that surely keeps 95% of the API model's accuracy is 0.912: it sends 35% of the records"
        " to the API, answers 90% right, and a thousand records cost $0.0367."
    )
    assert _threshold(found.undecided()) == (
        "No threshold surely keeps 95% of the API model's accuracy on so few records."
    )
    usual = found.threshold()
    assert "No record has to go to the API" in threshold_section.describe_choice(
        replace(usual, chosen=usual.curve[0])
    )


def test_the_listed_points_hold_the_chosen_one() -> None:
    """The curve is cut to a few rows, of which one is the chosen point; both ends are there."""
    threshold = found.threshold()
    points = threshold_section.select_points(threshold)
    assert len(points) <= threshold_section.MOST_ROWS + 1
    assert threshold.chosen in points
    assert (points[0], points[-1]) == (threshold.curve[0], threshold.curve[-1])
    assert threshold_section.select_points(replace(threshold, curve=threshold.curve[:1], chosen=None)) == [
        threshold.curve[0]
    ]
