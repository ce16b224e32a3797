"""What differs between two versions of a report, and that any month can be stored and read back."""

from dataclasses import replace

from hypothesis import given

from models.economics.break_even import month_figures
from models.economics.month import MonthInputs
from tasks.report.changes import MOST, NO_FIGURE, list_changes
from tasks.report.versions import parse_figures, parse_inputs, write_figures, write_inputs
from tests.month_inputs import MONTHS


@given(MONTHS)
def test_any_month_comes_back_as_it_was_stored(inputs: MonthInputs) -> None:
    """Inputs and figures, to the last fraction; the same inputs are the same text."""
    figures = month_figures(inputs)
    assert parse_inputs(write_inputs(inputs)) == inputs
    assert write_inputs(parse_inputs(write_inputs(inputs))) == write_inputs(inputs)
    assert parse_figures(write_figures(figures)) == figures


@given(MONTHS, MONTHS)
def test_any_two_versions_can_be_compared(before: MonthInputs, now: MonthInputs) -> None:
    """In single lines, not too many; the same figures have none."""
    old, new = month_figures(before), month_figures(now)
    found = list_changes(old, new)
    assert 1 <= len(found) <= MOST + 1
    assert all("\n" not in one for one in found)
    assert list_changes(old, old) == (NO_FIGURE,)
    if old.recommendation.action != new.recommendation.action:
        assert found[0].startswith("Advice: ")


@given(MONTHS)
def test_a_change_of_one_nano_dollar_is_told(inputs: MonthInputs) -> None:
    """Nothing that costs is rounded away."""
    figures = month_figures(inputs)
    scenario = figures.scenarios[0]
    dearer = replace(scenario, total_nano=(scenario.total_nano or 0) + 1)
    before, now = "Cost, API, at once: ", " before, "
    (found,) = list_changes(figures, replace(figures, scenarios=(dearer, *figures.scenarios[1:])))
    assert found.startswith(before)
    old, new = found.removeprefix(before).removesuffix(" now").split(now)
    assert old != new
