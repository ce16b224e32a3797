"""The real engine under prompt injection: answers fit their grammar and limit, and nobody's neighbours are changed."""

import json
from collections.abc import Iterator, Mapping

import pytest
from jsonschema import Draft202012Validator

from models import workloads
from models.engines.vllm.engine import VllmEngine
from models.ids import new_id
from models.requests import Choice, Completion, JsonObject, Request
from models.settings import Settings
from models.workloads.base import Workload
from tests.hostile_records import COUNT, NEIGHBOURS, hostile_records

pytestmark = pytest.mark.engine

SHORT = {"sentiment": 14, "classification": 9, "enrichment": 100}
"""Of so many hostile records the short suite takes one."""
SHORT_LIMIT = 48
"""Tokens of an answer in the short suite: objects may be cut there."""


def sample_of(name: str, step: int) -> dict[str, str]:
    """Return every so many of the hostile records, by name."""
    assert len(hostile_records()) == COUNT
    return dict(list(hostile_records().items())[::step]) | {
        f"neighbour {name} {at}": one for at, one in enumerate(NEIGHBOURS)
    }


def answer(
    engine: VllmEngine, workload: Workload, texts: Mapping[str, str], limit: int
) -> dict[str, Completion]:
    """Answer texts, all at once."""

    def requests() -> Iterator[Request]:
        for key, text in texts.items():
            yield Request(new_id(), key, workload.messages(text), workload.output_format, limit)

    return {one.request.record_key: one for one in engine.stream(requests())}


def check_form(workload: Workload, done: Completion, limit: int) -> None:
    """See that an answer is one that the grammar allows, and within its limit; what is rejected has none."""
    if done.rejection is not None:
        assert done.rejection in ("too_long", "empty")
        return
    assert done.usage is not None or done.reuses is not None
    assert done.usage is None or done.usage.output_tokens <= limit
    assert (done.value is None) == (
        done.finish_reason == "length" and isinstance(workload.output_format, JsonObject)
    )
    output = workload.output_format
    if isinstance(output, Choice):
        assert done.value in output.labels
    elif isinstance(output, JsonObject) and done.finish_reason != "length":
        Draft202012Validator(json.loads(output.schema)).validate(json.loads(done.text, strict=False))


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("share", ["some", pytest.param("every", marks=pytest.mark.long)])
@pytest.mark.parametrize("name", ["sentiment", "classification", "enrichment"])
def test_hostile_records_change_nothing_but_their_own_answers(
    engine: VllmEngine, name: str, share: str
) -> None:
    """Each has an answer of the workload's form within its limit, or is too long; their neighbours' answers are those they have alone."""
    workload = workloads.build(name, Settings())
    texts = sample_of(name, SHORT[name] if share == "some" else 1)
    limit = min(workload.max_tokens, SHORT_LIMIT) if share == "some" else workload.max_tokens
    neighbours = {key: text for key, text in texts.items() if key.startswith("neighbour")}
    alone = answer(engine, workload, neighbours, limit)
    among = answer(engine, workload, texts, limit)
    assert among.keys() == texts.keys()
    for done in among.values():
        check_form(workload, done, limit)
    assert {key: among[key].text for key in alone} == {key: one.text for key, one in alone.items()}
    rejected = sum(one.rejection is not None for one in among.values())
    cut = sum(one.finish_reason == "length" for one in among.values())
    print(f"{name}: {len(among)} records, {rejected} too long, {cut} cut at the limit")  # noqa: T201  figures for people
