"""An adapter with a prompt of its own: the local engine is told it, and nobody else; ledger, rows and quote say so."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from models import workloads
from models.default_model import model_name
from models.errors import UsageError
from models.requests import Message, Request
from models.settings import Settings
from models.training.trained import TrainedModel, trained_folder
from tasks.backfill.quote import quote_partition
from tasks.planning import adapter_in_force
from tasks.planning.request import RunRequest
from tasks.runtime.shared_engine import shared_engine
from tasks.workload.show import describe_workload
from tasks.workload.trial import TrialRequest, plan_trial, run_trial, settings_of_trial
from tests.adapters_in_force import put_adapter_in_force
from tests.batch_api import BatchApi
from tests.batch_state import Rules
from tests.fakes import Reply, ScriptedEngine, unsure
from tests.faulty_api import FaultyApi
from tests.integration.audit.harness import audit
from tests.integration.hybrid.batch_harness import batch_settings, collect_until_done
from tests.integration.hybrid.harness import KEY, api_lines, check_seen, hybrid_settings
from tests.integration.pipeline.books import check_sums, findings, table
from tests.integration.pipeline.harness import (
    DAY,
    WORKLOAD,
    good_rows,
    published,
    run,
    settings_for,
    write_records,
)
from tests.ledgers import new_sqlite
from tests.trained_models import retire

SHORT = "How does it sound?"
TABLE: dict[str, Any] = {"adapter_prompt": SHORT, "policy": {"min_confidence": 0.5}, "audit": {"share": 1.0}}


class Noting:
    """A handler that notes what the engine was told before each record, and is unsure of some."""

    def __init__(self) -> None:
        self.told: list[tuple[Message, ...]] = []

    def __call__(self, request: Request) -> Reply:
        """Answer plausibly."""
        self.told.append(request.messages[:-1])
        return unsure("number 1")(request)

    def heads(self) -> set[tuple[Message, ...]]:
        """Return what was told before the records, each once, and forget it."""
        found = set(self.told)
        self.told.clear()
        return found


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Write twenty records, of which two say the same."""
    return write_records(tmp_path / "in.jsonl", [*good_rows(19), {"id": "r19", "text": "message number 7"}])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Make settings over a new ledger, without an API."""
    return settings_for(tmp_path, new_sqlite(tmp_path / "ledger.db"), workloads={WORKLOAD: TABLE})


def lines_of(settings: Settings, model: str) -> list[Any]:
    """Return the lines of requests to a model in production, by record."""
    names = {row.id: row.name for row in table(settings, "models")}
    runs = {row.id for row in table(settings, "runs") if row.purpose == "production"}
    every = [line for line in table(settings, "ledger_lines") if line.run_id in runs]
    return sorted(
        (one for one in every if names[one.model_id] == model), key=lambda one: (one.record_key, one.attempt)
    )


def test_each_engine_is_asked_with_its_own_prompt(tmp_path: Path, database_url: str, source: Path) -> None:
    """Also what an identical text reuses; the API, its audit and the counterfactual cost keep the whole; each line names what it was asked with."""
    noting = Noting()
    with FaultyApi() as api:
        settings = hybrid_settings(tmp_path, database_url, api.url, workloads={WORKLOAD: TABLE})
        full = workloads.build(WORKLOAD, settings).messages("x")[:-1]
        assert run(settings, source, ScriptedEngine(handler=noting)).published == 20
        assert noting.heads() == {full}
        model = put_adapter_in_force(settings, WORKLOAD)
        again = run(settings, source, ScriptedEngine(handler=noting), rerun=True)
        assert (again.published, again.reused) == (20, 1)
        assert noting.heads() == {(Message("system", SHORT),)}
        assert audit(settings, tmp_path).audited == 10
        sent = {
            tuple((one["role"], one["content"]) for one in seen.body["messages"][:-1]) for seen in api.seen
        }
        assert [head[0] for head in sent] == [("system", full[0].content)]
        assert {len(head) for head in sent} == {len(full)}
    prompts = {row.id: (row.version, row.fingerprint) for row in table(settings, "prompts")}
    own = (built := workloads.build(WORKLOAD, settings)).prompt_version, built.fingerprint
    adapter = f"adapter {built.adapter_fingerprint[:8]}", built.adapter_fingerprint
    plain, adapted = (lines_of(settings, f"tests/scripted{name}") for name in ("", f"+{model.name}"))
    assert {prompts[line.prompt_id] for line in plain} == {own}
    assert {prompts[line.prompt_id] for line in adapted} == {adapter}
    assert {prompts[line.prompt_id] for line in api_lines(settings)} == {own}
    assert {prompts[row.prompt_id] for row in table(settings, "runs") if row.purpose == "production"} == {own}
    assert [one.record_key for one in plain] == [one.record_key for one in adapted]
    assert [one.counterfactual_input_tokens for one in plain] == [
        one.counterfactual_input_tokens for one in adapted
    ]
    assert all(one.request_hash != other.request_hash for one, other in zip(plain, adapted, strict=True))
    rows = published(settings).group_by("engine").agg(pl.col("prompt_version").unique())
    assert dict(rows.iter_rows()) == {"vllm": [adapter[0]], "openai": [own[0]]}
    check_sums(settings)
    check_seen(settings, api.seen)
    assert findings(settings) == []


def test_a_model_whose_prior_is_known_is_audited_under_its_adapter(tmp_path: Path, source: Path) -> None:
    """No prior is divided out of what the adapter says, and the API is asked the same all the same."""
    with FaultyApi() as api:
        own = hybrid_settings(tmp_path, new_sqlite(tmp_path / "ledger.db"), api.url, model=None)
        put_adapter_in_force(own, WORKLOAD)
        run(own, source)
        assert audit(own, tmp_path, share=1.0).audited


def test_what_waits_is_collected_as_it_was_begun_when_an_adapter_is_put_in_force(
    tmp_path: Path, source: Path
) -> None:
    """Also where a prior was divided out of what the plain model said: its rows keep its name and prompt."""
    with BatchApi(Rules(), key=KEY) as api:
        doubting = TABLE | {"policy": {"min_confidence": 0.9}}  # of some it is surer without the prior
        own = batch_settings(
            tmp_path, new_sqlite(tmp_path / "ledger.db"), api.url, model=None, workloads={WORKLOAD: doubting}
        )
        asking = workloads.build(WORKLOAD, own)
        assert run(own, source, ScriptedEngine(handler=unsure("number 1"))).state == "waiting"
        put_adapter_in_force(own, WORKLOAD)
        assert collect_until_done(own, api).published == 20
    rows = published(own).select("engine", "model", "prompt_version").unique()
    assert set(rows.iter_rows()) == {
        ("vllm", model_name(own), asking.prompt_version),
        ("openai", "test-model", asking.prompt_version),
    }
    assert findings(own) == []


def test_setting_it_runs_nothing_again_before_an_adapter_answers(settings: Settings, source: Path) -> None:
    """Then partitions are, and again when it is retired."""
    before = settings.model_copy(update={"workloads": {}})
    assert run(before, source).state == "completed"
    assert run(settings, source).state == "skipped"
    model = put_adapter_in_force(settings, WORKLOAD)
    assert run(settings, source, rerun=True).state == "completed"
    assert run(settings, source).state == "skipped"
    retire(settings, model)
    with pytest.raises(UsageError, match="published with other settings"):
        run(settings, source)


def test_a_trial_uses_it(settings: Settings, source: Path) -> None:
    """As a run does."""
    put_adapter_in_force(settings, WORKLOAD)
    noting, tried = Noting(), settings_of_trial(settings, "vllm")
    request = plan_trial(TrialRequest(WORKLOAD, 3, str(source), DAY), settings)
    with shared_engine(tried, lambda _: ScriptedEngine(handler=noting)):
        assert len(run_trial(request, tried).records) == 3
    assert noting.heads() == {(Message("system", SHORT),)}


def test_a_quote_counts_what_each_engine_would_be_sent(
    settings: Settings, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The own model's tokens shrink by the prompt's, and a context that only the short one fits rejects nobody; the API's stay. Both are shown."""
    monkeypatch.setattr(
        adapter_in_force, "gpu_name", lambda: "A10G"
    )  # so that the tokenizer is the default model's
    request = RunRequest(WORKLOAD, DAY, str(source), rerun=True)
    narrow = settings.model_copy(update={"max_model_len": 96})
    plain, tight = quote_partition(request, settings), quote_partition(request, narrow)
    put_adapter_in_force(settings, WORKLOAD)
    adapted, fits = quote_partition(request, settings), quote_partition(request, narrow)
    assert adapted.input_tokens.value < plain.input_tokens.value / 2
    assert adapted.api_input_tokens.value == plain.api_input_tokens.value
    assert (tight.requests.value, fits.requests.value) == (0, 19)
    shown = describe_workload(WORKLOAD, settings)
    api, own = shown.index("messages to the API:"), shown.index("messages to the adapter in force:")
    assert shown[own + 1 : own + 3] == ["[system]", SHORT]
    assert shown[api + 2] == workloads.build(WORKLOAD, settings).messages("")[0].content


