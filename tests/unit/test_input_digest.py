"""The digest of an input: equal for equal inputs, and for what was made of them; different for any others."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from models.records import Quarantined, Record
from tasks.storage.input_digest import InputDigest

Item = Record | Quarantined
WORDS = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=4)
RECORDS = st.builds(Record, WORDS, WORDS, st.integers(0, 99), WORDS)
ASIDE = st.builds(
    Quarantined,
    WORDS,
    st.none() | WORDS.filter(bool),
    st.integers(0, 99),
    st.sampled_from(["missing_text", "wrong_type"]),
    WORDS,
)
ITEMS = st.lists(RECORDS | ASIDE, max_size=6)


def digest(items: list[Item]) -> bytes | None:
    """Take the items at once."""
    found = InputDigest()
    found.add(items)
    return found.digest()


def facts(items: list[Item]) -> list[tuple[object, ...]]:
    """Name what decides the published files, and nothing else."""
    return [
        (item.key, item.id, item.text)
        if isinstance(item, Record)
        else (item.key, item.id, item.reason, item.detail, None)
        for item in items
    ]


@given(ITEMS, ITEMS)
def test_equal_for_equal_rows_only(one: list[Item], other: list[Item]) -> None:
    """Two inputs have one digest if, and only if, they have the same rows in the same order."""
    assert (digest(one) == digest(other)) == (facts(one) == facts(other))


@given(ITEMS, st.integers(0, 6))
def test_it_does_not_depend_on_how_rows_come(items: list[Item], cut: int) -> None:
    """Batches, ordinals and marks of the policy do not count."""
    found = InputDigest()
    found.add(items[:cut])
    found.add([replace(item, ordinal=7) for item in items[cut:]])
    assert found.digest() == digest(items)


@given(RECORDS)
def test_a_record_that_an_engine_failed_counts_as_its_text(record: Record) -> None:
    """It is in the quarantine of what was published, and a record in the input: one and the same."""
    failed = Quarantined(
        record.key, record.id, record.ordinal, "invalid_output", "not a label", record.text_hash
    )
    assert digest([failed]) == digest([record])


def test_a_row_of_which_nothing_is_known_makes_it_unknown() -> None:
    """Parts of an older version do not say which text they answer."""
    found = InputDigest()
    found.add_rows([("a", "a", 1, None, None), ("b", "b", None, None, None), ("c", "c", 3, None, None)])
    assert found.digest() is None


def test_a_text_hash_has_64_bits() -> None:
    """It fits the published column, and tells texts apart that differ in one character."""
    hashes = {Record("k", "k", 0, f"text {number}").text_hash for number in range(1000)}
    assert len(hashes) == 1000
    assert all(0 <= value < 2**64 for value in hashes)
    assert max(hashes) >= 2**63
