"""What a training may take: dollars turned into time of the machine."""

from models.catalogue.rates import Infrastructure
from models.economics.pricing import usd_to_nano
from models.gpu_time import NS_PER_HOUR, NS_PER_SECOND, gpu_cost_nano
from tasks.documents.amounts import hours, rate, unit_usd
from tasks.training.request import TrainingRequest


def clock_seconds(ask: TrainingRequest, machine: Infrastructure) -> float | None:
    """Return the seconds of the clock that the dollars asked for buy of a machine; None where they bound nothing."""
    if ask.usd is None or not machine.nano_usd_per_hour:
        return None
    return usd_to_nano(ask.usd) * NS_PER_HOUR / machine.nano_usd_per_hour / NS_PER_SECOND


def most_nano(ask: TrainingRequest, machine: Infrastructure) -> int:
    """Return what a training can cost at most in nano-dollars: 0 of anything but an adapter, which alone has a budget, or of a machine that costs nothing."""
    if ask.kind != "adapter":
        return 0
    minutes = gpu_cost_nano(round(60 * ask.minutes * NS_PER_SECOND), machine.nano_usd_per_hour)
    return minutes if ask.usd is None else min(minutes, usd_to_nano(ask.usd))


def describe_budget(ask: TrainingRequest, machine: Infrastructure) -> str | None:
    """Say in a line what the dollars come to; None where there are none, or nothing that has a budget."""
    if ask.usd is None or ask.kind != "adapter":
        return None
    seconds = clock_seconds(ask, machine)
    if seconds is None:
        return (
            "an hour of this machine costs nothing by the settings, so dollars bound no time: the minutes do"
        )
    bought = hours(round(seconds * NS_PER_SECOND))
    return f"{unit_usd(usd_to_nano(ask.usd))} buys {bought} of this machine at {rate(machine.nano_usd_per_hour)} an hour"