def reworded(settings: Settings, **changes: object) -> Settings:
    """Return settings whose workload says something else."""
    given = settings.model_dump() | {"workloads": {WORKLOAD: TABLE | changes}}
    return Settings.model_validate(given | {"database_url": settings.database_url})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"adapter_prompt": "How is it?"}, "it belongs to another prompt (adapter "),
        ({"adapter_prompt": None}, "it belongs to another prompt (adapter "),
        ({"labels": ["good", "bad", "neutral"]}, "it answers other labels than sentiment has now"),
    ],
)
def test_one_of_another_prompt_or_label_set_is_refused(
    settings: Settings, source: Path, changes: dict[str, object], said: str
) -> None:
    """In one line, before anything is begun, whether it is in force or named in the settings."""
    model = put_adapter_in_force(settings, WORKLOAD)
    with pytest.raises(UsageError) as caught:
        run(reworded(settings, **changes), source)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    retire(settings, model)
    named = reworded(settings, **changes, model=str(merged(settings, model)))
    with pytest.raises(UsageError, match="under another prompt, or for other labels, than it has now"):
        run(named, source)
    assert [row.purpose for row in table(settings, "runs")] == ["training"]


def merged(settings: Settings, model: TrainedModel) -> Path:
    """Return the folder of an adapter's merged weights."""
    return trained_folder(settings.output_dir, WORKLOAD, model.name) / "merged"


