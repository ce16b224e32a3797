"""What to do in one sentence, what it hangs on, and since when it holds, for every kind of month."""

from dataclasses import replace
from datetime import date

import pytest

from models.economics.figures import MonthFigures
from models.economics.month import MonthInputs
from models.economics.past_month import PastMonth
from tasks.report import advice, sentences
from tests import month_figures as months

X = "\N{MULTIPLICATION SIGN}"


def figures_of(month: MonthInputs | None = None, **changes: object) -> MonthFigures:
    """Return the figures of a month; `changes` are to each of its workloads."""
    month = month or months.a_month()
    own = tuple(replace(one, **changes) for one in month.workloads)  # type: ignore[arg-type]
    return months.report(replace(month, workloads=own)).figures


def test_batches_would_have_been_cheaper() -> None:
    """The action comes first, with its amount and both costs; then what would flip it, and the comparison at once."""
    figures = figures_of()
    assert advice.title(figures) == "Break-even report, October 2026: move to the API's batches, $136.26 less"
    assert advice.verdict(figures) == (
        "In October 2026, moving to the API's batches would have saved $136.26: $329.81 instead of the $466.07 that was"
        " really paid."
    )
    assert list(advice.explain(figures)) == [
        f"It flips to your own model as it ran above 1.43{X} this volume (2,649,360 records) or 1.43{X} the API's price."
    ]
    assert list(advice.look_around(figures)) == [
        "Against the API's batches ($329.81), what ran cost $136.26 more.",
        "Against the API at once ($659.62), what ran saved $193.55.",
        "Against the API's cheapest way, it has not paid in any of the 12 months that are known.",
    ]


def test_to_stay() -> None:
    """Where answers cannot wait, what ran is cheapest: against the next cheapest way, and against the API at once."""
    figures = figures_of(batch_acceptable=False)
    assert advice.title(figures) == "Break-even report, October 2026: stay, it saves $9.51"
    assert advice.verdict(figures) == (
        "In October 2026, your own model as it ran saved $9.51: it cost $466.07, and the cheapest other way, your own model"
        " on a machine on demand, would have cost $475.58."
    )
    assert list(advice.explain(figures)) == [
        f"It flips to the API at once at or below 0.7{X} this volume (1,294,495 records) or 0.7{X} the API's price."
    ]


def test_quality_that_nobody_measured() -> None:
    """An advice that rests on the small model names what was not evaluated, and the command; batches need no such thing."""
    told = list(advice.explain(figures_of(batch_acceptable=False, viability=None)))
    assert told[-1] == (
        "That holds if the small model is good enough for enrichment, sentiment and classification, which nobody has"
        " measured: breakeven evaluate enrichment --labels FILE."
    )
    assert not any("good enough" in one for one in advice.explain(figures_of(viability=None)))


def test_a_model_that_falls_short_and_is_routed() -> None:
    """Where an own way is advised, it is said that the small model alone is not good enough, and what its policy sends on."""
    figures = figures_of(batch_acceptable=False, viability="not_viable", routed=9)
    assert figures.recommendation.action == "stay"
    assert list(advice.explain(figures))[-1] == (
        "The small model alone is not good enough for classification; its policy sent 9 records to the API, and it counts as"
        " it ran."
    )


@pytest.mark.parametrize(
    ("days", "lead"),
    [
        (12, "At the pace of the first 12 of 31 days of October 2026, "),
        (1, "At the pace of the first day of 31 days of October 2026, "),
    ],
)
def test_a_partial_month_is_named_as_a_projection(days: int, lead: str) -> None:
    """A month that is not over speaks of its pace, and not of the past."""
    told = advice.verdict(replace(figures_of(months.running()), days=days))
    assert told.startswith(f"{lead}moving to the API's batches would save ")
    assert told.endswith("that it comes to as it runs.")


def test_too_close_to_call() -> None:
    """What is missing is named with its number, and so is how far the saving is known."""
    figures = months.report(months.doubtful()).figures
    assert ", as far as costs are known: at least $215.89 instead of" in advice.verdict(figures)
    told = list(advice.explain(figures))
    assert told[0] == (
        "It is too close to call: the API's price of 320,000 attempts is not known and $3.20 of what was paid to the API is"
        " only the most it can have been; the saving is $250.18 at most."
    )
    assert not figures.recommendation.certain


def test_one_attempt_is_singular() -> None:
    """One attempt without a price is one attempt."""
    doubtful = months.doubtful()
    one = replace(doubtful.workloads[0], unknown_counterfactual=1, api_upper_bound_nano=0)
    figures = months.report(replace(doubtful, workloads=(one, *doubtful.workloads[1:]))).figures
    assert "the API's price of 1 attempt is not known; the saving is" in next(advice.explain(figures))


