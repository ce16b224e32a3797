"""Whole evaluations over a real HTTP server, on both databases: what they find, what they ask, what they cost."""

from datetime import date
from pathlib import Path

import pytest

from db import evaluations
from db.month import read_usage
from db.partitions import find_published
from db.summary import sum_usage
from models.errors import BreakevenError, UsageError
from models.months import month_of
from models.settings import Settings
from tasks.report.inputs import read_month_inputs
from tests.evaluation_json import from_json
from tests.fakes import ScriptedEngine
from tests.faulty_api import FaultyApi, Rule
from tests.integration.evaluation.evaluating import (
    MONTH,
    labelled,
    right_unless,
    run_evaluation,
    settings_of,
    write_labelled,
)
from tests.integration.hybrid.harness import api_lines, check_seen
from tests.integration.pipeline.books import check_sums, findings, ledger, table
from tests.integration.pipeline.harness import no_engine, run, write_records

LATER = date(2036, 1, 1)


def test_both_engines_are_compared_on_the_same_records(tmp_path: Path, database_url: str) -> None:
    """The counts are those of the labels, the cost and the tokens those of the ledger, and the verdict follows."""
    source = write_labelled(tmp_path, labelled(60, api_wrong=10))
    with FaultyApi() as api:
        settings = settings_of(tmp_path, database_url, api.url)
        found = run_evaluation(settings, source)
        check_seen(settings, api.seen)
    small, other = found.arm("small"), found.arm("api")
    assert small is not None
    assert other is not None
    assert small.scores is not None
    assert other.scores is not None
    # every tenth label is not what the API answers, and every fourth answer of the small model is not what the API's
    # is: in 3 of 60 it hits such a label by that
    (verdict,) = found.comparisons
    assert found.verdict == verdict
    assert found.measure == "accuracy"
    assert (verdict.both, verdict.only_first, verdict.only_second, verdict.neither) == (42, 3, 12, 3)
    assert (small.scores.accuracy.count, small.scores.accuracy.of) == (45, 60)
    assert (other.scores.accuracy.count, other.scores.accuracy.of) == (54, 60)
    lines = check_sums(settings)
    assert findings(settings) == []
    assert other.cost_nano == sum(line.cost_nano for line in api_lines(settings))
    assert small.input_tokens == sum(line.input_tokens for line in lines if line.engine == "vllm")
    runs = {run.purpose: run for run in table(settings, "runs")}
    assert set(runs) == {"evaluation_small", "evaluation_api"}
    assert small.cost_nano is not None
    assert small.cost_nano + small.load_nano == runs["evaluation_small"].gpu_cost_nano
    assert found.threshold is not None
    assert found.calibration is not None


def test_what_was_found_is_kept(tmp_path: Path, database_url: str) -> None:
    """The newest evaluation of this model and prompt can be read back, whole."""
    source = write_labelled(tmp_path, labelled(60))
    with FaultyApi() as api:
        settings = settings_of(tmp_path, database_url, api.url)
        found = run_evaluation(settings, source)
    with ledger(settings) as session:
        kept = evaluations.newest(session, "sentiment", model="tests/scripted", api_model="test-model")
        assert evaluations.newest(session, "sentiment", model="another") is None
    assert kept is not None
    assert from_json(kept.figures) == found
    assert kept.viability == found.viability == "not_viable"
    assert found.verdict is not None
    assert found.verdict.interval is not None
    assert (kept.ratio, kept.ratio_low) == (found.verdict.ratio, found.verdict.interval.low)


