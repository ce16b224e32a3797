"""When models end: reviewed data, found by every name that such a model goes by."""

from datetime import date, timedelta

import pytest

from models.catalogue.model_ends import NOTICE_DAYS, describe_end, find_end

END = date(2027, 1, 14)


@pytest.mark.parametrize(
    "name",
    [
        "gpt-4o-mini",
        "GPT-4o-mini",
        "gpt-4o-mini-2024-07-18",
        "gpt-4o-mini-20240718",
        "openai/gpt-4o-mini",
        "gpt-4o-mini:batch",
        "ft:gpt-4o-mini-2024-07-18:acme::abc123",
        "gpt-4.1-mini-2025-04-14",
    ],
)
def test_a_model_is_found_by_each_of_its_names(name: str) -> None:
    """Snapshots, fine-tuned models and batches end with their model, and have its successor."""
    end = find_end(name)
    assert end is not None
    assert (end.ends_on, end.successor) == (END, "gpt-6-luna")
    assert "2026" in end.source


def test_a_snapshot_of_its_own_end_keeps_it() -> None:
    """gpt-4o-2024-05-13 left before the later snapshots of gpt-4o."""
    old, new = find_end("gpt-4o-2024-05-13"), find_end("gpt-4o-2024-08-06")
    assert old is not None
    assert new is not None
    assert old.ends_on == date(2026, 10, 23) < new.ends_on == END


@pytest.mark.parametrize(
    "name", ["gpt-6-luna", "azure/gpt-4o-mini", "gpt-4o-mini-audio", "", "ft:", "llama", "gpt-4o-mini-tts"]
)
def test_what_is_not_known_to_end_has_no_end(name: str) -> None:
    """Another provider's schedule, another model of a like name and nonsense have none."""
    assert find_end(name) is None


def test_notice_begins_ninety_days_ahead() -> None:
    """On the 90th day before the end it is said, on the 91st not; after the end it stays."""
    end = find_end("gpt-4o-mini")
    assert end is not None
    assert end.is_near(END - timedelta(NOTICE_DAYS))
    assert not end.is_near(END - timedelta(NOTICE_DAYS + 1))
    assert end.is_near(END + timedelta(400))


@pytest.mark.parametrize(
    ("days", "said"),
    [(45, "in 45 days"), (1, "tomorrow"), (0, "today"), (-3, "left OpenAI's API on 2027-01-14;")],
)
def test_the_sentence_names_day_and_successor(days: int, said: str) -> None:
    """The sentence says when, and which setting to set to which model."""
    end = find_end("gpt-4o-mini-2024-07-18")
    assert end is not None
    text = describe_end(end, END - timedelta(days))
    assert said in text
    assert "BREAKEVEN_API_MODEL=gpt-6-luna" in text


def test_an_end_without_a_successor_asks_for_another_model() -> None:
    """Where no successor was read, none is invented."""
    end = find_end("gpt-5.1")
    assert end is not None
    assert end.successor is None
    assert "no successor is named" in describe_end(end, date(2027, 3, 1))
