"""Audits by people: the keyed draw in a random order, compared with what is published, written down once and anew."""

import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from commands.label_now import label_and_print
from db.audits import count_months, list_audited
from models import workloads
from models.errors import InputError, UsageError
from models.settings import Settings
from models.workloads.base import Workload
from tasks.audit.after_run import audit_published
from tasks.audit.by_people import PeopleAudit, audit_by_people, place_of, text_number
from tasks.audit.draw import is_drawn
from tasks.label_page.desk import Desk
from tasks.label_page.serve import LabelRequest, open_desk
from tasks.labelling.people_file import PersonsLabel, add_label, people_file
from tasks.labelling.people_labels import read_people
from tasks.ledger.audits import audit_rows
from tasks.planning.request import RunRequest
from tasks.runtime.ledger_access import reading_ledger
from tests.fakes import ScriptedEngine
from tests.faulty_api import FaultyApi
from tests.integration.audit.harness import COUNT, SHARE, WRONG, audit, audit_settings, audits, serve
from tests.integration.evaluation.evaluating import api_label, other_label, right_unless
from tests.integration.pipeline.books import findings, table
from tests.integration.pipeline.harness import DAY, WORKLOAD, run

AT = datetime(2026, 11, 20, tzinfo=UTC)
KEYS = {f"r{number}" for number in range(COUNT) if is_drawn(WORKLOAD, DAY, f"r{number}", SHARE)}


def local(folder: Path, database_url: str, **more: Any) -> tuple[Settings, Workload]:  # noqa: ANN401  fields of Settings
    """Make settings of a workload whose records must stay, and that people audit."""
    own = {"input": str(folder / "in.jsonl"), "data_residency": "local"} | more.pop("own", {})
    settings = audit_settings(folder, database_url, "http://127.0.0.1:9/v1", own=own, **more)
    return settings, workloads.build(WORKLOAD, settings)


def opened(settings: Settings, workload: Workload, by: str = "ada", **more: Any) -> Desk:  # noqa: ANN401  fields of LabelRequest
    """Open the page's desk of drawn records."""
    return open_desk(LabelRequest(WORKLOAD, by, "audit", **more), workload, settings)


def give(desk: Desk, count: int) -> list[str]:
    """Label the next records as is right; return their keys."""
    for _ in range(count):
        place = desk.next()
        assert place is not None
        desk.give(place, api_label(desk.records[place].text))
    return [desk.records[place].record_key for place in desk.given]


def said(key: str, label: str, by: str = "ada", drawn: float | None = None) -> PersonsLabel:
    """Make a label of a record of the test's partition."""
    return PersonsLabel(f"message number {key[1:]}", label, by, AT, key, str(DAY), drawn)


def rows(settings: Settings) -> dict[str, bool]:
    """Return what people's audits found, by record key."""
    found = [row for row in audits(settings) if row.judge == "people"]
    return {row.record_key: row.agrees for row in found if row.agrees is not None}


def left_open(settings: Settings) -> set[str]:
    """Return the records that people saw and did not settle."""
    return {row.record_key for row in audits(settings) if row.agrees is None}


def agreeing(keys: Iterable[str]) -> dict[str, bool]:
    """Return what they are to find: the local engine answers every fifth record otherwise."""
    return {key: bool(int(key[1:]) % WRONG) for key in keys}


def in_order() -> list[str]:
    """Return the drawn records as people are to see them."""
    return sorted(KEYS, key=lambda key: place_of(WORKLOAD, text_number(f"message number {key[1:]}")))


def test_people_see_the_draw_in_random_order_and_what_they_say_is_written_down(
    tmp_path: Path, database_url: str
) -> None:
    """Nothing of what was answered is shown; the rows are anew each time, name who published, and the API was asked nothing."""
    settings, workload = local(tmp_path, database_url)
    serve(settings, tmp_path)
    desk = opened(settings, workload)
    assert [one.record_key for one in desk.records] == in_order()
    assert {(one.why, one.drawn, one.partition) for one in desk.records} == {("", SHARE, str(DAY))}
    assert audit_by_people(workload, settings) is None
    given = give(desk, 20)
    for _ in range(2):
        right = agreeing(given)
        assert audit_by_people(workload, settings) == PeopleAudit(20, sum(right.values()))
        assert rows(settings) == right
    (run,) = table(settings, "runs")
    assert {(row.run_id, row.model_id, row.engine) for row in audits(settings)} == {
        (run.id, run.model_id, "vllm")
    }
    assert [one.record_key for one in opened(settings, workload, limit=3).records] == in_order()[20:23]
    assert findings(settings) == []


