"""Which terms hold on each day of a month and for each of its runs: looked up once, for all that is billed by them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta

from models.economics.gpu_run import BillingMode, GpuRun, UsedMode
from models.economics.month import InfrastructureTerms, LabourTerms, MonthInputs
from models.months import days_in


@dataclass(frozen=True, slots=True)
class Tariff:
    """What an hour of a machine costs that is paid by use, and by which increment it is billed."""

    kind: str
    nano_per_hour: int
    increment_seconds: int
    mode: UsedMode = "on_demand"


@dataclass(frozen=True, slots=True)
class DayTerms:
    """What holds on one day: the terms of machines, without kinds that were given up, and those of labour."""

    day: date
    machines: tuple[InfrastructureTerms, ...]
    labour: LabourTerms

    @property
    def reserved(self) -> tuple[InfrastructureTerms, ...]:
        """The terms of reserved machines."""
        return tuple(terms for terms in self.machines if terms.mode == "reserved")


@dataclass(frozen=True, slots=True)
class RunTerms:
    """A run, and the terms of its kind of machine as they held on its day; None: there were none."""

    run: GpuRun
    terms: InfrastructureTerms | None

    @property
    def mode(self) -> BillingMode:
        """How the run was billed."""
        return "reserved" if (tariff := self.tariff) is None else tariff.mode

    @property
    def tariff(self) -> Tariff | None:
        """What the run was billed at by use: without terms, its own rate. None: it ran on a reserved machine."""
        if self.terms is None:
            return self.own_tariff
        if self.terms.mode == "reserved":
            return None
        rate = self.terms.rate.nano_per_hour or 0
        return Tariff(self.run.kind, rate, self.terms.increment_seconds, self.terms.mode)

    @property
    def own_tariff(self) -> Tariff:
        """The rate that the run itself names."""
        run = self.run
        mode: UsedMode = "spot" if run.billing_mode == "spot" else "on_demand"
        return Tariff(run.kind, run.nano_usd_per_hour, run.billing_increment_seconds, mode)


@dataclass(frozen=True, slots=True)
class TermsInForce:
    """What holds on each day of the month, also on those that are not over, and for each run."""

    days: tuple[DayTerms, ...]
    runs: tuple[RunTerms, ...]


def find_terms(inputs: MonthInputs) -> TermsInForce:
    """Look up the terms of every day and run. Raises `ValueError` for a day on which no labour terms hold."""
    days = [inputs.month + timedelta(days=place) for place in range(days_in(inputs.month))]
    return TermsInForce(
        tuple(DayTerms(day, terms_on(inputs.terms, day), labour_on(inputs.labour, day)) for day in days),
        tuple(RunTerms(run, terms_of(inputs.terms, run)) for run in inputs.gpu_runs),
    )


def terms_on(terms: Sequence[InfrastructureTerms], day: date) -> tuple[InfrastructureTerms, ...]:
    """Return the terms that hold on a day: of several of one kind, those that were entered last; none of no machine."""
    held = {one.kind: one for one in terms if one.holds_on(day)}
    return tuple(one for one in held.values() if one.gpus)


def labour_on(labour: Sequence[LabourTerms], day: date) -> LabourTerms:
    """Return the labour terms that hold on a day: those that began last. Raises `ValueError` where none do."""
    holding = [(one.effective_from, place) for place, one in enumerate(labour) if one.effective_from <= day]
    if not holding:
        msg = f"no labour terms hold on {day}"
        raise ValueError(msg)
    return labour[max(holding)[1]]


def terms_of(terms: Sequence[InfrastructureTerms], run: GpuRun) -> InfrastructureTerms | None:
    """Return the terms of the kind of machine that a run used, as they held on its day; None: there were none."""
    held = terms_on(terms, day_of(run))
    exact = (one for one in held if one.kind == run.kind)
    return next(exact, None) or next((one for one in held if is_same_kind(one.kind, run.kind)), None)


def day_of(run: GpuRun) -> date:
    """Return the UTC day on which a run started."""
    return run.started_at.astimezone(UTC).date()


def is_same_kind(one: str, other: str) -> bool:
    """Whether two names are of one machine kind: `A10G` and `NVIDIA A10G` are, `A10` and `A100` are not."""
    first, second = (set(re.findall(r"[a-z0-9]+", name.lower())) for name in (one, other))
    return first <= second or second <= first
