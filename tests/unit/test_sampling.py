"""Samples of distinct keys: what is drawn depends on seed and keys alone, and stays what it was."""

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from models.records import Record
from tasks.backfill.distinct_sample import TextSample
from tasks.reading.sampling import BottomSample, draw_number

KEYS = st.lists(st.text("abcd", max_size=3), max_size=60)


def drawn(keys: list[str], size: int | None, seed: int = 0) -> dict[str, int]:
    """Show keys to a sample, each with its place; return what is drawn."""
    sample = BottomSample[tuple[str, int]](size)
    for place, key in enumerate(keys):
        sample.add(draw_number(seed, key.encode()), (key, place))
    return dict(sample.result())


@given(KEYS, st.integers(0, 20), st.integers(-3, 3), st.randoms(use_true_random=False))
def test_the_smallest_numbers_are_drawn(keys: list[str], size: int, seed: int, random: Random) -> None:
    """Whatever the order and the repeats: the distinct keys with the smallest numbers, in their order."""
    expected = sorted(set(keys), key=lambda key: draw_number(seed, key.encode()))
    result = drawn(keys, size, seed)
    assert list(result) == expected[:size]
    assert all(keys.index(key) == place for key, place in result.items())
    assert list(drawn(random.sample(keys, len(keys)), size, seed)) == expected[:size]
    assert list(drawn(keys, None, seed)) == expected


@given(KEYS, st.integers(0, 20), st.integers(0, 20))
def test_a_smaller_sample_is_part_of_a_larger_one(keys: list[str], size: int, more: int) -> None:
    """So records that were labelled or paid for stay in when more are asked for."""
    assert drawn(keys, size).keys() <= drawn(keys, size + more).keys()


def test_every_key_has_the_same_chance() -> None:
    """Over 2,000 seeds each of 10 keys is among 3 about 600 times (five standard deviations: 102)."""
    counts = Counter(key for seed in range(2000) for key in drawn(list("abcdefghij"), 3, seed))
    assert all(abs(counts[key] - 600) < 102 for key in "abcdefghij")


def test_numbers_stay_as_they_are() -> None:
    """The order of drawing is fixed for ever: else a sample could not be drawn again by a later version."""
    assert draw_number(7, b"00ff") == 9_936_014_092_419_583_679


def test_samples_stay_as_they_are() -> None:
    """Samples to label, of labelled records and of quotes are those that earlier programs drew by the same seed."""
    keys = [f"{number % 700:04x}" for number in range(1000)]
    assert drawn(keys, 6, 7) == {
        "0227": 551, "0195": 405, "0121": 289, "0110": 272, "0299": 665, "00dd": 221
    }  # fmt: skip
    texts = TextSample(6, -3, lambda records: [record.text for record in records])
    for number in range(1000):
        texts.add(Record(str(number), str(number), number, f"text {number % 700}", number % 3 == 0))
    assert texts.distinct == 900
    assert texts.result() == [(1, f"text {number}") for number in (158, 377, 258, 11, 666, 195)]
