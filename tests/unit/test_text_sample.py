"""Distinct texts of a stream: counted exactly, sampled uniformly, in bounded memory."""

from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.economics.quote import estimate_total
from models.records import Record
from tasks.backfill import distinct_sample
from tasks.backfill.distinct_sample import TextSample

TEXTS = st.lists(st.tuples(st.text(max_size=3), st.booleans()), max_size=60)


def lengths(records: Sequence[Record]) -> list[tuple[str, bool]]:
    """Measure a record: its text and mark."""
    return [(record.text, record.complex) for record in records]


def shown(
    texts: Sequence[tuple[str, bool]], size: int, seed: int = 0
) -> tuple[int, list[tuple[int, tuple[str, bool]]]]:
    """Show texts to a sample; return what it came to."""
    sample = TextSample(size, seed, lengths)
    for place, (text, marked) in enumerate(texts):
        sample.add(Record(str(place), str(place), place, text, marked))
    return sample.distinct, sample.result()


@given(TEXTS)
def test_few_texts_are_all_there(texts: list[tuple[str, bool]]) -> None:
    """Up to the size, the sample is every distinct text (and mark), each with its number of records."""
    distinct, result = shown(texts, 100)
    expected = Counter(texts)
    assert distinct == len(expected)
    assert {measured: times for times, measured in result} == dict(expected)
    assert len(result) == len(expected)


@given(TEXTS, st.integers(1, 20), st.integers(0, 3), st.randoms(use_true_random=False))
def test_a_sample_depends_on_the_texts_alone(
    texts: list[tuple[str, bool]], size: int, seed: int, random: Random
) -> None:
    """Order and repeats change nothing of the choice, and each chosen text was counted in full."""
    distinct, result = shown(texts, size, seed)
    expected = Counter(texts)
    assert distinct == len(expected)
    assert len(result) == min(size, len(expected))
    assert all(times == expected[measured] for times, measured in result)
    again = random.sample(texts, len(texts))
    assert shown(again, size, seed) == (distinct, result)
    once = shown(list(expected), size, seed)
    assert [measured for _, measured in once[1]] == [measured for _, measured in result]


def test_every_text_has_the_same_chance() -> None:
    """Over 2,000 seeds, a text that half of all records have is drawn as often as one that occurs once."""
    texts = [(f"text {number}", False) for number in range(20)] + [("text 0", False)] * 20
    drawn = Counter(
        measured[0] for seed in range(2000) for _, measured in shown(texts, 5, seed)[1]
    )  # each is drawn 500 times, give or take 20
    assert len(drawn) == 20
    assert all(420 < times < 580 for times in drawn.values())


def test_tokens_of_a_sample_cover_the_truth() -> None:
    """The sample and the estimate together: the truth lies in the 95 % interval for about 95 of 100 seeds."""
    random = Random(3)
    texts = ["x" * (20 + int(random.lognormvariate(3, 1))) + str(number) for number in range(3000)]
    records = [(text, False) for text in texts for _ in range(random.choice([1, 1, 1, 5]))]
    truth, hits = sum(map(len, texts)), 0
    for seed in range(60):
        distinct, result = shown(records, 200, seed)
        found = estimate_total([len(measured[0]) for _, measured in result], distinct)
        hits += abs(found.value - truth) <= found.margin
    assert hits >= 52


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never more than twice the size is held, texts are measured once and let go, hashes are gathered in turns."""
    monkeypatch.setattr(distinct_sample, "_HELD_CHARS", 1000)
    monkeypatch.setattr(distinct_sample, "_NEW", 64)
    measured: list[str] = []

    def measure(records: Sequence[Record]) -> list[int]:
        measured.extend(record.text for record in records)
        assert sum(len(record.text) for record in records) <= 1000 + 50
        return [len(record.text) for record in records]

    sample = TextSample(50, 0, measure)
    for number in range(5000):
        sample.add(Record("k", "k", number, f"{number % 3000:050}"))
        assert len(sample._sample._held) < 100
        assert len(sample._new) <= max(64, len(sample._seen))
    assert sample.distinct == 3000
    assert [value for _, value in sample.result()] == [50] * 50
    assert len(measured) == len(set(measured)) < 1000
