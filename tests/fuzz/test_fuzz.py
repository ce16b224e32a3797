"""A seeded minute of fuzzing; `make fuzz` is the long one (docs/testing.md)."""

import pytest

from tests.fuzz.watch import watch

SEED = 20261130
EXAMPLES = {
    "readers": 80,
    "conditions": 100,
    "replies": 60,
    "batches": 60,
    "page": 150,
    "settings": 150,
    "labels": 60,
}


@pytest.mark.parametrize("room", EXAMPLES)
def test_nothing_goes_wrong(room: str) -> None:
    """Whatever comes in, a result comes out, or one short line: no traceback, no hang, no memory without bounds, no text of a record."""
    found = watch(room, SEED, examples=EXAMPLES[room])
    assert not found.findings, "\n\n".join(found.findings)
    assert found.played >= EXAMPLES[room]
