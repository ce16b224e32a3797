"""The verdict in one sentence, and since when it holds, for every kind of month."""

from dataclasses import replace
from datetime import date

import pytest

from models.economics.figures import MonthFigures, Scenario, Verdict
from models.economics.past_month import PastMonth
from tasks.report import sentences
from tests import month_figures as months

NANO = months.NANO


def figures_with(own: str, api: str, days: int = 31, **changes: object) -> MonthFigures:
    """Return the figures of a month in which self-hosting cost so many dollars and the API would have."""
    figures = months.report().figures
    costs = {"hybrid": months.dollars(own), "api_sync": months.dollars(api)}
    scenarios = tuple(_priced(one, costs, months.dollars(api)) for one in figures.scenarios)
    saving = months.dollars(api) - months.dollars(own)
    answer = "pays" if saving > 0 else "does_not_pay"
    reason = "saves" if saving > 0 else "costs_more" if saving else "even"
    verdict = Verdict(answer, (reason,), saving, saving, saving)  # type: ignore[arg-type]  # both are among theirs
    return replace(figures, days=days, **{"scenarios": scenarios, "verdict": verdict} | changes)  # type: ignore[arg-type]


def _priced(one: Scenario, costs: dict[str, int], api: int) -> Scenario:
    total = costs.get(one.name, one.total_nano)
    return replace(one, total_nano=total, saving_sync_nano=None if total is None else api - total)


def test_it_pays() -> None:
    """A saving is named with its share, and both costs."""
    assert sentences.verdict(figures_with("412.30", "600.00")) == (
        "In October 2026, running your own model saved $187.70 (31%): it cost $412.30, and the API would have"
        " charged $600.00 for the same work."
    )


def test_it_does_not_pay() -> None:
    """A loss is named as what it cost more."""
    assert sentences.verdict(figures_with("450.00", "65.70")) == (
        "In October 2026, running your own model did not pay: it cost $450.00, $384.30 more than the $65.70 that the"
        " API would have charged for the same work."
    )


def test_it_comes_to_the_same() -> None:
    """A saving of exactly nothing is no saving and no loss."""
    assert "cost exactly what the API would have charged for the same work: $450.00" in sentences.verdict(
        figures_with("450.00", "450.00")
    )


@pytest.mark.parametrize(
    ("days", "lead"),
    [
        (12, "At the pace of the first 12 of 31 days of October 2026, "),
        (1, "At the pace of the first day of 31 days of October 2026, "),
    ],
)
def test_a_partial_month_is_named_as_a_projection(days: int, lead: str) -> None:
    """A month that is not over speaks of its pace and of the future."""
    told = sentences.verdict(figures_with("412.30", "600.00", days))
    assert told.startswith(lead)
    assert "will save $187.70 (31%): it will cost $412.30, and the API would charge $600.00" in told


def test_cannot_be_said() -> None:
    """What is missing is named with its number, and so is how far the costs are known."""
    told = sentences.verdict(months.report(months.doubtful()).figures)
    assert told == (
        "Whether running your own model paid in October 2026 cannot be said, because the API's price of 320,000"
        " attempts is not known and $3.20 of what was paid to the API is only the most it can have been; at worst it"
        " is a loss of $34.29."
    )


def test_one_attempt_is_singular() -> None:
    """One attempt without a price is one attempt."""
    doubtful = months.doubtful()
    one = replace(doubtful.workloads[0], unknown_counterfactual=1, api_upper_bound_nano=0)
    told = sentences.verdict(
        months.report(replace(doubtful, workloads=(one, *doubtful.workloads[1:]))).figures
    )
    assert "because the API's price of 1 attempt is not known; at worst" in told


def test_no_usage() -> None:
    """A machine that did nothing cost what it cost."""
    figures = months.report(months.idle()).figures
    assert sentences.verdict(figures) == (
        "Nothing was run in October 2026 that the API would have charged for, so there is nothing to compare; your"
        " own machine and its upkeep cost $450.00."
    )
    assert sentences.title(figures) == "Break-even report, October 2026: nothing to compare"


