"""n-gram speculation on the real engine: the same answers, usage and confidence, and commits that add up."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.engines.vllm.engine import VllmEngine
from models.engines.vllm.options import NGRAM, VllmOptions
from models.ids import new_id
from models.machine import gpu_name
from models.requests import Choice, FreeText, Message, OutputFormat, Request
from models.settings import Settings
from tasks.planning.request import RunRequest
from tasks.run.run_partition import run_request
from tasks.runtime.shared_engine import shared_engine
from tests.integration.engine.conftest import PROJECT
from tests.integration.engine.harness import SMALL, Counting
from tests.integration.engine.test_vllm_engine import LABELS, SCHEMA, by_key
from tests.integration.pipeline.books import check_books, findings, table
from tests.integration.pipeline.harness import DAY, published, settings_for, write_records
from tests.ledgers import new_sqlite

pytestmark = [pytest.mark.engine, pytest.mark.long]

TEXTS = (
    "Red cotton shirt, size M, machine washable, made of red cotton, 20 dollars.",
    "Steel water bottle, 750 ml, keeps water cold for 24 hours, keeps tea hot for 12 hours.",
    "Wooden desk lamp, warm light, wooden foot, cable of 2 metres.",
)
COPY = Message("system", "Repeat the text word by word, then stop.")
OBJECT = Message("system", "Give a title and tags of the product in the text, in the text's own words.")
LABEL = Message("system", "Classify the sentiment of the message as positive, negative or neutral.")
NOISE = 1e-3
"""A probability may differ by this: the same sums, in another order."""


@pytest.fixture(scope="session")
def speculating(engine: VllmEngine) -> Iterator[VllmEngine]:
    """Load the same model once more, with speculation; both end together."""
    settings = Settings.model_validate({"cache_dir": PROJECT / ".cache", "speculation": True} | SMALL)
    options = VllmOptions.from_settings(settings, on_cpu=gpu_name() is None)
    assert options.arguments()["speculative_config"] == NGRAM
    assert "speculative_config" not in engine.options.arguments()
    loaded = VllmEngine(options)
    yield loaded
    loaded.close()


def requests() -> list[Request]:
    """Make a request of each kind about each text."""
    kinds: list[tuple[str, Message, OutputFormat, int]] = [
        ("copy", COPY, FreeText(), 24),
        ("object", OBJECT, SCHEMA, 60),
        ("label", LABEL, LABELS, 8),
    ]
    return [
        Request(new_id(), f"{name} {number}", (system, Message("user", text)), output, tokens)
        for name, system, output, tokens in kinds
        for number, text in enumerate(TEXTS)
    ]


def test_answers_usage_and_confidence_hold(engine: VllmEngine, speculating: VllmEngine) -> None:
    """Text, objects and labels are those of the engine without it, to the token; probabilities to float noise."""
    plain = by_key(engine.stream(iter(requests())))
    drafted = by_key(speculating.stream(iter(requests())))
    assert {key: one.text for key, one in drafted.items()} == {key: one.text for key, one in plain.items()}
    for key, one in plain.items():
        other = drafted[key]
        assert one.usage is not None
        assert other.usage is not None
        assert (other.usage.input_tokens, other.usage.output_tokens) == (
            one.usage.input_tokens,
            one.usage.output_tokens,
        )
        assert other.finish_reason == one.finish_reason
        assert other.value == one.value
        assert other.confidence == pytest.approx(one.confidence, abs=NOISE)
        if isinstance(one.request.output, Choice):
            assert other.label_probabilities == pytest.approx(one.label_probabilities, abs=NOISE)


def test_a_run_commits_and_accounts_for_all_of_it(
    engine: VllmEngine, speculating: VllmEngine, tmp_path: Path
) -> None:
    """Commits of one record: every row published in its place, tokens and time as the engine reported them."""
    rows: list[object] = [
        {"id": f"p{number}", "name": text.split(",")[0], "description": text}
        for number, text in enumerate(TEXTS[:2])
    ]
    source = write_records(tmp_path / "in.jsonl", rows)
    answers = []
    for name, one in (("plain", engine), ("drafted", speculating)):
        folder = tmp_path / name
        folder.mkdir()
        settings = settings_for(folder, new_sqlite(folder / "ledger.db"), commit_records=1)
        counting = Counting(one)
        with shared_engine(settings, lambda _, counting=counting: counting):  # type: ignore[misc]
            run_request(RunRequest("enrichment", DAY, str(source)), settings)
        (run,) = table(settings, "runs")
        assert run.output_tokens == sum(usage.output_tokens for usage in counting.usages) > 0
        assert findings(settings) == []
        check_books(settings)
        answers.append(
            published(settings, "enrichment").select("id", "title", "bullet_points", "category").rows()
        )
    assert answers[0] == answers[1]
    assert [row[0] for row in answers[0]] == ["p0", "p1"]
