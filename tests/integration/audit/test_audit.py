"""Audits of a published partition: a random share is asked on the API, compared, counted, and changes nothing else."""

import signal
import stat
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from models.errors import Interrupted, UsageError
from models.run import RunResult
from tasks.audit.after_run import audit_collected, audit_published
from tasks.audit.draw import is_drawn
from tasks.planning.request import RunRequest
from tasks.run.run_partition import run_request
from tasks.storage.output_folders import evaluations_folder
from tests.faulty_api import FaultyApi
from tests.integration.audit.harness import COUNT, SHARE, WRONG, audit, audit_settings, audits, serve
from tests.integration.hybrid.harness import api_lines, check_seen
from tests.integration.pipeline.books import check_sums, findings, table
from tests.integration.pipeline.harness import DAY, WORKLOAD, no_engine, published, run, target

KEYS = {f"r{number}" for number in range(COUNT) if is_drawn(WORKLOAD, DAY, f"r{number}", SHARE)}
STOPPED = ("stopped", signal.SIGTERM)
AGREEING = {key for key in KEYS if int(key[1:]) % WRONG}


def test_a_share_is_asked_and_compared_and_nothing_published_changes(
    tmp_path: Path, database_url: str
) -> None:
    """The rows of audits are the drawn records, each with whether the API answers the same; the ledger has its cost, and adds up."""
    with FaultyApi() as api:
        settings = audit_settings(tmp_path, database_url, api.url)
        serve(settings, tmp_path)
        before = (target(settings) / "records.parquet").read_bytes()
        found = audit(settings, tmp_path)
        check_seen(settings, api.seen)
    assert 0 < len(AGREEING) < len(KEYS) < COUNT
    assert (found.state, found.drawn, found.audited, found.agreeing) == (
        "audited",
        len(KEYS),
        len(KEYS),
        len(AGREEING),
    )
    rows = audits(settings)
    assert {(row.record_key, row.agrees) for row in rows} == {(key, key in AGREEING) for key in KEYS}
    runs = {row.purpose: row for row in table(settings, "runs")}
    assert {row.run_id for row in rows} == {runs["audit"].id}
    assert {(row.engine, row.model_id) for row in rows} == {("vllm", runs["production"].model_id)}
    assert found.cost_nano == sum(line.cost_nano for line in api_lines(settings)) > 0
    assert (target(settings) / "records.parquet").read_bytes() == before
    check_sums(settings)
    assert findings(settings) == []


def test_a_second_try_asks_nothing_and_a_larger_share_only_what_is_new(
    tmp_path: Path, database_url: str
) -> None:
    """The same records are drawn again, and are among those of a larger share."""
    with FaultyApi() as api:
        settings = audit_settings(tmp_path, database_url, api.url)
        serve(settings, tmp_path)
        first = audit(settings, tmp_path)
        again = audit(settings, tmp_path)
        assert len(api.seen) == len(KEYS)
        assert (again.audited, again.agreeing, again.cost_nano) == (first.audited, first.agreeing, 0)
        more = audit(settings, tmp_path, share=1.0)
        assert len(api.seen) == more.audited == COUNT
    assert len(audits(settings)) == COUNT
    assert findings(settings) == []


def test_what_was_served_by_the_api_is_not_audited(tmp_path: Path, database_url: str) -> None:
    """A partition that the API answered whole has nothing to audit."""
    with FaultyApi() as api:
        settings = audit_settings(tmp_path, database_url, api.url)
        serve(settings, tmp_path, 8)
        everything = RunRequest(WORKLOAD, DAY, str(tmp_path / "in.jsonl"), rerun=True, engine="openai")
        run_request(everything, settings)
        asked = len(api.seen)
        assert audit(settings, tmp_path, share=1.0).state == "nothing"
        assert len(api.seen) == asked


def test_a_text_that_changed_since_is_left_out(tmp_path: Path, database_url: str) -> None:
    """The API is never asked about another text than the one that was answered."""
    with FaultyApi() as api:
        settings = audit_settings(tmp_path, database_url, api.url)
        serve(settings, tmp_path, 12)
        lines = (tmp_path / "in.jsonl").read_text().splitlines()
        lines[3] = lines[3].replace("message", "massage")
        (tmp_path / "in.jsonl").write_text("\n".join(lines) + "\n")
        found = audit(settings, tmp_path, share=1.0)
    assert (found.audited, found.changed) == (11, 1)
    assert published(settings).height == 12


def test_a_rerun_of_the_partition_is_audited_anew(tmp_path: Path, database_url: str) -> None:
    """The rows speak of what is published now; the API is not asked again, since its answers are there."""
    with FaultyApi() as api:
        settings = audit_settings(tmp_path, database_url, api.url)
        serve(settings, tmp_path, 40)
        audit(settings, tmp_path, share=1.0)
        other = settings.model_copy(update={"model": "tests/other"})
        serve(other, tmp_path, 40, rerun=True)
        audit(other, tmp_path, share=1.0)
        assert len(api.seen) == 40
    models = {row.id: row.name for row in table(settings, "models")}
    assert {models[row.model_id] for row in audits(settings)} == {"tests/other"}