@pytest.mark.parametrize("changes", [{"prompt": "Say how the message sounds."}, {"examples": []}])
def test_what_the_adapter_is_not_told_may_change(
    settings: Settings, source: Path, changes: dict[str, object]
) -> None:
    """It goes on answering under its own."""
    put_adapter_in_force(settings, WORKLOAD)
    noting = Noting()
    assert run(reworded(settings, **changes), source, ScriptedEngine(handler=noting)).published == 20
    assert noting.heads() == {(Message("system", SHORT),)}


def test_named_in_the_settings_it_is_told_it_too(settings: Settings, source: Path) -> None:
    """Without being in force; an adapter from elsewhere gets the workload's own prompt."""
    model = put_adapter_in_force(settings, WORKLOAD)
    retire(settings, model)
    noting = Noting()
    used: Callable[[Path], Settings] = lambda path: reworded(settings, model=str(path))  # noqa: E731
    run(used(merged(settings, model)), source, ScriptedEngine(handler=noting))
    assert noting.heads() == {(Message("system", SHORT),)}
    (merged(settings, model) / "trained.json").unlink()
    run(used(merged(settings, model)), source, ScriptedEngine(handler=noting), rerun=True)
    assert noting.heads() == {workloads.build(WORKLOAD, settings).messages("x")[:-1]}