def test_what_was_labelled_for_anything_else_is_no_audit(tmp_path: Path, database_url: str) -> None:
    """The least sure come first there, so that agreement on them is too low; they are shown again, and what most say counts."""
    settings, workload = local(tmp_path, database_url)
    serve(settings, tmp_path)
    path = people_file(settings.output_dir, WORKLOAD)
    for key in KEYS:
        add_label(path, said(key, api_label(f"message number {key[1:]}"), "bob"))
    assert audit_by_people(workload, settings) is None
    assert len(opened(settings, workload, "bob").records) == len(KEYS)
    desk = opened(settings, workload)
    desk.skip(0)  # bob's label of it is no audit either
    given = give(desk, 10)
    assert given == in_order()[1:11]
    assert audit_by_people(workload, settings) == PeopleAudit(10, sum(agreeing(given).values()), 1)
    assert rows(settings) == agreeing(given)
    assert left_open(settings) == {in_order()[0]}
    first = given[0]
    add_label(path, said(first, other_label(api_label(f"message number {first[1:]}")), "bob"))
    audit_by_people(workload, settings)
    assert rows(settings) == agreeing(given[1:])
    assert left_open(settings) == {in_order()[0], first}  # skipped, and a tie
    with reading_ledger(settings) as session:
        (count,) = count_months(session)
    assert (count.audited, count.unjudged) == (9, 2)
    assert audit_rows([count])[0]["unjudged"] == 2


def test_who_skips_what_is_hard_does_not_make_it_look_better(tmp_path: Path, database_url: str) -> None:
    """What was skipped is counted, also the last ones; the interval reaches to where all of it is wrong. Who labels it later settles it."""
    settings, workload = local(tmp_path, database_url)
    serve(settings, tmp_path)
    desk, order = opened(settings, workload), in_order()[:20]
    hard = [key for key in order if int(key[1:]) % WRONG == 0] + [in_order()[20]]
    for place, key in enumerate([*order, hard[-1]]):
        if key in hard:
            desk.skip(place)
        else:
            give(desk, 1)
    easy = 21 - len(hard)
    assert audit_by_people(workload, settings) == PeopleAudit(easy, easy, len(hard))
    assert left_open(settings) == set(hard)
    with reading_ledger(settings) as session:
        (count,) = count_months(session)
    assert (count.agreement, count.unjudged) == (1, len(hard))
    assert count.interval is not None
    assert count.interval.low < easy / 21
    again = opened(settings, workload)
    assert {one.record_key for one in again.records[: len(hard)]} == set(hard)
    give(again, len(hard))
    right = sum(agreeing([*order, hard[-1]]).values())
    assert audit_by_people(workload, settings) == PeopleAudit(21, right)


def test_a_text_of_another_day_counts_as_far_as_people_have_come(tmp_path: Path, database_url: str) -> None:
    """Texts that come again each day are labelled once; beyond the last text of this day they would count for too much."""
    settings, workload = local(tmp_path, database_url)
    serve(settings, tmp_path)
    path, order = people_file(settings.output_dir, WORKLOAD), in_order()
    for key, day in ((order[1], "2026-10-01"), (order[-1], "2026-10-01"), (order[3], str(DAY))):
        label = said(key, api_label(f"message number {key[1:]}"), drawn=SHARE)
        add_label(path, replace(label, partition=day))
    audit_by_people(workload, settings)
    assert rows(settings) == agreeing((order[1], order[3]))
    assert left_open(settings) == {order[0], order[2]}


