"""A published day whose input has changed: only what is new or changed is inferred, and the day is published whole."""

from datetime import timedelta
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from models.errors import EngineDied, UsageError
from models.requests import Request
from models.settings import Settings
from tasks.planning.input_facts import InputFacts, read_facts
from tasks.reading import PartitionReader
from tests.fakes import Reply, ScriptedEngine, plausible, prompt
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import (
    DAY,
    good_rows,
    leftovers,
    no_engine,
    published,
    quarantined,
    run,
)
from tests.integration.pipeline.late import check_fresh, publish, refresh


def late(count: int) -> list[object]:
    """Make records that nobody has seen before."""
    return [{"id": f"late{number}", "text": f"late message {number}"} for number in range(count)]


def states(settings: Settings) -> list[str]:
    """Return the states of the day's versions, oldest first."""
    return [row.state for row in sorted(table(settings, "partition_versions"), key=lambda row: row.version)]


def test_ten_new_records_are_ten_requests(settings: Settings, tmp_path: Path) -> None:
    """They are put in their places, the other rows are taken over without a line, and the version before is superseded."""
    rows = good_rows(100)
    source = publish(settings, tmp_path, rows)
    new, engine = late(10), ScriptedEngine()
    result = refresh(settings, source, [*new[:5], *rows[:50], *new[5:], *rows[50:]], engine)
    assert (result.state, result.published, result.carried, result.records) == ("completed", 110, 100, 110)
    assert sorted(engine.started) == [f"late{number}" for number in range(10)]
    check_fresh(settings, source)
    assert states(settings) == ["superseded", "published"]
    first, second = table(settings, "runs")
    assert (first.carried, second.carried, second.published, second.records) == (0, 100, 110, 110)
    assert sum(line.run_id == second.id for line in table(settings, "ledger_lines")) == 10


def test_a_changed_text_is_inferred_again_and_no_other(settings: Settings, tmp_path: Path) -> None:
    """Its row answers the new text, and says so."""
    rows = good_rows(60)
    source = publish(settings, tmp_path, rows)
    before = published(settings)
    engine = ScriptedEngine()
    result = refresh(
        settings, source, [*rows[:30], {"id": "r30", "text": "now another text"}, *rows[31:]], engine
    )
    assert (engine.started, result.carried) == (["r30"], 59)
    check_fresh(settings, source)
    hashes = before.join(published(settings), on="record_key").filter(
        before["text_hash"] != published(settings)["text_hash"]
    )
    assert hashes["record_key"].to_list() == ["r30"]


def test_a_deleted_record_vanishes_and_no_model_is_loaded(settings: Settings, tmp_path: Path) -> None:
    """What the input no longer has is in neither file; nothing was asked for it, and nothing cost anything."""
    rows = [*good_rows(40), {"id": "bad", "text": None}]
    source = publish(settings, tmp_path, rows)
    assert quarantined(settings).height == 1
    result = refresh(settings, source, rows[:10] + rows[12:-1], no_engine)
    assert (result.published, result.carried, result.quarantined, result.cost_nano) == (38, 38, 0, 0)
    assert quarantined(settings).height == 0
    check_fresh(settings, source)


def test_an_unchanged_input_is_left_alone(settings: Settings, tmp_path: Path) -> None:
    """No model, no run, no version, the same file; also when it is asked for a second time after a change."""
    rows = [*good_rows(30), {"id": "bad", "text": None}]
    source = publish(settings, tmp_path, rows)
    before = published(settings)
    again = run(settings, source, no_engine, refresh=True)
    assert (again.state, again.run_id, again.carried) == ("skipped", None, 0)
    assert again.output is not None
    assert_frame_equal(published(settings), before)
    refresh(settings, source, [*rows, *late(1)])
    assert run(settings, source, no_engine, refresh=True).state == "skipped"
    assert len(table(settings, "runs")) == len(states(settings)) == 2
    assert [row.owner for row in table(settings, "leases")] == [None]
    check_books(settings)