def test_nothing_is_asked_twice_and_more_labels_ask_for_the_new_ones_only(
    tmp_path: Path, database_url: str
) -> None:
    """Within a month: the same file costs nothing more, another file only its new texts, another label nothing."""
    with FaultyApi() as api:
        settings = settings_of(tmp_path, database_url, api.url)
        first = run_evaluation(settings, write_labelled(tmp_path, labelled(40)))
        assert len(api.seen) == 40
        again = run_evaluation(settings, write_labelled(tmp_path, labelled(40)), ScriptedEngine(dies_after=0))
        assert len(api.seen) == 40
        assert again.arms == first.arms
        relabelled = run_evaluation(
            settings, write_labelled(tmp_path, labelled(40, api_wrong=5), "other.csv")
        )
        assert len(api.seen) == 40
        assert relabelled.verdict != first.verdict
        engine = ScriptedEngine(handler=right_unless(lambda number: number % 4 == 0))
        more = run_evaluation(settings, write_labelled(tmp_path, labelled(50), "more.jsonl"), engine)
        assert len(api.seen) == 50
        assert len(engine.started) == 10
        assert more.records == 50
        other = more.arm("api")
        assert other is not None
        assert other.asked == 50
        check_seen(settings, api.seen)
        run_evaluation(settings, write_labelled(tmp_path, labelled(50)), rerun=True)
        assert len(api.seen) == 100
    check_sums(settings)


def test_an_evaluation_is_no_production(tmp_path: Path, database_url: str) -> None:
    """Nothing is published for readers, nothing counts as usage; what it cost is named in the month's report."""
    source = write_labelled(tmp_path, labelled(40))
    with FaultyApi() as api:
        settings = settings_of(tmp_path, database_url, api.url)
        run_evaluation(settings, source)
    spent = sum(run.gpu_cost_nano + run.api_cost_nano for run in table(settings, "runs"))
    month = really_in(settings)
    with ledger(settings) as session:
        assert find_published(session, "sentiment", MONTH) is None
        months = read_usage(session, month, LATER)
        purposes = {row["purpose"]: row["records"] for row in sum_usage(session, ["purpose"])}
        inputs = read_month_inputs(session, settings, month, today=LATER)
    assert not (settings.output_dir / "sentiment").exists()
    assert [(month.workloads, month.gpu_runs, month.evaluations_nano) for month in months.values()] == [
        ((), (), spent)
    ]
    assert spent > 0
    assert purposes == {"evaluation_api": 40, "evaluation_small": 40}
    assert (inputs.workloads, inputs.evaluations_nano) == ((), spent)


def really_in(settings: Settings) -> date:
    """Return the first day of the month in which the evaluation really ran."""
    return month_of(min(run.started_at for run in table(settings, "runs")).date())


def test_the_verdict_says_whether_production_is_replaceable(tmp_path: Path, database_url: str) -> None:
    """Only an evaluation of the model and prompt that production runs with counts in the report."""
    records = write_records(tmp_path / "in.jsonl", [{"id": "1", "text": "message number 1"}])
    with FaultyApi() as api:
        settings = settings_of(tmp_path, database_url, api.url)
        run_evaluation(settings, write_labelled(tmp_path, labelled(60)))
        other = settings.model_copy(update={"model": "tests/another"})
        for of, said in ((other, None), (settings, "not_viable")):
            run(of, records, ScriptedEngine(handler=right_unless(lambda _: False)), rerun=True)
            month = really_in(settings)
            with ledger(settings) as session:
                inputs = read_month_inputs(session, settings, month, today=LATER)
            assert [one.viability for one in inputs.workloads] == [said]


