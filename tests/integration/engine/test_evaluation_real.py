"""An evaluation with both engines real: the small model in this process, and vLLM's API server as the API."""

from datetime import date
from pathlib import Path

import pytest

from bench.model_server import HOST, ModelServer
from models.engines.vllm.engine import VllmEngine
from models.settings import WorkloadSettings
from tasks.evaluation.run import EvaluationRequest, evaluate
from tests.integration.engine.harness import Counting
from tests.integration.engine.test_hybrid_real import settings_of
from tests.integration.evaluation.evaluating import MESSAGES
from tests.integration.evaluation.labelled_files import given, write_rows
from tests.integration.pipeline.books import check_sums, findings
from tests.recording_proxy import RecordingProxy

pytestmark = pytest.mark.engine


def test_the_small_model_is_compared_with_a_server(
    engine: VllmEngine, api_server: ModelServer, tmp_path: Path
) -> None:
    """Both answer the same records; every token is one that an engine reported."""
    source = write_rows(tmp_path / "labelled.csv", given(*MESSAGES))
    small = Counting(engine)
    with RecordingProxy(HOST, api_server.port) as proxy:
        settings = settings_of(tmp_path, proxy, "sentiment", {})
        found = evaluate(
            EvaluationRequest("sentiment", str(source)),
            settings,
            today=date(2026, 11, 1),
            factory=lambda _: small,
        )
    assert [(arm.name, arm.answered) for arm in found.arms] == [("small", 6), ("api", 6)]
    assert found.arms[0].input_tokens == sum(usage.input_tokens for usage in small.usages)
    assert found.arms[1].input_tokens == sum(one.usage["prompt_tokens"] for one in proxy.seen if one.usage)
    assert len(proxy.seen) == len(MESSAGES)
    assert found.verdict is not None
    check_sums(settings)
    assert findings(settings) == []


def test_texts_are_compared_and_judged_by_a_server(
    engine: VllmEngine, api_server: ModelServer, tmp_path: Path
) -> None:
    """Both write a sentence to the same records; the server, asked as judge, says of each pair which is better, in both orders."""
    own = {
        "kind": "text",
        "prompt": "Repeat the message in other words.",
        "max_tokens": 24,
        "copies_prompt": True,
    }
    rows = [{"text": text, "reference": text} for text, _ in MESSAGES[:3]]
    source = write_rows(tmp_path / "stories.jsonl", rows)
    with RecordingProxy(HOST, api_server.port) as proxy:
        settings = settings_of(tmp_path, proxy, "sentiment", {})
        settings = settings.model_copy(
            update={"workloads": {"stories": WorkloadSettings.model_validate(own)}}
        )
        found = evaluate(
            EvaluationRequest("stories", str(source), judge=True),
            settings,
            today=date(2026, 11, 1),
            factory=lambda _: Counting(engine),
        )
    judged = found.judgement
    assert (found.measure, found.records) == ("chrf", 3)
    assert found.arms[0].texts is not None
    assert judged is not None
    assert judged.judged + judged.unjudged == 3
    assert judged.asked == 2 * (judged.judged - judged.equal)
    assert len(proxy.seen) == 3 + judged.asked
    check_sums(settings)
    assert findings(settings) == []