def test_the_input_is_compared_before_the_lease_is_taken(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading a large day takes its time, and nobody else is kept out for it."""
    source = publish(settings, tmp_path, good_rows(20))
    owners: list[set[str | None]] = []

    def facts(reader: PartitionReader) -> InputFacts:
        owners.append({row.owner for row in table(settings, "leases")})
        return read_facts(reader)

    monkeypatch.setattr("tasks.planning.examine.read_facts", facts)
    assert refresh(settings, source, [*good_rows(20), *late(1)]).carried == 20
    assert owners == [{None}]


def test_without_refresh_nothing_changes(settings: Settings, tmp_path: Path) -> None:
    """A published day is skipped, whatever its input; a rerun infers all of it."""
    source = publish(settings, tmp_path, good_rows(20))
    source.write_bytes(source.read_bytes() + b'{"id": "late", "text": "late"}\n')
    assert run(settings, source, no_engine).state == "skipped"
    engine = ScriptedEngine()
    result = run(settings, source, engine, rerun=True)
    assert (result.published, result.carried, len(engine.started)) == (21, 0, 21)
    assert run(settings, source, no_engine, refresh=True).state == "skipped"


def test_the_first_run_may_be_a_refresh(settings: Settings, tmp_path: Path) -> None:
    """Where nothing is published, it infers everything, as any run does."""
    engine = ScriptedEngine()
    source = tmp_path / "in.jsonl"
    result = refresh(settings, source, good_rows(20), engine)
    assert (result.state, result.published, result.carried, len(engine.started)) == ("completed", 20, 0, 20)
    check_fresh(settings, source)


def test_repeated_ids_and_identical_texts(settings: Settings, tmp_path: Path) -> None:
    """Occurrences are told apart by their number; new records with one text are one request, whoever had it before."""
    rows: list[object] = [{"id": f"r{n % 20}", "text": f"text {n % 7}"} for n in range(60)]
    source = publish(settings, tmp_path, rows)
    engine = ScriptedEngine()
    more: list[object] = [{"id": f"r{n % 5}", "text": "one text"} for n in range(10)]
    result = refresh(settings, source, [*rows, *more, {"id": "twin", "text": "text 0"}], engine)
    assert (result.carried, result.published, result.reused) == (60, 71, 9)
    assert len(engine.started) == 2  # "one text", and "text 0" of a record that has no row yet
    check_fresh(settings, source)


def test_a_reordered_input_moves_rows_without_requests(settings: Settings, tmp_path: Path) -> None:
    """Order is no content: rows are carried to their new places."""
    rows = good_rows(50)
    source = publish(settings, tmp_path, rows)
    result = refresh(settings, source, rows[::-1], no_engine)
    assert result.carried == 50
    check_fresh(settings, source)
    assert published(settings)["id"].to_list() == [f"r{number}" for number in reversed(range(50))]


def test_where_occurrences_of_an_id_change_places_those_are_inferred_again(
    settings: Settings, tmp_path: Path
) -> None:
    """The key of a repeated id is its occurrence: behind a new first one, each has another text than before."""
    rows: list[object] = [{"id": "same", "text": f"text {number}"} for number in range(5)]
    source = publish(settings, tmp_path, [*rows, *good_rows(10)])
    engine = ScriptedEngine()
    result = refresh(settings, source, [{"id": "same", "text": "before all"}, *rows, *good_rows(10)], engine)
    assert (len(engine.started), result.carried) == (6, 10)
    check_fresh(settings, source)


def test_an_id_that_looks_like_a_key(settings: Settings, tmp_path: Path) -> None:
    """`a#2` as an id and the second `a` have one key; the row that is carried gets the id of the input."""
    source = publish(settings, tmp_path, [{"id": "a", "text": "one"}, {"id": "a", "text": "two"}])
    result = refresh(settings, source, [{"id": "a", "text": "one"}, {"id": "a#2", "text": "two"}], no_engine)
    assert result.carried == 2
    assert published(settings)["id"].to_list() == ["a", "a#2"]
    check_fresh(settings, source)


def answer(request: Request) -> Reply:
    """Refuse, or answer badly, the texts that ask for it."""
    text = prompt(request)
    if "REFUSE" in text:
        return Reply(rejection="refused", detail="not this one")
    return Reply("blue", None) if "NONSENSE" in text else plausible(request)


def test_what_was_set_aside_is_read_again(settings: Settings, tmp_path: Path) -> None:
    """Rows that reading sets aside cost nothing; a record that an engine failed is asked for again; both may heal."""
    bad: list[object] = [
        {"id": "null", "text": None},
        {"id": "healed", "text": None},
        {"id": "refused", "text": "REFUSE"},
        {"id": "nonsense", "text": "NONSENSE"},
    ]
    source = tmp_path / "in.jsonl"
    refresh(settings, source, [*good_rows(20), *bad], ScriptedEngine(handler=answer))
    assert quarantined(settings).height == 4
    bad[1] = {"id": "healed", "text": "well now"}
    bad.append({"id": "worse", "text": 7})
    engine = ScriptedEngine(handler=answer)
    result = refresh(settings, source, [*good_rows(20), *bad], engine)
    assert sorted(engine.started) == ["healed", "nonsense", "refused"]
    assert (result.carried, result.published, result.quarantined) == (20, 21, 4)
    check_fresh(settings, source, answer)
    assert (
        run(settings, source, no_engine, refresh=True).state == "skipped"
    )  # nobody is asked without a change


@pytest.mark.parametrize(
    "changed",
    [{"id": None, "text": "message number 5"}, {"id": "r5", "text": 7}, {"id": "r5", "text": "  "}],
    ids=["id", "text", "empty"],
)
def test_a_record_that_turns_bad_leaves_the_output(
    settings: Settings, tmp_path: Path, changed: object
) -> None:
    """Its published row goes, a quarantined row comes; nobody is asked."""
    rows = good_rows(20)
    source = publish(settings, tmp_path, rows)
    result = refresh(settings, source, [*rows[:5], changed, *rows[6:]], no_engine)
    assert (result.published, result.quarantined) == (19, 1)
    check_fresh(settings, source)


def test_a_fault_that_reads_otherwise_is_a_change(settings: Settings, tmp_path: Path) -> None:
    """The quarantine file says what is wrong now, also where the reason has the same name as before."""
    rows = good_rows(5)
    source = publish(settings, tmp_path, [*rows, {"id": "bad", "text": 7}])
    assert refresh(settings, source, [*rows, {"id": "bad", "text": ["7"]}], no_engine).carried == 5
    check_fresh(settings, source)


def test_a_limit_is_kept(settings: Settings, tmp_path: Path) -> None:
    """Of the first 20 records one is new at the front, so the last one falls out; beyond the limit nothing counts."""
    rows = good_rows(50)
    source = publish(settings, tmp_path, rows, limit=20)
    assert refresh(settings, source, [*rows, *late(3)], no_engine, limit=20).state == "skipped"
    engine = ScriptedEngine()
    result = refresh(settings, source, [*late(1), *rows], engine, limit=20)
    assert (engine.started, result.carried, result.published) == (["late0"], 19, 20)
    check_fresh(settings, source, limit=20)


def test_an_input_without_a_record_of_the_day_changes_nothing(settings: Settings, tmp_path: Path) -> None:
    """A day that vanished as a whole is more likely a mistake than data: what is published stays."""
    row = {"id": "a", "text": "message", "timestamp": f"{DAY}T10:00:00Z"}
    source = publish(settings, tmp_path, [row])
    other = row | {"timestamp": f"{DAY + timedelta(days=1)}T10:00:00Z"}
    assert refresh(settings, source, [other], no_engine).state == "empty"
    assert published(settings).height == 1
    assert states(settings) == ["published"]


def test_other_settings_still_ask_for_a_rerun(settings: Settings, tmp_path: Path) -> None:
    """Rows of two prompts or models are never mixed in one file."""
    source = publish(settings, tmp_path, good_rows(20))
    other = settings.model_copy(update={"seed": 1})
    with pytest.raises(UsageError, match="--rerun replaces it"):
        refresh(other, source, good_rows(21), no_engine)
    assert [row.owner for row in table(settings, "leases")] == [None]


def test_rerun_and_refresh_together_are_refused(settings: Settings, tmp_path: Path) -> None:
    """They contradict each other; nothing is made, not even a ledger."""
    source = tmp_path / "in.jsonl"
    with pytest.raises(UsageError, match="ask for one of them"):
        refresh(settings, source, good_rows(5), no_engine, rerun=True)
    assert not settings.output_dir.exists()


def test_a_refresh_that_died_is_continued_by_the_next_one_only(settings: Settings, tmp_path: Path) -> None:
    """Readers see the old file meanwhile; an ordinary run leaves it alone, a rerun gives it up."""
    rows = good_rows(60)
    source = publish(settings, tmp_path, rows)
    before = published(settings)
    with pytest.raises(EngineDied):
        refresh(settings, source, [*late(40), *rows], ScriptedEngine(dies_after=25))
    assert_frame_equal(published(settings), before)
    assert run(settings, source, no_engine).state == "skipped"
    engine = ScriptedEngine()
    result = run(settings, source, engine, refresh=True)
    assert (len(engine.started), result.published) == (15, 100)
    assert states(settings) == ["superseded", "published"]
    assert sum(row.carried for row in table(settings, "runs")) == 60
    check_fresh(settings, source)


def test_a_rerun_does_not_continue_a_refresh(settings: Settings, tmp_path: Path) -> None:
    """Nor the other way round: a rerun takes no row over, and a refresh that follows it gives it up."""
    rows = good_rows(60)
    source = publish(settings, tmp_path, rows)
    with pytest.raises(EngineDied):
        refresh(settings, source, [*rows, *late(40)], ScriptedEngine(dies_after=5))
    with pytest.raises(EngineDied):
        run(settings, source, ScriptedEngine(dies_after=50), rerun=True)
    assert states(settings) == ["published", "abandoned", "open"]
    engine = ScriptedEngine()
    assert run(settings, source, engine, refresh=True).carried == 60
    assert len(engine.started) == 40
    assert states(settings) == ["superseded", "abandoned", "abandoned", "published"]
    check_fresh(settings, source)


def test_an_input_that_changes_again_begins_a_new_refresh(settings: Settings, tmp_path: Path) -> None:
    """What a refresh that died had committed was made for another input: no row of it stands at a wrong place."""
    rows = good_rows(60)
    source = publish(settings, tmp_path, rows)
    with pytest.raises(EngineDied):
        refresh(settings, source, [*late(20), *rows], ScriptedEngine(dies_after=15))
    engine = ScriptedEngine()
    result = refresh(settings, source, [{"id": "later", "text": "even later"}, *late(20), *rows[1:]], engine)
    assert (result.published, result.carried, len(engine.started)) == (80, 59, 21)
    assert states(settings) == ["superseded", "abandoned", "published"]
    check_fresh(settings, source)


def test_an_input_that_goes_back_to_what_is_published(settings: Settings, tmp_path: Path) -> None:
    """Nothing is to be done any more, though a refresh is open; the next change finds its way."""
    rows = good_rows(30)
    source = publish(settings, tmp_path, rows)
    with pytest.raises(EngineDied):
        refresh(settings, source, [*late(20), *rows], ScriptedEngine(dies_after=15))
    assert refresh(settings, source, rows, no_engine).state == "skipped"
    assert refresh(settings, source, [*rows, *late(1)]).carried == 30
    check_fresh(settings, source)


def test_every_commit_of_a_large_carry_is_durable(settings: Settings, tmp_path: Path) -> None:
    """Rows are carried in many commits, over more than one look-up and one chunk of the file."""
    rows = good_rows(4500)
    large = settings.model_copy(update={"commit_records": 700})
    source = publish(large, tmp_path, rows)
    result = refresh(large, source, [*rows[::-1], *late(2)])
    assert (result.carried, result.published) == (4500, 4502)
    check_fresh(large, source)
    assert leftovers(large) == []
