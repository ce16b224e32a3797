"""Whether what ran in a month pays against a way of the API, whatever it is that is not known."""

from models.economics.figures import Reason, Verdict
from models.economics.figures_outlook import ApiWay
from models.economics.scenarios import Period


def judge(period: Period, against: ApiWay) -> Verdict:
    """Say whether what ran costs less than a way of the API, whatever it is that is not known.

    Unknown counterfactual costs could make the API dearer, unknown API costs the hybrid. Attempts of unknown outcome
    could have cost nothing; those that are still out could do so too, or serve what the API would have charged for.
    """
    if period.mode == "none":
        saving = period.api_way_nano(against) - period.api_nano
        return Verdict("cannot_be_said", ("no_gpu",), saving, None, None)
    own = period.api_nano + period.gpu_nano + period.labour_nano
    saving = period.api_way_nano(against) - own
    gain = period.gain_sync_nano if against == "api_sync" else period.gain_batch_nano
    low = None if period.unknown_api_cost else saving
    high = None if period.unknown_counterfactual else saving + period.upper_bound_nano + gain
    if low is not None and low > 0:
        return Verdict("pays", ("saves",), saving, low, high)
    if high is not None and high <= 0:
        reason: Reason = "costs_more" if high < 0 else "even"
        return Verdict("does_not_pay", (_nothing(period) or reason,), saving, low, high)
    doubts: list[tuple[Reason, int]] = [
        ("unknown_counterfactual", period.unknown_counterfactual),
        ("upper_bounds", period.upper_bound_nano),
        ("unknown_api_cost", period.unknown_api_cost),
    ]
    return Verdict("cannot_be_said", tuple(name for name, size in doubts if size), saving, low, high)


def _nothing(period: Period) -> Reason | None:
    """Say why there is nothing to compare, if so: nothing was run, or nothing that self-hosting can do well enough."""
    if period.api_sync_nano:
        return None
    return "not_viable" if period.outside.api_sync_nano else "no_usage"
