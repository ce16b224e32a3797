"""The API model as judge: each pair in both orders, in the ledger with its own purpose, under the workload's budget."""

from pathlib import Path

import pytest

from models.errors import BreakevenError, UsageError
from tests.integration.evaluation.kinds import engines
from tests.integration.evaluation.labelled_files import write_rows
from tests.integration.hybrid.harness import api_lines
from tests.integration.pipeline.books import check_sums, findings, table

STORIES = [{"text": f"story {n}"} for n in range(20)]


def number_of(text: str) -> int:
    """Return the number at the end of a text."""
    return int(text.rsplit(" ", 1)[1])


def answers_in(text: str) -> tuple[str, str]:
    """Return both answers that a judge is shown, in their order."""
    first, second = (
        text.split(f"<answer_{name}>\n")[1].split(f"\n</answer_{name}>", maxsplit=1)[0] for name in ("a", "b")
    )
    return first, second


def verdict(text: str) -> str:
    """Judge: of the first five stories the longer answer, of the next five the first one, else neither."""
    first, second = answers_in(text)
    number = number_of(first)
    if number < 5:
        return "a" if len(first) > len(second) else "b"
    return "a" if number < 10 else "tie"


def small(text: str) -> str:
    """Answer briefly, and to the last five stories as the API does."""
    number = number_of(text)
    return f"short {number}" if number < 15 else f"the same {number}"


def api(text: str) -> str:
    """Answer at length, but for the last five stories."""
    number = number_of(text)
    return f"a longer sentence {number}" if number < 15 else f"the same {number}"


def test_pairs_are_judged_in_both_orders(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What holds in both orders counts, what the order decides is a swap; equal answers are ties and not asked about."""
    source = write_rows(tmp_path / "stories.jsonl", STORIES)
    with engines(tmp_path, database_url, monkeypatch, small=small, api=api, judge=verdict) as both:
        found = both.evaluate("summaries", source, judge=True)
        asked = len(both.judged)
        again = both.evaluate("summaries", source, judge=True)
        settings = both.settings
        assert len(both.judged) == asked == 30
    judged = found.judgement
    assert judged is not None
    assert again.judgement == judged
    counts = [share.count for share in (judged.small, judged.api, judged.ties, judged.swapped)]
    assert counts == [0, 5, 10, 5]
    assert {share.of for share in (judged.small, judged.api, judged.ties, judged.swapped)} == {judged.judged}
    assert (judged.judged, judged.equal, judged.unjudged, judged.asked) == (20, 5, 0, 30)
    assert (judged.first.count, judged.first.of) == (15, 20)
    assert found.viability == "undecided"
    check_sums(settings)
    assert findings(settings) == []
    runs = {run.id: run.purpose for run in table(settings, "runs")}
    own = [line for line in api_lines(settings) if runs[line.run_id] == "evaluation_judge"]
    assert {run.workload for run in table(settings, "runs")} == {"summaries"}
    assert judged.cost_nano == sum(line.cost_nano for line in own)
    assert judged.cost_nano


def test_a_judge_sees_task_record_and_both_answers(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workload's own prompt, the record, and the two answers, once in each order."""
    source = write_rows(tmp_path / "stories.jsonl", STORIES[:2])
    with engines(tmp_path, database_url, monkeypatch, small=small, api=api) as both:
        both.evaluate("summaries", source, judge=True)
        told = both.judged[0]
        pairs = {answers_in(text) for text in both.judged}
    assert "<task>\nSum it up in one sentence.\n</task>" in told
    assert "<input>\nstory " in told
    assert pairs == {
        pair
        for n in range(2)
        for pair in ((f"short {n}", f"a longer sentence {n}"), (f"a longer sentence {n}", f"short {n}"))
    }


def test_a_budget_holds_for_the_judge(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Judgements beyond the workload's cap wait; with more budget the same command goes on with the rest."""
    source = write_rows(tmp_path / "stories.jsonl", STORIES)
    with engines(
        tmp_path,
        database_url,
        monkeypatch,
        small=small,
        api=api,
        more={"summaries": {"budget": {"day_usd": "0.0005"}}},
    ) as both:
        with pytest.raises(BreakevenError, match="the same command goes on with the rest"):
            both.evaluate("summaries", source, judge=True)
        before = len(both.judged)
        assert 0 < before < 30
        own = both.settings.workloads["summaries"].model_copy(update={"budget": type(both.settings.budget)()})
        richer = {**both.settings.workloads, "summaries": own}
        both.settings = both.settings.model_copy(update={"workloads": richer})
        found = both.evaluate("summaries", source, judge=True)
        assert len(both.judged) == 30
    assert found.judgement is not None
    assert found.judgement.judged == 20


def test_who_cannot_be_judged(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels are right or wrong, and a judge needs an API: one line says so before anything is asked."""
    rows = [{"text": f"message {n}", "labels": "billing", "label": "billing"} for n in range(3)]
    source = write_rows(tmp_path / "rows.jsonl", rows)
    with engines(
        tmp_path,
        database_url,
        monkeypatch,
        small=small,
        api=api,
        more={"summaries": {"data_residency": "local"}},
    ) as both:
        with pytest.raises(UsageError, match="topics answers labels, which are right or wrong"):
            both.evaluate("topics", source, judge=True)
        with pytest.raises(UsageError, match="which summaries cannot use"):
            both.evaluate("summaries", source, judge=True)
        assert both.api.seen == []