def test_nothing_is_replaceable() -> None:
    """Where the model is good enough for nothing, the sentence says so instead of `nothing was run`."""
    month = months.a_month()
    unfit = tuple(replace(one, viability="not_viable") for one in month.workloads)
    told = sentences.verdict(months.report(replace(month, workloads=unfit)).figures)
    assert told.startswith("Nothing was run in October 2026 that your own model is good enough for")


def test_no_machine() -> None:
    """Without a machine there is nothing to compare, and what the API cost is named."""
    told = sentences.verdict(months.report(months.api_only()).figures)
    assert (
        told
        == "You had no machine of your own in October 2026, so there is nothing to compare; the work cost $14.33."
    )


def test_a_bound_is_named_as_one() -> None:
    """Where the API's costs are incomplete but self-hosting pays all the same, it saved at least that much."""
    figures = figures_with("412.30", "600.00")
    verdict = replace(figures.verdict, high_nano=None)
    missing = tuple(replace(one, missing=4) if one.name == "api_sync" else one for one in figures.scenarios)
    told = sentences.verdict(replace(figures, verdict=verdict, scenarios=missing))
    assert "saved at least $187.70" in told
    assert "would have charged at least $600.00" in told


def history(*pairs: tuple[int, int] | None) -> tuple[PastMonth, ...]:
    """Return months with (self-hosted, API) costs; None: a month that is not known."""
    return tuple(
        PastMonth(
            month=date(2026, index + 1, 1),
            records=0 if pair is None else 10,
            api_sync_nano=0 if pair is None else pair[1],
            api_batch_nano=0,
            reserved_nano=None,
            on_demand_nano=None,
            hybrid_nano=None if pair is None else pair[0],
        )
        for index, pair in enumerate(pairs)
    )


@pytest.mark.parametrize(
    ("months_known", "told"),
    [
        (((1, 2),), None),
        ((None, (1, 2)), None),
        (((3, 2), (1, 2)), "The month before, it did not pay."),
        (((3, 2), (1, 2), (1, 2)), "It has paid in every month since February 2026."),
        (((1, 2), (3, 2), (1, 2), (1, 2)), "It has paid in every month since March 2026."),
        (((1, 2), (1, 2)), "It has paid in all of the 2 months that are known."),
        ((None, (1, 2), (1, 2)), "It has paid in every month since February 2026."),
    ],
)
def test_since_when_it_pays(months_known: tuple[tuple[int, int] | None, ...], told: str | None) -> None:
    """The months before with the same answer are counted, up to one with another or none."""
    assert sentences.since(figures_with("1", "2", history=history(*months_known))) == told


def test_a_month_without_a_machine_ends_the_streak() -> None:
    """Where there was nothing to compare, self-hosting neither paid nor did not."""
    known = history((1, 2), (1, 2), (1, 2))
    without = (known[0], replace(known[1], machine=False), known[2])
    assert sentences.since(figures_with("1", "2", history=without)) is None


def test_since_when_it_does_not_pay() -> None:
    """A loss has a history too."""
    lost = figures_with("2", "1", history=history((1, 2), (3, 2), (3, 2)))
    assert sentences.since(lost) == "It has not paid in any month since February 2026."
    never = figures_with("2", "1", history=history((3, 2), (3, 2)))
    assert sentences.since(never) == "It has not paid in any of the 2 months that are known."
    turned = figures_with("2", "1", history=history((1, 2), (3, 2)))
    assert sentences.since(turned) == "The month before, it paid."


def test_against_batches() -> None:
    """Who can wait pays half: the comparison with that price is made, too."""
    paid = months.report().figures
    assert sentences.against_batches(paid) == (
        "Against the API's batch price (50% off, for answers that may take a day), running your own model cost $136.26 more."
    )
    assert sentences.against_batches(months.report(months.doubtful()).figures) is None
    assert sentences.against_batches(months.report(months.idle()).figures) is None
