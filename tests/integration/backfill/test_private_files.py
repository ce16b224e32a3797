"""All that the product writes is for its user alone, at every moment and under any umask; a group gets what a setting gives it."""

import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.errors import OutputError
from models.private_files import create_file, make_folder, read_by_others, renew_file
from models.requests import Request
from models.settings import Settings
from tasks.runtime.atomic_files import put_files, replace_file
from tasks.setup.file_modes import check_file_modes
from tests.batch_api import BatchApi
from tests.batch_state import Rules
from tests.fakes import Reply, ScriptedEngine, plausible
from tests.integration.backfill.commands import Commands
from tests.integration.backfill.harness import day, days_of, write_days
from tests.integration.hybrid.batch_harness import batch_settings, start, texts_of
from tests.integration.hybrid.harness import KEY
from tests.integration.pipeline.harness import (
    CACHE,
    WORKLOAD,
    good_rows,
    run,
    settings_for,
    target,
    write_records,
)
from tests.live_folder import paths_below

OTHERS = 0o077


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Let this process, and what it starts, make whatever it does not close open to all."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def reachable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Make the places of a run in a folder that everybody may enter, each for its owner alone."""
    folder = tmp_path
    monkeypatch.chdir(folder)
    monkeypatch.delenv("PREFECT_HOME", raising=False)
    for path in (folder, *folder.parents):
        if not path.stat().st_mode & stat.S_IXOTH:
            path.chmod(path.stat().st_mode | stat.S_IXOTH)
    settings = settings_for(folder, f"sqlite:///{folder / 'ledger.db'}", cache_dir=folder / "cache")
    make_folder(settings.output_dir)
    create_file(folder / "ledger.db").close()
    return settings


def open_to_others(folder: Path, but: tuple[Path, ...] = ()) -> dict[str, str]:
    """Return what lies below a folder that others may read, write or enter, by its mode, but for the test's own files."""
    found = {}
    for path, state in paths_below(folder):
        mode = state.st_mode
        if path not in but and not stat.S_ISSOCK(mode) and mode & OTHERS:
            found[str(path.relative_to(folder))] = f"{stat.S_IMODE(mode):o}"
    return found


@pytest.mark.usefixtures("open_umask")
def test_nothing_of_a_run_is_open_at_any_moment(tmp_path: Path) -> None:
    """Ledger with what SQLite lays beside it, parts, scratch, published files: looked at while each record is answered."""
    source = write_records(tmp_path / "in.jsonl", [*good_rows(60), {"id": "bad", "text": None}])
    settings = settings_for(tmp_path, f"sqlite:///{tmp_path / 'own' / 'ledger.db'}")
    seen: dict[str, str] = {}
    names: set[str] = set()

    def look(request: Request) -> Reply:
        seen.update(open_to_others(tmp_path, (source,)))
        names.update(path.name for path, _ in paths_below(tmp_path))
        return plausible(request)

    run(settings, source, ScriptedEngine(handler=look))
    assert seen | open_to_others(tmp_path, (source,)) == {}
    assert {"ledger.db", "ledger.db-wal", "ledger.db-shm", ".parts"} <= names
    assert any(name.endswith(".parquet") for name in names)
    assert (target(settings) / "quarantine.parquet").exists()


@pytest.mark.usefixtures("open_umask")
def test_batch_files_and_waiting_texts_are_private(tmp_path: Path) -> None:
    """Files with whole prompts, and parts with texts of records that wait for a batch, while they lie there."""
    with BatchApi(Rules(idempotency=False), key=KEY) as api:
        settings = batch_settings(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}", api.url)
        start(settings, texts_of(25, 15))
        files = [path.name for path in settings.output_dir.rglob("*") if path.is_file()]
        assert any(name.endswith(".parquet") for name in files)
        assert any(name.endswith(".jsonl") for name in files)
        assert open_to_others(tmp_path, (tmp_path / "in.jsonl",)) == {}


