"""Which records have used up their attempts: counted over runs and batches, and never for what befell everybody."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session, sessionmaker

from db import attempts, batches, runs, used_up
from models.ids import new_id
from tests.integration.db.ledger_lines import AT, DAY, Keys, batch, closing, pending, seed

Sessions = sessionmaker[Session]
UNKNOWN = {"outcome": "unknown_outcome", "failure": "invalid_json"}
FAILED = {"outcome": "failed", "failure": "http_500"}


class Ledger:
    """Writes attempts of one version, one after the other, a second apart."""

    def __init__(self, session: Session, keys: Keys) -> None:
        self.session, self.keys = session, keys
        self.numbers: dict[str, int] = {}
        self.seconds = 0

    def attempt(self, key: str, ended: dict[str, Any], **of: Any) -> None:  # noqa: ANN401  fields of the line
        """Write an attempt of a record and how it ended."""
        self.numbers[key] = self.numbers.get(key, 0) + 1
        self.seconds += 1
        at = AT + timedelta(seconds=self.seconds)
        one = pending(self.keys, key, attempt=self.numbers[key], at=at, **of)
        attempts.open_attempts(self.session, "sentiment", [one])
        attempts.close_attempts(self.session, [closing(one.id, **({"ended_at": at} | ended))])

    def used_up(self, limit: int = 2) -> list[str]:
        """Return the records whose attempts are used up."""
        counted = used_up.count_failures(self.session, self.keys.version)
        return sorted(key for key, failures in counted if failures >= limit)


@pytest.mark.parametrize("ended", [UNKNOWN, {"outcome": "invalid_output", "failure": "empty_choices"}])
def test_what_may_be_billed_counts_over_runs(
    make_session: Sessions, keys: Keys, ended: dict[str, Any]
) -> None:
    """Whichever run made it, once something of the version was answered; before that, nobody is on the list."""
    with make_session.begin() as session:
        book = Ledger(session, keys)
        book.attempt("poison", ended)
        second = runs.NewRun(keys.version, "sentiment", DAY, "vllm", keys.local, keys.prompt, keys.machine)
        other = runs.start(session, second)
        book.attempt("poison", ended, run_id=other)
        assert book.used_up() == []
        book.attempt("fine", {})
        assert book.used_up() == ["poison"]
        assert book.used_up(limit=3) == []
        assert used_up.find_last_failure(session, keys.version, "poison") == ended["failure"]


def test_the_only_record_of_its_partition_that_goes_to_the_api(make_session: Sessions, keys: Keys) -> None:
    """What may be billed counts once another partition was answered, a day or more after the record first failed."""
    with make_session.begin() as session:
        book, later = Ledger(session, keys), Ledger(session, seed(session, partition=DAY + timedelta(1)))
        for _ in range(2):
            book.attempt("poison", UNKNOWN)
        later.attempt("fine", {})
        assert book.used_up() == []
        later.seconds = 24 * 3600
        later.attempt("another", {})
        assert book.used_up() == ["poison"]
        assert later.used_up() == []


@pytest.mark.parametrize(
    "ended",
    [
        {"outcome": "failed", "failure": "http_429"},
        {"outcome": "failed", "failure": "connect"},
        {"outcome": "failed", "failure": "not_sent"},
        {"outcome": "failed", "failure": "batch_expired"},
        {"outcome": "failed", "failure": "http_400"},
        {"outcome": "unknown_outcome", "failure": "cancelled"},
        {"outcome": "unknown_outcome", "failure": "interrupted"},
        {"outcome": "invalid_output", "failure": None},
        {"outcome": "invalid_output", "failure": "reasoning_limit"},
    ],
    ids=lambda ended: str(ended["failure"]),
)
def test_what_is_not_the_records_own(make_session: Sessions, keys: Keys, ended: dict[str, Any]) -> None:
    """Rate limits, a closed door, our own stops, and answers held back for a wrong setting count for nobody."""
    with make_session.begin() as session:
        book = Ledger(session, keys)
        for _ in range(3):
            book.attempt("r", ended)
        book.attempt("fine", {})
        assert book.used_up() == []


def test_a_run_that_a_setting_stopped_counts_for_nobody(make_session: Sessions, keys: Keys) -> None:
    """Whatever failed in it, the records were not at fault."""
    with make_session.begin() as session:
        book = Ledger(session, keys)
        for _ in range(3):
            book.attempt("r", UNKNOWN)
        book.attempt("fine", {})
        assert book.used_up() == ["r"]
        runs.finish(session, keys.run, "failed", "none of the first 8 answers can be used", "a hash")
        assert book.used_up() == []


def test_failures_that_are_not_billed_need_an_answer_after_them(make_session: Sessions, keys: Keys) -> None:
    """A 5xx is the record's own where others were answered later. Where most fail that never did so before, the endpoint is down."""
    with make_session.begin() as session:
        book = Ledger(session, keys)
        book.attempt("poison", FAILED)
        book.attempt("fine", {})
        book.attempt("poison", FAILED)
        assert book.used_up() == ["poison"]
        for key in ("late", "late", "later", "later"):
            book.attempt(key, FAILED)
        assert book.used_up() == []
        book.attempt("another", {})
        assert book.used_up() == ["late", "later", "poison"]


def test_a_batch_in_which_others_were_answered(make_session: Sessions, keys: Keys) -> None:
    """Its failures and missing lines count; those of one in which nobody was, or that was given up, do not."""
    with make_session.begin() as session:
        book = Ledger(session, keys)
        good, bad, lost = (batch(keys, id=new_id()) for _ in range(3))
        for one in (good, bad, lost):
            batches.record_intent(session, one)
        for key in ("a", "b"):
            book.attempt(key, FAILED, batch_id=bad.id)
            book.attempt(key, FAILED, batch_id=bad.id)
            book.attempt("lost", UNKNOWN, batch_id=lost.id)
        book.attempt("fine", {}, batch_id=good.id)
        for one, state in ((good, "collected"), (bad, "collected"), (lost, "abandoned")):
            batches.close(session, one.id, state)  # type: ignore[arg-type]  # both are endings
        assert book.used_up() == []
        book.attempt("a", FAILED, batch_id=good.id)
        book.attempt("missing", UNKNOWN, batch_id=good.id)
        book.attempt("missing", UNKNOWN, batch_id=good.id)
        assert book.used_up() == ["a", "b", "missing"]
        book.attempt("b", {}, batch_id=good.id)
        assert book.used_up() == ["a", "missing"]
