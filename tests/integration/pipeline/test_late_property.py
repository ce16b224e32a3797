"""For any inputs, one after the other: refreshed output is fresh output, and only what it takes is asked for."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from models.ids import new_id
from models.records import Quarantined, Record
from models.requests import Request
from models.settings import Settings
from tasks.reading import Source, open_partition
from tests.fakes import Reply, ScriptedEngine, plausible, prompt
from tests.integration.pipeline.harness import DAY, published, settings_for
from tests.integration.pipeline.late import check_fresh, refresh
from tests.ledgers import new_sqlite

IDS = ["a", "b", "c", "a#2", "a#3", "é", 7, None, ""]
TEXTS = ["one", "two", "three", "four", "fünf", "REFUSE", "NONSENSE", " ", None, 7]
INPUT = st.lists(
    st.fixed_dictionaries({"id": st.sampled_from(IDS), "text": st.sampled_from(TEXTS)}),
    min_size=1,
    max_size=20,
)


def answer(request: Request) -> Reply:
    """Refuse, or answer badly, the texts that ask for it."""
    text = prompt(request)
    if "REFUSE" in text:
        return Reply(rejection="refused", detail="not this one")
    return Reply("blue", None) if "NONSENSE" in text else plausible(request)


def items_of(source: Path) -> list[Record | Quarantined]:
    """Read the input."""
    reader = open_partition(Source(str(source), ("text",)), DAY)
    return [item for batch in reader.batches() for item in batch]


def to_be_asked(
    before: list[Record | Quarantined], after: list[Record | Quarantined], answered: set[str]
) -> Counter[str]:
    """Count the texts of records that have no published row which answers this very text."""
    if before == after:
        return Counter()
    known = {(item.key, item.text) for item in before if isinstance(item, Record) and item.key in answered}
    return Counter(
        item.text for item in after if isinstance(item, Record) and (item.key, item.text) not in known
    )


def check_inputs(settings: Settings, inputs: list[list[object]]) -> None:
    """Refresh the day for one input after the other; check output, books and requests after each."""
    source = settings.output_dir.parent / "in.jsonl"
    before: list[Record | Quarantined] = []
    answered: set[str] = set()
    for rows in inputs:
        engine = ScriptedEngine(handler=answer, size=4)
        result = refresh(settings, source, rows, engine)
        after = items_of(source)
        check_fresh(settings, source, answer)
        texts = {item.key: item.text for item in after if isinstance(item, Record)}
        needed = to_be_asked(before, after, answered)
        asked = Counter(texts[key] for key in engine.started)
        assert asked.keys() == needed.keys()
        assert all(count == 1 or text == "REFUSE" for text, count in asked.items())
        answered = set(published(settings)["record_key"])
        if result.state == "completed":
            fresh = sum(count for text, count in needed.items() if text not in ("REFUSE", "NONSENSE"))
            assert result.carried == len(answered) - fresh
        before = after


FEW = examples(max_examples=(examples.default or examples()).max_examples // 4)  # each is several runs


@FEW
@given(st.lists(INPUT, min_size=2, max_size=3))
def test_any_inputs_on_sqlite(tmp_path_factory: pytest.TempPathFactory, inputs: list[list[object]]) -> None:
    """Duplicates, twins, bad rows, ids like keys, anything in any order."""
    folder = tmp_path_factory.mktemp("late")
    check_inputs(
        settings_for(folder, new_sqlite(folder / "ledger.db"), commit_records=3, max_quarantined_share=1.0),
        inputs,
    )


@pytest.mark.long
@FEW
@given(st.lists(INPUT, min_size=2, max_size=2))
def test_any_inputs_on_postgresql(
    tmp_path_factory: pytest.TempPathFactory,
    make_postgres_url: Callable[[], str],
    inputs: list[list[object]],
) -> None:
    """The same with the other ledger."""
    folder = tmp_path_factory.mktemp(new_id().hex)
    check_inputs(
        settings_for(folder, make_postgres_url(), commit_records=3, max_quarantined_share=1.0), inputs
    )