def test_nothing_that_commands_leave_is_open(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, open_umask: None
) -> None:
    """Run, backfill, report, forecast, sample, workload, archive: what they and Prefect write, in a folder of a user's own."""
    del open_umask
    home = tmp_path / "home"
    home.mkdir()
    source = write_days(home / "in.jsonl", days_of(20, 20))
    ours = ("PREFECT_", "BREAKEVEN_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    env["BREAKEVEN_CACHE_DIR"] = str(home / "cache")
    env["BREAKEVEN_MODEL"] = str(CACHE / "models" / "SmolLM2-135M-Instruct")
    month = f"{datetime.now(UTC):%Y-%m}"
    calls = tmp_path / "calls"
    calls.touch()
    commands = Commands(tmp_path_factory.mktemp("commands"))
    try:
        for arguments in (
            ("workload", "new", "mine", "--from", "classification"),
            ("run", WORKLOAD, "--input", "in.jsonl", "--date", str(day(0))),
            (
                "backfill",
                WORKLOAD,
                "--from",
                str(day(0)),
                "--to",
                str(day(1)),
                "--input",
                "in.jsonl",
                "--yes",
            ),
            ("report", "--month", month),
            ("report", "--month", month, "--out", "reports/of/ours"),
            ("forecast", "--input", "in.jsonl", "--daily", "1000", "--out", "forecast"),
            ("evaluate", WORKLOAD, "--sample", "5", "--input", "in.jsonl"),
            ("ledger", "archive", "--older-than", "1", "--yes"),
        ):
            command = commands.start(arguments, env, home, calls, 0.0)
            assert (command.wait(), command.code)[1] == 0, command.written()
    finally:
        commands.close()
    left = {str(path.relative_to(home)) for path in home.rglob("*")}
    assert {".breakeven/prefect", "breakeven.db", "forecast/forecast.png", "sentiment-to-label.csv"} <= left
    assert open_to_others(home, (source,)) == {}


def test_an_open_ledger_stays_as_its_owner_set_it(tmp_path: Path) -> None:
    """A team's ledger, and what SQLite lays beside it, keep the group that was let in; doctor says who can read it."""
    source = write_records(tmp_path / "in.jsonl", good_rows(30))
    folder = tmp_path / "team"
    folder.mkdir()
    folder.chmod(0o2770)
    settings = settings_for(tmp_path, f"sqlite:///{folder / 'ledger.db'}")
    run(settings, source)
    (folder / "ledger.db").chmod(0o660)
    modes: set[tuple[str, int]] = set()

    def look(request: Request) -> Reply:
        modes.update((path.name, stat.S_IMODE(state.st_mode)) for path, state in paths_below(folder))
        return plausible(request)

    run(settings, source, ScriptedEngine(handler=look), rerun=True)
    assert modes == {(f"ledger.db{end}", 0o660) for end in ("", "-wal", "-shm")}


@pytest.mark.usefixtures("open_umask")
@pytest.mark.parametrize(
    ("access", "file", "folder", "parts"),
    [("read", 0o640, 0o2750, 0o700), ("write", 0o660, 0o2770, 0o770)],
)
def test_a_group_gets_what_the_setting_gives(
    tmp_path: Path, access: str, file: int, folder: int, parts: int
) -> None:
    """`read`: published files and their folders; `write`: parts as well. Others nothing, and the folder's group is inherited."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o2770)
    source = write_records(tmp_path / "in.jsonl", [*good_rows(60), {"id": "bad", "text": None}])
    settings = settings_for(shared, f"sqlite:///{tmp_path / 'ledger.db'}", group_access=access)
    parts_modes: set[int] = set()

    def look(request: Request) -> Reply:
        for path, state in paths_below(settings.output_dir / ".parts"):
            mode = stat.S_IMODE(state.st_mode)
            if stat.S_ISDIR(state.st_mode):
                parts_modes.add(mode & 0o777)
            elif path.suffix == ".parquet":
                parts_modes.add(0o100000 | mode)
        return plausible(request)

    run(settings, source, ScriptedEngine(handler=look))
    put_files({"report.html": b"x"}, settings.output_dir / "reports", group=settings.group_access)
    for name in ("records.parquet", "quarantine.parquet"):
        assert stat.S_IMODE((target(settings) / name).stat().st_mode) == file
    for path in (
        settings.output_dir,
        settings.output_dir / WORKLOAD,
        target(settings),
        settings.output_dir / "reports",
    ):
        assert stat.S_IMODE(path.stat().st_mode) == folder
    part = 0o660 if access == "write" else 0o600
    assert parts_modes - {parts} <= {0o100000 | part, 0o700}  # a scratch folder is nobody else's
    assert 0o100000 | part in parts_modes
    assert stat.S_IMODE((tmp_path / "ledger.db").stat().st_mode) == 0o600


@pytest.mark.usefixtures("open_umask")
def test_a_link_in_the_place_of_a_file_leads_nowhere(tmp_path: Path) -> None:
    """In a folder that others write to, a link under a name that we use is replaced, never followed."""
    victim = tmp_path / "victim"
    victim.write_text("mine", encoding="utf-8")
    out = tmp_path / "tmp"
    out.mkdir()
    out.chmod(0o1777)
    for name in ("report.html", "report.html.tmp"):
        (out / name).symlink_to(victim)
    put_files({"report.html": b"new"}, out)
    assert victim.read_text(encoding="utf-8") == "mine"
    assert (out / "report.html").read_bytes() == b"new"
    assert stat.S_IMODE((out / "report.html").lstat().st_mode) == 0o600
    (out / "sample.csv").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        create_file(out / "sample.csv")
    renew_file(out / "sample.csv").close()
    assert not (tmp_path / "elsewhere").exists()


def test_a_ledger_behind_a_link_is_private_where_it_lies(tmp_path: Path, open_umask: None) -> None:
    """Who keeps the ledger on another disk by a link that leads to no file yet gets a private one there."""
    del open_umask
    (tmp_path / "ledger.db").symlink_to(tmp_path / "disk" / "real.db")
    source = write_records(tmp_path / "in.jsonl", good_rows(5))
    run(settings_for(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}"), source)
    assert stat.S_IMODE((tmp_path / "disk" / "real.db").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "disk").stat().st_mode) == 0o700


def test_a_folder_in_the_place_of_a_file_is_one_line(tmp_path: Path) -> None:
    """A folder under the temporary name is not removed: the line names it."""
    (tmp_path / "report.html.tmp").mkdir()
    with pytest.raises(OutputError, match=r"report\.html") as caught, replace_file(tmp_path / "report.html"):
        pass
    assert "\n" not in str(caught.value)


def test_doctor_warns_of_what_others_can_read(tmp_path: Path, reachable: Settings) -> None:
    """Files of earlier versions stay open until their owner closes them: doctor names each, and the command."""
    settings = reachable
    assert check_file_modes(settings).state == "ok"
    settings.output_dir.chmod(0o755)
    (tmp_path / "ledger.db").chmod(0o644)
    check = check_file_modes(settings)
    assert check.state == "warn"
    assert f"{settings.output_dir}: everybody" in check.found
    assert f"{tmp_path / 'ledger.db'}: everybody" in check.found
    assert f"chmod -R go= {settings.output_dir}" in check.advice
    settings.output_dir.chmod(0o711)  # cannot be listed, but names are known
    assert f"{settings.output_dir}: everybody" in check_file_modes(settings).found


def test_a_closed_folder_keeps_what_is_in_it(tmp_path: Path, reachable: Settings) -> None:
    """What lies in a folder that others may not enter is nobody else's, whatever its own mode."""
    settings = reachable
    (tmp_path / "ledger.db").chmod(0o644)
    assert read_by_others(tmp_path / "ledger.db") == "everybody"
    tmp_path.chmod(0o700)
    assert check_file_modes(settings).state == "ok"
    assert read_by_others(tmp_path / "missing") is None


def test_a_group_that_the_settings_name_is_no_fault(reachable: Settings) -> None:
    """Without the setting a group of several is told; with it, only what everybody can read."""
    settings = reachable
    settings.output_dir.chmod(0o750)
    found = settings.output_dir.stat()
    if os.geteuid() == 0:
        os.chown(settings.output_dir, found.st_uid, 12345)
    elif found.st_gid == found.st_uid:
        pytest.skip("a group of one's own alone")
    assert check_file_modes(settings).state == "warn"
    shared = settings.model_copy(update={"group_access": "read"})
    assert check_file_modes(shared).state == "ok"
