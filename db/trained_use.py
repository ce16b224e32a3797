"""What trained models served and saved, from the rollups: by day, held against what the next stage cost before."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from fractions import Fraction
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from db import trained
from db.tables import DailyUsageRow as Usage
from db.tables import ModelRow, RunRow
from models.economics.training_payback import NextStage, ServedDay, TrainedUse, paid_back_on, saved_nano
from models.economics.training_proposal import Proposal
from models.months import month_of, next_month
from models.run import PRODUCTION
from models.training.trained import TrainedModel

WEEK = timedelta(days=7)
BEFORE = timedelta(days=92)
"""How long before a training what a record costs without it is looked for."""


@dataclass(frozen=True, slots=True)
class _Rate:
    """What one record costs without a trained model; None: its own price on the API is taken."""

    stage: NextStage
    nano: Fraction | None


def read_uses(session: Session, until: date) -> list[TrainedUse]:
    """Return what was trained up to a UTC day, the oldest first, with what it served up to that day.

    A classifier is held against the own model as it cost in the three months before, else against what the API was paid, else against the
    API's price of the same records. Triage serves no record. An adapter is held against what the workload's records cost before, own model and API together.
    """
    models = [one for one in reversed(trained.list_trained(session)) if _day(one) <= until]
    if not models:
        return []
    served = _served_days(session, models, until)
    return [_use(session, one, served.get(one.name, ()), until) for one in models]


def read_proposals(session: Session, month: date) -> list[Proposal]:
    """Return what monthly trainings came to in a month and in the week after it, in which the month's evaluation is; the oldest first."""
    end = next_month(month) + WEEK
    models = [one for one in reversed(trained.list_trained(session)) if month <= _day(one) < end]
    told = [json.loads(one.figures).get("monthly") for one in models]
    return [Proposal(**one) for one in told if one is not None]


def _day(model: TrainedModel) -> date:
    return model.at.astimezone(UTC).date()


def _served_days(
    session: Session, models: Sequence[TrainedModel], until: date
) -> Mapping[str, Sequence[Row[Any]]]:
    """Return what production's attempts of each trained model come to, by its name and day, the days in their order."""
    names = {one.name for one in models if one.kind != "triage"}  # it serves no record
    rows = session.execute(select(ModelRow.id, ModelRow.name).where(ModelRow.provider != "openai"))
    keys = {key: own for key, name in rows if (own := name.rpartition("+")[2]) in names}
    ok = Usage.outcome == "ok"
    sums = {
        "records": func.sum(Usage.attempts).filter(ok),
        "cost_nano": func.sum(Usage.cost_nano),
        "counterfactual_nano": func.sum(Usage.counterfactual_nano).filter(ok),
    }
    asked = (
        select(Usage.model_id, Usage.day, *(func.coalesce(one, 0).label(name) for name, one in sums.items()))
        .join(RunRow, RunRow.id == Usage.run_id)
        .where(
            Usage.model_id.in_(keys),
            Usage.engine != "reuse",
            Usage.day <= until,
            RunRow.purpose == PRODUCTION,
        )
        .group_by(Usage.model_id, Usage.day)
        .order_by(Usage.day, Usage.model_id)
    )
    found: defaultdict[str, list[Row[Any]]] = defaultdict(list)
    for row in session.execute(asked):
        found[keys[row.model_id]].append(row)
    return found


def _use(session: Session, model: TrainedModel, rows: Sequence[Row[Any]], until: date) -> TrainedUse:
    rate = _rate_before(session, model) if rows else None
    days = [] if rate is None else list(_days(rows, rate))
    month = [one for one in days if month_of(one.day) == month_of(until)]
    return TrainedUse(
        workload=model.workload,
        name=model.name,
        kind=model.kind,
        trained_on=_day(model),
        cost_nano=model.cost_nano,
        examples=model.examples,
        accuracy=model.accuracy,
        accuracy_low=model.accuracy_low,
        accuracy_high=model.accuracy_high,
        records=sum(one.records for one in days),
        saved_nano=saved_nano(days),
        month_records=sum(one.records for one in month),
        month_saved_nano=saved_nano(month),
        instead=None if rate is None else rate.stage,
        paid_back=paid_back_on(model.cost_nano, days),
    )


def _days(rows: Sequence[Row[Any]], rate: _Rate) -> Iterator[ServedDay]:
    for row in rows:  # PostgreSQL sums BIGINT to NUMERIC
        records = int(row.records)
        instead = Fraction(int(row.counterfactual_nano)) if rate.nano is None else records * rate.nano
        yield ServedDay(row.day, records, int(row.cost_nano), instead)


def _rate_before(session: Session, model: TrainedModel) -> _Rate:
    """Return what a record of the workload cost on the next stage in the three months before a training."""
    sums = (func.sum(getattr(Usage, name)) for name in ("cost_nano", "engine_records", "records"))
    rows = session.execute(
        select(Usage.engine, *sums)
        .join(RunRow, RunRow.id == Usage.run_id)
        .where(
            RunRow.workload == model.workload,
            RunRow.purpose == PRODUCTION,
            Usage.day >= _day(model) - BEFORE,
            Usage.day < _day(model),
        )
        .group_by(Usage.engine)
    )
    before = {engine: (int(nano), int(own), int(records)) for engine, nano, own, records in rows}
    if model.kind == "adapter":
        nano, records = (sum(one[place] for one in before.values()) for place in (0, 2))
        return _Rate("as_before", Fraction(nano, records)) if records else _Rate("openai", None)
    stages: tuple[NextStage, ...] = ("vllm", "openai")
    for stage in stages:
        nano, records, _ = before.get(stage, (0, 0, 0))
        if records:
            return _Rate(stage, Fraction(nano, records))
    return _Rate("openai", None)