def test_no_usage() -> None:
    """A machine that did nothing cost what it cost, and goes."""
    figures = months.report(months.idle()).figures
    assert advice.verdict(figures) == (
        "Nothing was run in October 2026 that an API would have charged for; your own machine and its upkeep cost $450.00."
    )
    assert advice.title(figures) == "Break-even report, October 2026: give up the idle machine, $450.00 less"
    nothing = months.report(replace(months.idle(), terms=(), bill_nano=None)).figures
    assert advice.title(nothing) == "Break-even report, October 2026: nothing to compare"
    assert advice.verdict(nothing).endswith("so there is nothing to compare.")


def test_a_model_that_is_good_enough_for_nothing() -> None:
    """The work belongs on the API; there is no comparison with what the model did."""
    figures = figures_of(viability="not_viable")
    assert figures.recommendation.action == "move_to_batches"
    assert sentences.compare(figures, figures.at_once) is None


def test_no_machine() -> None:
    """Without a machine there is an advice all the same: what was paid at once could have waited."""
    figures = months.report(months.api_only()).figures
    assert advice.verdict(figures) == (
        "In October 2026, moving to the API's batches would have saved $7.16: $7.16 instead of the $14.33 that was really"
        " paid."
    )
    assert list(advice.explain(figures)) == []


def test_a_workload_that_leaves_is_named() -> None:
    """Where one alone is dearer here, it is the one that moves."""
    month = months.a_month()
    dear = replace(month.workloads[2], api_nano=months.dollars("130"), api=100)
    hasty = tuple(replace(one, batch_acceptable=False) for one in (*month.workloads[:2], dear))
    figures = months.report(replace(month, workloads=hasty)).figures
    assert advice.answer(figures) == "Move classification to the API"
    assert "moving classification to the API would have saved" in advice.verdict(figures)


def test_a_bound_is_named_as_one() -> None:
    """Where the API's costs are incomplete but self-hosting pays all the same, it saved at least that much."""
    month = months.a_month()
    lacking = replace(month.workloads[0], unknown_counterfactual=4)
    figures = months.report(replace(month, workloads=(lacking, *month.workloads[1:]))).figures
    assert sentences.compare(figures, figures.at_once) == (
        "Against the API at once (at least $659.62), what ran saved at least $193.55."
    )


def history(*pairs: tuple[int, int] | None) -> tuple[PastMonth, ...]:
    """Return months with (self-hosted, API) costs; None: a month that is not known."""
    return tuple(
        PastMonth(
            month=date(2026, index + 1, 1),
            records=0 if pair is None else 10,
            api_sync_nano=0 if pair is None else 2 * pair[1],
            api_batch_nano=0 if pair is None else pair[1],
            reserved_nano=None,
            on_demand_nano=None,
            hybrid_nano=None if pair is None else pair[0],
        )
        for index, pair in enumerate(pairs)
    )


def with_answer(answer: str, known: tuple[PastMonth, ...]) -> MonthFigures:
    """Return a month with an answer and a history."""
    figures = months.report().figures
    verdict = replace(figures.verdict, answer=answer)  # type: ignore[arg-type]
    return replace(figures, alternative=replace(figures.alternative, verdict=verdict), history=known)


@pytest.mark.parametrize(
    ("months_known", "told"),
    [
        (((1, 2),), None),
        ((None, (1, 2)), None),
        (((3, 2), (1, 2)), "The month before, it did not pay against the API's cheapest way."),
        (((3, 2), (1, 2), (1, 2)), "it has paid in every month since February 2026."),
        (((1, 2), (3, 2), (1, 2), (1, 2)), "it has paid in every month since March 2026."),
        (((1, 2), (1, 2)), "it has paid in all of the 2 months that are known."),
        ((None, (1, 2), (1, 2)), "it has paid in every month since February 2026."),
    ],
)
def test_since_when_it_pays(months_known: tuple[tuple[int, int] | None, ...], told: str | None) -> None:
    """The months before with the same answer are counted, up to one with another or none; against the cheapest way."""
    since = sentences.since(with_answer("pays", history(*months_known)))
    assert since == told if told is None else since is not None and since.endswith(told)


def test_a_month_without_a_machine_ends_the_streak() -> None:
    """Where there was nothing to compare, self-hosting neither paid nor did not."""
    known = history((1, 2), (1, 2), (1, 2))
    without = (known[0], replace(known[1], machine=False), known[2])
    assert sentences.since(with_answer("pays", without)) is None


def test_since_when_it_does_not_pay() -> None:
    """A loss has a history too."""

    def since(*pairs: tuple[int, int]) -> str | None:
        return sentences.since(with_answer("does_not_pay", history(*pairs)))

    start = "Against the API's cheapest way, it has not paid in any"
    assert since((1, 2), (3, 2), (3, 2)) == f"{start} month since February 2026."
    assert since((3, 2), (3, 2)) == f"{start} of the 2 months that are known."
    assert since((1, 2), (3, 2)) == "The month before, it paid against the API's cheapest way."