def test_what_is_published_anew_and_what_is_taken_back_is_compared_anew(
    tmp_path: Path, database_url: str
) -> None:
    """The next start says it of what is published now."""
    settings, workload = local(tmp_path, database_url)
    serve(settings, tmp_path)
    desk = opened(settings, workload)
    given = give(desk, 10)
    audit_by_people(workload, settings)
    engine = ScriptedEngine(handler=right_unless(lambda _: False))
    run(settings, tmp_path / "in.jsonl", engine, rerun=True)
    audit_by_people(workload, settings)
    assert rows(settings) == dict.fromkeys(given, True)
    for _ in given:
        desk.undo()
    assert audit_by_people(workload, settings) == PeopleAudit()
    assert rows(settings) == {}


def test_people_go_on_where_the_api_has_been_switched_off(tmp_path: Path, database_url: str) -> None:
    """Each judge's audits stand beside the other's, also of the same records."""
    with FaultyApi() as api:
        settings = audit_settings(tmp_path, database_url, api.url, own={"input": str(tmp_path / "in.jsonl")})
        serve(settings, tmp_path)
        audit(settings, tmp_path)
    off = settings.model_copy(update={"api_mode": "off"})
    workload = workloads.build(WORKLOAD, off)
    given = give(opened(off, workload), 5)
    audit_by_people(workload, off)
    assert rows(off) == agreeing(given)
    with reading_ledger(off) as session:
        counts = {one.judge: one.audited for one in count_months(session)}
        assert counts == {"api": len(KEYS), "people": 5}
        assert {key for _, key, _ in list_audited(session, WORKLOAD)} == KEYS


def test_the_command_compares_when_it_ends_and_when_it_starts(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A killed session's labels are compared by the next start, also where nothing is left to label."""
    settings, workload = local(tmp_path, database_url)
    serve(settings, tmp_path)
    (tmp_path / "none.jsonl").write_text("")

    def killed(desk: Desk, *_: object, **__: object) -> None:
        give(desk, 4)
        raise OSError

    monkeypatch.setattr("commands.label_now.read_settings", lambda: settings)
    for session, count in ((killed, 4), (lambda desk, *_, **__: give(desk, 3), 7)):
        monkeypatch.setattr("commands.label_now.serve_desk", session)
        with suppress(OSError):
            label_and_print(WORKLOAD, "ada", "audit", 100, 0, open_browser=False)
        if session is killed:
            assert rows(settings) == {}
            with pytest.raises(InputError, match="is empty"):
                label_and_print(WORKLOAD, "ada", str(tmp_path / "none.jsonl"), 100, 0, open_browser=False)
        assert rows(settings) == agreeing(in_order()[:count])
    told = f"people agree with what is published on {sum(agreeing(in_order()[:7]).values())} of 7 audited records"
    assert told in capsys.readouterr().err
    assert read_people(workload, settings, limit=None, seed=0).records


def test_a_run_and_the_commands_say_that_people_audit(
    tmp_path: Path, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """In one line each; a run warns of nothing; without a share the line says which setting."""
    settings, workload = local(tmp_path, database_url)
    result = serve(settings, tmp_path)
    caplog.set_level(logging.INFO)
    caplog.clear()
    assert audit_published(result, RunRequest(WORKLOAD, DAY, str(tmp_path / "in.jsonl")), settings) is None
    (line,) = [one for one in caplog.records if "audited by people" in one.getMessage()]
    assert line.levelno == logging.INFO
    assert "breakeven label sentiment --from audit" in line.getMessage()
    with pytest.raises(UsageError, match="people do, by `breakeven label sentiment --from audit`"):
        audit(settings, tmp_path)
    none, built = local(tmp_path, database_url, audit={"share": 0})
    with pytest.raises(UsageError, match="is not audited: set share"):
        opened(none, built)
    give(opened(settings, workload), len(KEYS))
    with pytest.raises(UsageError, match="no drawn record of sentiment waits for you"):
        opened(settings, workload)
    caplog.clear()
    read_people(workload, settings, limit=None, seed=0)
    assert "least sure" not in caplog.text
