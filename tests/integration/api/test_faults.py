"""The fault matrix: what each misbehaviour of an API does to a record, its ledger lines and the others."""

import pytest

from models.engines.api.engine import OpenAIEngine
from models.errors import ApiAccessError
from models.requests import Completion
from tests.faulty_api import FaultyApi, Rule
from tests.integration.api.faults import ATTEMPTS, FAULTS, REFUSED, RUN_FAILS, Fault
from tests.integration.api.faults_page import KINDS, PAGE, page
from tests.integration.api.harness import (
    KEY,
    Book,
    Watch,
    check_books,
    closed_port,
    fate,
    limits,
    options,
    request,
)
from tests.integration.api.kinds import Kind

RECORD = "the record in question"


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault(fault: Fault) -> None:
    """The record has the fate and the lines of the table, the others are answered, the books balance."""
    rule = Rule(fault.faults, "" if fault.everybody else RECORD, forever=fault.forever)
    book = Book()
    watch = Watch(book)
    with FaultyApi([rule], look=watch) as api:
        url = closed_port() if REFUSED in fault.faults else api.url
        asked = options(url, max_attempts=ATTEMPTS, **fault.options)
        engine = OpenAIEngine(asked, book, limits(asked))
        texts = ["one bystander", RECORD, "another bystander", "a third"]
        completions: list[Completion] = []
        error: ApiAccessError | None = None
        try:
            for done in engine.stream([request(text, text) for text in texts]):
                completions.append(done)
                book.settle([done])
        except ApiAccessError as caught:
            error = caught
        engine.close()

    ended = {done.request.record_key: done for done in completions}
    if fault.fate == RUN_FAILS:
        assert error is not None
        assert fault.user in str(error)
        assert KEY not in str(error)
    else:
        assert error is None
        others = fault.fate if fault.everybody else "published"
        fates = {key: fate(done) for key, done in ended.items()}
        assert fates == dict.fromkeys(texts, others) | {RECORD: fault.fate}
        assert ended[RECORD].attempts == len(fault.attempts)
        assert (ended[RECORD].usage is not None) == fault.usage
    made = book.of_record(RECORD)
    if fault.everybody and fault.fate == RUN_FAILS:
        made = list(dict.fromkeys(made))  # one of the four, whichever is the first, tries other forms as well
    assert tuple(made) == fault.attempts
    assert watch.violations == []
    check_books(book, api)


def test_the_page_is_up_to_date() -> None:
    """docs/faults.md says what the table says."""
    assert PAGE.read_text("utf-8") == page(), "run: python -m tests.integration.api.faults_page"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.what)
def test_a_kind_names_a_test_that_is_there(kind: Kind) -> None:
    """The table of kinds names tests that exist."""
    file, _, name = kind.test.partition("::")
    assert f"def {name}(" in (PAGE.parents[1] / file).read_text("utf-8")