def test_the_months_dollars_are_never_passed(tmp_path: Path, database_url: str) -> None:
    """What does not fit waits; the next audit is not begun; with more dollars the same command does the rest."""
    with FaultyApi() as api:
        capped = audit_settings(tmp_path, database_url, api.url, audit={"month_usd": "0.0005"})
        serve(capped, tmp_path)
        found = audit(capped, tmp_path, share=1.0)
        spent = sum(line.cost_nano for line in api_lines(capped))
        assert found.state == "waiting"
        assert 0 < spent <= 500_000
        assert audits(capped) == []
        free = audit_settings(tmp_path, database_url, api.url)
        done = audit(free, tmp_path, share=1.0)
        assert (done.state, done.audited) == ("audited", COUNT)
        assert len(api.seen) == COUNT
    assert findings(free) == []
    with pytest.raises(UsageError, match="used up what they may cost"):
        audit(audit_settings(tmp_path, database_url, api.url, audit={"month_usd": "0.0001"}), tmp_path)


def test_what_cannot_be_audited_is_one_line_before_anything_is_asked(
    tmp_path: Path, database_url: str
) -> None:
    """No share, no API, records that must not leave, nothing published, another prompt."""
    with FaultyApi() as api:
        settings = audit_settings(tmp_path, database_url, api.url)
        with pytest.raises(UsageError, match="is not published"):
            audit(settings, tmp_path)
        serve(settings, tmp_path, 8)
        for said, changed in (
            ("set share = 0.01 in", {"audit": {"share": 0}}),
            ("which is off", {"api_mode": "off"}),
            ("breakeven label sentiment", {"own": {"data_residency": "local"}}),
            ("another prompt", {"own": {"extends": "sentiment", "prompt": "Other words"}}),
        ):
            with pytest.raises(UsageError, match=said):
                audit(audit_settings(tmp_path, database_url, api.url, **changed), tmp_path)
        assert api.seen == []


def test_an_audit_follows_a_run_and_what_is_wrong_with_it_is_a_warning(
    tmp_path: Path, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A run that published is audited; one that was skipped is not; an API that is gone leaves the run as it is."""
    ask = RunRequest(WORKLOAD, DAY, str(tmp_path / "in.jsonl"))
    with FaultyApi() as api:
        settings = audit_settings(tmp_path, database_url, api.url)
        result = serve(settings, tmp_path)
        found = audit_published(result, ask, settings)
        assert found is not None
        assert found.audited == len(KEYS)
        again = run(settings, tmp_path / "in.jsonl", no_engine)
        assert (again.state, audit_published(again, ask, settings)) == ("skipped", None)
    gone = audit_settings(tmp_path, database_url, "http://127.0.0.1:9/v1", api_mode="off")
    assert audit_published(result, ask, gone) is None
    assert "is published, and not audited" in caplog.text
    assert audit_collected([], settings) == []


def test_a_draw_is_a_share_of_any_partition() -> None:
    """Of ten thousand records as many as asked for, give or take chance, and others on the next day."""
    keys = [f"k{number}" for number in range(10_000)]
    today, tomorrow = (
        {key for key in keys if is_drawn("w", day, key, 0.1)} for day in (DAY, DAY + timedelta(days=1))
    )
    assert 880 < len(today) < 1120
    assert len(today & tomorrow) < 200
    assert {key for key in keys if is_drawn("w", DAY, key, 0.05)} < today
    assert not any(is_drawn("w", DAY, key, 0.0) for key in keys)
    assert all(is_drawn("w", DAY, key, 1.0) for key in keys)


def test_an_audit_that_was_killed_before_it_was_compared_is_compared_by_the_next_collecting(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The API's answers are there and paid; nothing is asked again, and from then on nothing is left. So it is of a larger share later on."""
    with FaultyApi() as api:
        settings = audit_settings(tmp_path, database_url, api.url)
        serve(settings, tmp_path, 40)

        def die(*_: object) -> None:
            raise KeyboardInterrupt

        half = sum(is_drawn(WORKLOAD, DAY, f"r{number}", 0.5) for number in range(40))
        for share, compared, asked in ((0.5, 0, half), (1.0, half, 40)):
            with monkeypatch.context() as patched:
                patched.setattr("tasks.audit.run.audits.replace_audits", die)
                with pytest.raises(KeyboardInterrupt):
                    audit(settings, tmp_path, share=share)
            assert len(audits(settings)) == compared
            (found,) = audit_collected([], settings)
            assert (found.state, found.audited) == ("audited", asked)
            assert len(api.seen) == asked
            assert audit_collected([], settings) == []
    assert len(audits(settings)) == 40


def test_no_text_of_an_audit_stays_behind(tmp_path: Path, database_url: str) -> None:
    """What is to be asked lies in a file for this user alone until the audit ends, whether it is answered or stopped."""
    with FaultyApi() as api:
        settings = audit_settings(tmp_path, database_url, api.url)
        serve(settings, tmp_path, 8)
        folder = evaluations_folder(settings.output_dir, WORKLOAD)
        seen: list[int] = []

        def look(request: RunRequest, _: object, stop: bool = False) -> RunResult:
            seen.extend(stat.S_IMODE(one.stat().st_mode) for one in folder.glob("audit-*"))
            if stop:
                raise Interrupted(*STOPPED)
            return run_request(request, settings)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("tasks.audit.run.run_request", partial(look, stop=True))
            with pytest.raises(Interrupted):
                audit(settings, tmp_path, share=1.0)
            assert list(folder.glob("audit-*")) == []
            patched.setattr("tasks.audit.run.run_request", look)
            assert audit(settings, tmp_path, share=1.0).audited == 8
        assert list(folder.glob("audit-*")) == []
    assert seen == [0o600, 0o600]
