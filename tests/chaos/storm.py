"""A storm over backfills: seeded faults for some seconds, then calm, one more command, and everything must add up."""

import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from random import Random

from models.backfill import to_do
from models.economics.quote import Quote
from tasks.backfill.run_steps import make_direct_runner
from tasks.backfill.survey import quote, survey
from tests.chaos.crew import DEFECT, Crew, Work
from tests.chaos.database import Database
from tests.chaos.disk import Disk
from tests.chaos.headway import Headway
from tests.integration.backfill.harness import (
    Row,
    ask_for,
    check_published,
    day,
    rows_of,
    write_days,
)
from tests.integration.pipeline.books import table
from tests.integration.pipeline.harness import WORKLOAD, settings_for

MOST_AT_ONCE = 3
COMMANDS = 4
DELAY = 0.006
FINE = {0, 1, 2, -signal.SIGKILL, -signal.SIGTERM, 128 + signal.SIGTERM}
"""How a backfill may end in a storm; 2 is what it says where its output folder cannot be written."""


def rough_rows(of: date, count: int, random: Random) -> list[Row]:
    """Make rows of a day as they come in life: identical texts, and one in twelve that is bad."""
    rows = rows_of(of, count)
    for row in rows:
        if random.random() < 0.3:
            row["text"] = f"message {random.randrange(count // 3)} of {of}"
        elif random.random() < 1 / 12:
            row["text"] = random.choice([None, "   ", 7])
    return rows