def test_the_router_takes_the_evaluated_threshold(tmp_path: Path, database_url: str) -> None:
    """With `min_confidence = "evaluated"` exactly the answers below the chosen threshold go to the API."""
    rows: list[object] = [
        {"id": str(number), "text": f"message number {number}"} for number in range(100, 140)
    ]
    policy = {"sentiment": {"policy": {"min_confidence": "evaluated"}}}
    with FaultyApi() as api:
        settings = settings_of(tmp_path, database_url, api.url, workloads=policy)
        records = write_records(tmp_path / "in.jsonl", rows)
        engine = ScriptedEngine(handler=right_unless(lambda number: number % 4 == 0))
        with pytest.raises(UsageError, match="run `breakeven evaluate sentiment --labels FILE`"):
            run(settings, records, engine)
        found = run_evaluation(settings, write_labelled(tmp_path, labelled(60)))
        assert found.threshold is not None
        assert found.threshold.chosen is not None
        before = len(api.seen)
        run(settings, records, engine)
        sent = {line.record_key for line in api_lines(settings) if line.reason == "low_confidence"}
        assert len(api.seen) - before == len(sent)
        least = found.threshold.chosen.threshold
        unsure = {
            str(number)
            for number in range(100, 140)
            if (0.40 if number % 4 == 0 else 0.70) + number % 20 / 100 < least
        }
        assert sent == unsure
        assert 0 < len(sent) < 40


def test_what_is_not_viable_goes_to_the_api_where_the_policy_says_so(
    tmp_path: Path, database_url: str
) -> None:
    """No model is loaded, every line says why, and the run can be repeated as any other."""
    policy = {"sentiment": {"policy": {"not_viable": "api"}}}
    rows: list[object] = [
        {"id": str(number), "text": f"message number {number}"} for number in range(100, 110)
    ]
    records = write_records(tmp_path / "in.jsonl", rows)
    with FaultyApi() as api:
        settings = settings_of(tmp_path, database_url, api.url, workloads=policy)
        found = run_evaluation(settings, write_labelled(tmp_path, labelled(60)))
        assert found.viability == "not_viable"
        before = {line.id for line in api_lines(settings)}
        assert run(settings, records, no_engine).state == "completed"
        assert run(settings, records, no_engine).state == "skipped"
        made = [line for line in api_lines(settings) if line.id not in before]
        assert {(line.reason, line.requested) for line in made} == {("not_viable", "vllm")}
        assert len(made) == 10


def test_records_that_must_stay_are_never_sent(tmp_path: Path, database_url: str) -> None:
    """A workload whose data are local is evaluated alone, and told so."""
    with FaultyApi() as api:
        settings = settings_of(
            tmp_path, database_url, api.url, workloads={"sentiment": {"data_residency": "local"}}
        )
        found = run_evaluation(settings, write_labelled(tmp_path, labelled(20)))
        assert api.seen == []
    assert [arm.name for arm in found.arms] == ["small"]
    assert found.viability == "undecided"
    assert found.missing == (
        "The records of sentiment must not leave (data_residency), so no API model was asked.",
    )


def test_a_cap_leaves_the_rest_for_later(tmp_path: Path, database_url: str) -> None:
    """What a budget refuses waits; with more budget the same command asks for the rest only, and then decides."""
    source = write_labelled(tmp_path, labelled(30))
    with FaultyApi() as api:
        poor = settings_of(tmp_path, database_url, api.url, budget={"day_usd": "0.0004"})
        with pytest.raises(BreakevenError, match="the same command goes on with the rest"):
            run_evaluation(poor, source)
        assert 0 < len(api.seen) < 30
        found = run_evaluation(settings_of(tmp_path, database_url, api.url), source)
        assert len(api.seen) == 30
        check_seen(poor, api.seen)
    assert found.records == 30
    check_sums(poor)


def test_answers_that_fail_count_as_wrong(tmp_path: Path, database_url: str) -> None:
    """An API answer that fits no label is no answer, and the record stays in the count."""
    source = write_labelled(tmp_path, labelled(20))
    with FaultyApi([Rule(("nonsense",), match="number 7", forever=True)]) as api:
        settings = settings_of(tmp_path, database_url, api.url, api_max_attempts=2)
        found = run_evaluation(settings, source)
    other = found.arm("api")
    assert other is not None
    assert other.scores is not None
    assert (other.records, other.answered) == (20, 19)
    assert (other.scores.accuracy.count, other.scores.accuracy.of) == (19, 20)
    assert found.missing == ()
