"""What to do: the cheapest way that does the month's work well enough, against what really ran; and by workload."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import combinations

from models.economics.avoidable import Avoidable, avoid_machines, avoid_workloads
from models.economics.billing import MonthBill, SpanBill
from models.economics.figures import Scenario
from models.economics.figures_recommendation import (
    Action,
    Recommendation,
    ScenarioName,
    VerdictAnswer,
    WorkloadAdvice,
)
from models.economics.month import MonthInputs, WorkloadUsage
from models.economics.pricing import half_up
from models.economics.scenarios import Period, batch_nano

ACTIONS: Mapping[ScenarioName, Action] = {
    "hybrid": "stay",
    "fewer_machines": "drop_machine",
    "on_demand": "switch_to_on_demand",
    "reserved": "switch_to_reserved",
    "spot": "switch_to_spot",
    "move_workload": "move_workload",
    "api_batch": "move_to_batches",
    "api_sync": "move_to_api",
}
"""What each way asks for, in the order in which they are preferred at equal cost."""
OWN: Sequence[ScenarioName] = ("hybrid", "fewer_machines", "on_demand", "reserved", "spot", "move_workload")
MOST_TRIED = 8
"""Of so many workloads every set is tried as one that leaves; of more, those that leave are found one by one."""


class Options:
    """What a month could have been served by, and what it would not have been billed."""

    def __init__(
        self,
        inputs: MonthInputs,
        used: Sequence[WorkloadUsage],
        bill: MonthBill,
        span: SpanBill,
        period: Period,
        scenarios: Sequence[Scenario],
    ) -> None:
        """`scenarios`: the ways of the period, what really ran last."""
        self._inputs, self._bill, self._span, self._period = inputs, bill, span, period
        self._used = {usage.workload: usage for usage in used}
        self._sync, self._batch, *_, self._ran = scenarios
        self.scenarios = (*scenarios, *self._list_more())

    def advise(self) -> tuple[WorkloadAdvice, ...]:
        """Say of each workload what stops if it alone leaves, against its cheapest way on the API."""
        return tuple(self._advise_on(usage) for usage in self._used.values())

    def _advise_on(self, usage: WorkloadUsage) -> WorkloadAdvice:
        leaving = {usage.workload}
        api = half_up(self._cost_on_api(leaving))
        bound = half_up(self._period.pace * usage.api_upper_bound_nano)
        avoidable = None if self._period.mode == "none" else half_up(self._avoid(leaving))
        answer: VerdictAnswer = "cannot_be_said"
        if avoidable is not None and usage.replaceable:
            if not usage.unknown_api_cost and api > avoidable:
                answer = "pays"
            elif not usage.unknown_counterfactual and api <= avoidable - bound:
                answer = "does_not_pay"
        elif not usage.replaceable:
            answer = "does_not_pay"
        if not usage.may_leave:
            answer = "cannot_be_said"
        return WorkloadAdvice(usage.workload, avoidable, api, bound, answer)

    def recommend(self) -> Recommendation:
        """Choose the cheapest way that is feasible, and say what it saves."""
        order, in_force = list(ACTIONS), self._period.mode if self._ran.feasible else "none"
        others = [one for one in self.scenarios if one.feasible and one.name != in_force]
        others.sort(key=lambda one: order.index(one.name))  # the mode in force is what ran, and no switch
        best, against = min(others or [self._ran], key=_total), self._ran
        if best.name == "hybrid":
            against = min((one for one in others if one is not best), key=_total, default=best)
        saving = _total(against) - _total(best)
        low, high = self._bounds(best, against, saving)
        return Recommendation(
            action=self._name_action(best),
            way=best.name,
            against=against.name,
            saving_nano=saving,
            low_nano=low,
            high_nano=high,
            conditional_on=self._list_unproven(best) if best.name in OWN else (),
            workloads=self._list_moved(best),
            per_workload=self.advise(),
        )

    def _name_action(self, best: Scenario) -> Action:
        """Name what a way asks for; without usage, machines go; in the mode in force, what falls short moves."""
        if not _total(self._sync) and best.name not in OWN:
            return "drop_machine"
        return "move_workload" if best.name == self._period.mode else ACTIONS[best.name]

    def _list_moved(self, best: Scenario) -> tuple[str, ...]:
        return self._period.outside.workloads if best.name == self._period.mode else best.workloads

    def _list_unproven(self, way: Scenario) -> tuple[str, ...]:
        """Return the workloads that the own model goes on answering in a way, and whose quality nobody has decided."""
        return tuple(
            usage.workload
            for usage in self._used.values()
            if usage.local and usage.viability in {None, "undecided"} and usage.workload not in way.workloads
        )

    def _bounds(self, best: Scenario, against: Scenario, saving: int) -> tuple[int | None, int | None]:
        """Return the least and the most that it saves: attempts on the API that are not known cost no more than their bound.

        They are in every way of one's own, and in no way of the API; those that are still out would be.
        """
        if (best.name in OWN) == (against.name in OWN):
            return saving, saving
        own, api = (best, against) if best.name in OWN else (against, best)
        period = self._period
        unsure = own.upper_bound_nano + (
            period.gain_sync_nano if api.name == "api_sync" else period.gain_batch_nano
        )
        if best is own:
            return None if own.missing else saving, None if api.missing else saving + unsure
        return None if api.missing else saving - unsure, None if own.missing else saving

    def _list_more(self) -> list[Scenario]:
        """Return what really ran with a few changes: without machines that nobody needed, or workloads that leave."""
        found: list[Scenario] = []
        if self._ran.total_nano is None or self._period.mode == "none":
            return found
        count, saved = avoid_machines(self._inputs, self._bill, self._span)
        if count and half_up(saved):
            found.append(self._change("fewer_machines", Avoidable(saved, Fraction(0))))
        if moved := self._find_moves():
            found.append(self._change("move_workload", self._stop(moved), moved))
        return found

    def _change(self, name: ScenarioName, stops: Avoidable, moved: tuple[str, ...] = ()) -> Scenario:
        ran = self._ran
        api = ran.api_nano + half_up(self._cost_on_api(moved)) - half_up(self._paid_to_api(moved))
        gpu, labour = (ran.gpu_nano or 0) - half_up(stops.gpu), ran.labour_nano - half_up(stops.labour)
        total = api + gpu + labour
        usages = [self._used[one] for one in moved]
        bounds = half_up(self._period.pace * sum(one.api_upper_bound_nano for one in usages))
        missing = sum(one.unknown_counterfactual - one.unknown_api_cost for one in usages)
        return replace(
            ran,
            name=name,
            api_nano=api,
            gpu_nano=gpu,
            labour_nano=labour,
            total_nano=total,
            missing=ran.missing + missing,
            upper_bound_nano=max(0, ran.upper_bound_nano - bounds),
            saving_sync_nano=_total(self._sync) - total,
            saving_batch_nano=_total(self._batch) - total,
            feasible=set(self._period.outside.workloads) <= set(moved),
            workloads=moved,
        )

    def _find_moves(self) -> tuple[str, ...]:
        """Return the workloads, not all of them, without which the rest is cheapest; those that must leave among them."""
        must = frozenset(self._period.outside.workloads)
        names = [name for name, usage in self._used.items() if usage.records or usage.api_sync_nano]
        free = [name for name in names if name not in must and self._used[name].may_leave]
        if len(names) < 2 or not free:  # noqa: PLR2004  one workload alone does not move, all of them do
            return ()
        return tuple(name for name in names if name in self._find_cheapest(must, free))

    def _find_cheapest(self, must: frozenset[str], free: Sequence[str]) -> frozenset[str]:
        best, change = must, self._move(must)
        if len(free) <= MOST_TRIED:
            sets = (must | set(some) for count in range(1, len(free)) for some in combinations(free, count))
            for leaving in sets:
                if (now := self._move(leaving)) < change:
                    best, change = frozenset(leaving), now
            return best
        while len(best) + 1 < len(must) + len(free):
            left = [name for name in free if name not in best]
            name = min(left, key=lambda one: self._move(best | {one}))
            if (now := self._move(best | {name})) >= change:
                return best
            best, change = best | {name}, now
        return best

    def _move(self, leaving: Collection[str]) -> Fraction:
        """Return by how much the month's cost changes if some workloads go to the API."""
        return self._cost_on_api(leaving) - self._avoid(leaving) if leaving else Fraction(0)

    def _avoid(self, leaving: Collection[str]) -> Fraction:
        """Return all that stops: on machines, for people, and what really went to the API."""
        stops = self._stop(leaving)
        return stops.gpu + stops.labour + self._paid_to_api(leaving)

    def _stop(self, leaving: Collection[str]) -> Avoidable:
        return avoid_workloads(self._inputs, self._bill, self._span, leaving)

    def _paid_to_api(self, leaving: Collection[str]) -> Fraction:
        return self._period.pace * sum(self._used[name].api_nano for name in leaving)

    def _cost_on_api(self, leaving: Collection[str]) -> Fraction:
        """Return what workloads cost on the API by its cheapest way that meets their need."""
        return self._period.pace * batch_nano(self._inputs, [self._used[name] for name in leaving])


def _total(one: Scenario) -> int:
    return one.total_nano or 0