class Storm:
    """One storm. The seed decides which faults come in which order and for how long; the rest is the machine's."""

    days, rows = 5, 120
    lease_seconds = 10.0
    workload: Mapping[str, object] = {}

    def __init__(self, seed: int, folder: Path, database: Database, disk: Disk, crew: Crew) -> None:
        self._random = Random(seed)
        self._database, self._disk, self._crew = database, disk, crew
        self._days = {day(n): rough_rows(day(n), self.rows, self._random) for n in range(self.days)}
        self._source = write_days(folder / "in.jsonl", self._days)
        self.settings = settings_for(
            disk.folder,
            database.url,
            commit_seconds=0.5,
            lease_seconds=self.lease_seconds,
            lease_wait_seconds=0.5,
            database_patience_seconds=60.0,
            api_tokenizer="gpt-4o-mini",
            workloads={WORKLOAD: self.workload},
        )
        self._work = Work.of(self.settings, self._source, list(self._days), folder, DELAY)
        self.log = Path(self._work.log)
        self.happened: Counter[str] = Counter()
        self.ends: Counter[int] = Counter()
        self.quoted: Quote | None = None

    def rage(self, seconds: float) -> None:
        """Let faults happen for so many seconds."""
        ask = ask_for(self._source, self._days)
        self.quoted = quote(ask, to_do(survey(ask, self.settings)), self.settings)
        self._crew.wait_until_ready()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._pause()
            if not self._crew.pids:
                self._start()
            fault = self._random.choice(self._faults())
            self.happened[fault.__name__.strip("_")] += 1
            fault()
            self._gather()

    def _pause(self) -> None:
        """Let them get on before the next fault."""
        time.sleep(self._random.uniform(0.05, 0.4))

    def _start(self) -> None:
        self._crew.start(self._work)

    def _faults(self) -> list[Callable[[], None]]:
        always = [self._sigkill, self._sigkill, self._sigterm, self._second_backfill, self._late_data]
        always.append(self._full_disk)
        return [*always, self._database_restart] if self._database.restarts else always

    def _anyone(self) -> int:
        return self._random.choice(self._crew.pids)

    def _sigkill(self) -> None:
        self._crew.signal(self._anyone(), signal.SIGKILL)

    def _sigterm(self) -> None:
        self._crew.signal(self._anyone(), signal.SIGTERM)

    def _second_backfill(self) -> None:
        if len(self._crew.pids) < MOST_AT_ONCE:
            self._start()

    def _late_data(self) -> None:
        of = self._random.choice(list(self._days))
        rows, count = self._days[of], self._random.randrange(1, 20)
        late = rough_rows(of, count + 3, self._random)[:count]
        for number, row in enumerate(late):
            row["id"] = f"late{len(rows)}-{number}"
        place = self._random.randrange(len(rows))
        self._days[of] = [*rows[:place], *late, *rows[place:]]
        write_days(self._source, self._days)

    def _full_disk(self) -> None:
        with self._disk.full(self._crew.pids):
            time.sleep(self._random.uniform(0.1, 0.6))

    def _database_restart(self) -> None:
        self._database.restart(self._random.uniform(0.0, 0.8))

    def _gather(self) -> None:
        for pid in list(self._crew.pids):
            if (code := self._crew.ended(pid)) is not None:
                self._note_end(pid, code)

    def _note_end(self, pid: int, code: int) -> None:
        """Note how the process `pid` has ended."""
        self._last = code
        self.ends[code] += 1
        assert code in FINE, f"{pid} ended with {code}\n{self.tail()}"

    def tail(self) -> str:
        """Return the end of what the backfills wrote."""
        return self.log.read_text(encoding="utf-8")[-6000:]

    def calm(self) -> None:
        """Let what is at work end, then run the command until nothing fails, and see that everything adds up."""
        self._wait()
        ask, steps = ask_for(self._source, self._days), set[str]()
        for _ in range(
            COMMANDS
        ):  # what rows came into while it was begun is published, and refreshed by the next
            self._crew.start(self._work)
            self._wait()
            steps = {step.action for step in survey(ask, self.settings)}
            if self._last == 0 and steps == {"nothing"}:
                break
        assert self._last == 0, self.tail()
        assert steps == {"nothing"}, steps
        self._clear_up()
        check_published(self.settings, self._source, self._days)
        owners = {row.owner for row in table(self.settings, "leases")}
        assert owners == {None}, owners
        assert DEFECT not in self.ends

    _last = -1

    def _wait(self) -> None:
        headway = Headway(self.settings)
        while self._crew.pids:
            if headway.is_lacking():
                self._crew.show_stacks()
                msg = f"nothing gets on any more\n{self.tail()}"
                raise AssertionError(msg)
            self._gather()
            time.sleep(0.05)

    def _clear_up(self) -> None:
        """Do what the next run of each day does: remove the parts that one which was killed after publishing left."""
        run = make_direct_runner(self.settings)
        ask = ask_for(self._source, self._days)
        for step in survey(ask, self.settings):
            assert run(ask, step).state == "skipped"

    def report(self) -> str:
        """Put quote and actual side by side, with what happened."""
        assert self.quoted is not None
        runs = table(self.settings, "runs")
        lines = table(self.settings, "ledger_lines")
        done = {
            "records": sum(run.records - run.carried for run in runs),
            "requests": sum(line.engine == "vllm" for line in lines),
            "input tokens": sum(run.input_tokens for run in runs),
            "output tokens": sum(run.output_tokens for run in runs),
        }
        said = {
            "records": self.quoted.records,
            "requests": self.quoted.requests.value,
            "input tokens": self.quoted.input_tokens.value,
            "output tokens": self.quoted.output_tokens,
        }
        table_ = "\n".join(f"  {name:14}{said[name]:>10}{done[name]:>10}" for name in said)
        faults = ", ".join(f"{count} {name}" for name, count in sorted(self.happened.items()))
        ends = ", ".join(f"{count}x {code}" for code, count in sorted(self.ends.items()))
        states = Counter(run.state for run in runs)
        head = f"faults: {faults}\nbackfills ended: {ends}; runs: {dict(states)}; disk: {self._disk.kind}"
        return f"{head}\n  {'':14}{'quoted':>10}{'actual':>10}  (late data and reruns come on top; scripted tokens are words)\n{table_}"


def weather(
    seed: int,
    seconds: float,
    folder: Path,
    database: Callable[[Path], Database],
    crew: Crew,
    kind: type[Storm] = Storm,
) -> str:
    """Go through one storm and return its report. Raises `AssertionError` with the seed where something is wrong."""
    folder.mkdir()
    disk = Disk(folder / "disk")
    try:
        storm = kind(seed, folder, database(disk.folder), disk, crew)
        try:
            storm.rage(seconds)
            storm.calm()
        except AssertionError as error:
            error.add_note(f"seed {seed}; log: {storm.log}\n{storm.report()}\n{storm.tail()}")
            raise
        return f"seed {seed}\n{storm.report()}"
    finally:
        crew.stop_all()
        disk.close()
