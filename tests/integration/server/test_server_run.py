"""Whole runs on a server of one's own: what is published, what it costs, what becomes of a failure, and what is never sent."""

import threading
import time
from datetime import date
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

import cli
from models.errors import EngineDied, EngineStartError, PriceUnknown, ResidencyError, UsageError
from models.gpu_time import gpu_cost_nano
from models.settings import Settings
from tasks.backfill.quote import quote_partition
from tasks.evaluation.run import EvaluationRequest, evaluate
from tasks.planning.checks import Checked, check, fingerprint_of
from tasks.planning.request import RunRequest
from tasks.run import infer
from tasks.run.run_partition import run_request
from tasks.runtime.shared_engine import load_engine, shared_engine
from tasks.setup.doctor import check_engine, check_machine_price
from tests.faulty_api import FaultyApi, Rule
from tests.integration.api.harness import closed_port
from tests.integration.hybrid.harness import api_lines
from tests.integration.pipeline.books import check_books, check_sums, table
from tests.integration.pipeline.harness import (
    DAY,
    WORKLOAD,
    good_rows,
    mixed_rows,
    published,
    quarantined,
    run,
    write_records,
)
from tests.integration.pipeline.runner import Job, Runner
from tests.integration.server.harness import MODEL, server_settings

COUNT = 60
SCHEMA = 33
"""Tokens of the schema of a label, which the API counts and the own server does not."""
ELSEWHERE = "http://192.0.2.7:8000/v1"
"""An address of a range that no machine has (RFC 5737)."""


def run_there(settings: Settings, source: Path, **options: bool) -> object:
    """Run the partition with the engine that the settings name."""
    return run(settings, source, load_engine, **options)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Write records that are all fine."""
    return write_records(tmp_path / "in.jsonl", good_rows(COUNT))


def test_a_partition_is_published_and_paid_by_machine_time(tmp_path: Path, source: Path) -> None:
    """Usage is the server's, the cost is the machine's time while requests are in flight, and no token has a price."""
    with FaultyApi(latency=0.02) as api:
        settings = server_settings(tmp_path, api.url)
        run_there(settings, source)
    assert published(settings).height == COUNT
    assert set(published(settings)["model"]) == {MODEL}
    check_books(settings)
    lines = table(settings, "ledger_lines")
    seen = {one.attempt: one.usage for one in api.seen}
    for line in lines:
        assert (line.requested, line.engine, line.outcome) == ("vllm", "vllm", "ok")
        usage = seen[str(line.id)]
        assert usage is not None
        assert (line.input_tokens, line.output_tokens) == (usage["prompt_tokens"], usage["completion_tokens"])
        assert line.cached_tokens == usage["prompt_tokens_details"]["cached_tokens"]
        assert (line.estimated, line.price_id) == (False, None)
        assert line.counterfactual_nano > 0
    (one,) = table(settings, "runs")
    (machine,) = table(settings, "infrastructure")
    assert (one.load_ns, one.idle_ns) == (0, 0)
    assert sum(line.cost_nano for line in lines) == gpu_cost_nano(one.busy_ns, machine.nano_usd_per_hour) > 0
    assert {(row.provider, row.name) for row in table(settings, "models")} == {("server", MODEL)}


@pytest.mark.parametrize("fault", ["no_usage", "zero_usage"])
def test_a_server_that_reports_no_usage(tmp_path: Path, source: Path, fault: str) -> None:
    """Or none that can be: tokens are estimated, and each such line says so (I4); the others hold what was reported."""
    with FaultyApi([Rule((fault,), match="message number 7", forever=True)]) as api:
        settings = server_settings(tmp_path, api.url)
        run_there(settings, source)
    check_books(settings)
    lines = table(settings, "ledger_lines")
    assert {line.record_key for line in lines if line.estimated} == {"r7"}
    for line in lines:
        assert line.input_tokens > 0
        assert line.output_tokens > 0
    (guessed,) = [line for line in lines if line.estimated]
    assert guessed.counterfactual_input_tokens == guessed.input_tokens + SCHEMA
    assert guessed.cost_nano > 0


def test_bad_records_are_set_aside(tmp_path: Path) -> None:
    """One too long, one refused, one whose reply is no JSON, one that gets a 500: each with its reason, the rest is published."""
    rules = [
        Rule(("too_long_vllm",), match="message number 3", forever=True),
        Rule(("400",), match="message number 41", forever=True),
        Rule(("invalid_json",), match="message number 5", forever=True),
        Rule(("500",), match="message number 6", forever=True),
    ]
    expected = {"too_long": 11, "refused": 1 + 11, "invalid_output": 11}  # 3 and 30 to 39, and so on
    with FaultyApi(rules) as api:
        settings = server_settings(tmp_path, api.url, server_max_attempts=2, max_quarantined_share=1.0)
        run_there(settings, write_records(tmp_path / "in.jsonl", good_rows(70)))
    found = quarantined(settings)["reason"].value_counts()
    assert dict(found.iter_rows()) == expected
    assert published(settings).height == 70 - sum(expected.values())
    check_books(settings)


def test_unsure_answers_go_on_to_the_api(tmp_path: Path, source: Path) -> None:
    """The confidence comes from the tokens' probabilities: where a server gives none, no answer is sure."""
    policy = {WORKLOAD: {"policy": {"min_confidence": 0.5}}}
    with FaultyApi([Rule(("no_field:logprobs",), forever=True)]) as api, FaultyApi() as other:
        more = {"api_mode": "sync", "api_base_url": other.url, "api_key": "sk-x", "workloads": policy}
        settings = server_settings(tmp_path, api.url, **more)
        run_there(settings, source)
        assert len(other.seen) == COUNT
    check_books(settings)
    with FaultyApi() as api, FaultyApi() as other:
        more["api_base_url"] = other.url
        settings = server_settings(tmp_path / "sure", api.url, **more)
        run_there(settings, source)
        assert other.seen == []


def test_killed_and_taken_up_again(tmp_path: Path, runner: Runner) -> None:
    """A killed run asks again only what no commit held; nothing is published twice, and the books add up."""
    source = write_records(tmp_path / "in.jsonl", mixed_rows(300, seed=5))
    with FaultyApi() as api:
        plain = server_settings(tmp_path / "plain", api.url)
        run_there(plain, source)
        needed = len(api.seen)
    with FaultyApi(latency=0.03) as api:
        settings = server_settings(tmp_path / "killed", api.url, commit_records=20, server_concurrency=4)
        job = Job.of(settings, source, real=True)
        for parts in (2, 5):
            child = runner.start(job)
            job.wait_for_parts(child, parts)
            child.kill()
            assert child.wait() == -9
        assert runner.start(job).wait() == 0, Path(job.log).read_text(encoding="utf-8")
        again = len(api.seen) - needed
    assert_frame_equal(published(settings), published(plain))
    assert_frame_equal(quarantined(settings), quarantined(plain))
    check_books(settings)
    assert 0 < again <= 2 * (8 + 3 * 20)  # in the window, being gathered and waiting to be written, twice


# --- a server that fails


def test_by_default_the_run_stops(tmp_path: Path, source: Path) -> None:
    """It does not start, or dies: one line, and the next run finishes what was not committed."""
    with pytest.raises(EngineStartError, match="start it"):
        run_there(server_settings(tmp_path, closed_port()), source)
    with FaultyApi() as api:
        api.rules.append(Rule(("ok",) * 20 + ("500",), forever=True))
        settings = server_settings(tmp_path, api.url, server_concurrency=2, commit_records=5)
        with pytest.raises(EngineDied, match="look at its log"):
            run_there(settings, source)
        check_sums(settings)
        api.rules.clear()
        run_there(settings, source)
    assert published(settings).height == COUNT
    check_books(settings)


def test_a_server_that_comes_back_is_waited_for(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the policy `wait`."""
    monkeypatch.setattr(infer, "RETRY_SECONDS", (0.05, 0.1))
    port = int(closed_port().split(":")[2].split("/")[0])
    came: list[FaultyApi] = []

    def come() -> None:
        time.sleep(1.0)
        came.append(FaultyApi(port=port).__enter__())

    later = threading.Thread(target=come)
    policy = {WORKLOAD: {"policy": {"engine_fails": "wait"}}}
    with FaultyApi() as other:
        more = {"api_mode": "sync", "api_base_url": other.url, "api_key": "sk-x", "workloads": policy}
        settings = server_settings(tmp_path, f"http://127.0.0.1:{port}/v1", **more)
        later.start()
        try:
            run_there(settings, source)
        finally:
            later.join()
            came[0].__exit__()
        assert other.seen == []
    assert published(settings).height == COUNT
    check_books(settings)


def test_the_rest_goes_to_the_api(tmp_path: Path, source: Path) -> None:
    """Under the policy `api`, once the server has died; what it had answered stays."""
    policy = {WORKLOAD: {"policy": {"engine_fails": "api"}}}
    with FaultyApi([Rule(("ok",) * 20 + ("500",), forever=True)]) as api, FaultyApi() as other:
        more = {"api_mode": "sync", "api_base_url": other.url, "api_key": "sk-x", "workloads": policy}
        settings = server_settings(tmp_path, api.url, server_concurrency=2, **more)
        run_there(settings, source)
        assert len(other.seen) == COUNT - 20
    assert {line.reason for line in api_lines(settings)} == {"engine_failed"}
    assert published(settings).height == COUNT
    check_books(settings)


# --- records that must stay in the house


def test_records_that_must_stay_are_answered_here(tmp_path: Path, source: Path) -> None:
    """A server on this machine is the local engine: data residency allows it."""
    with FaultyApi() as api:
        settings = server_settings(tmp_path, api.url, workloads={WORKLOAD: {"data_residency": "local"}})
        run_there(settings, source)
    assert published(settings).height == COUNT


@pytest.mark.parametrize("residency", ["any", "local"])
def test_nothing_is_sent_to_a_host_that_nobody_declared(
    tmp_path: Path, source: Path, residency: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the workload allows: the run ends before anything is asked, resolved or written."""

    def resolve(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    settings = server_settings(tmp_path, ELSEWHERE, workloads={WORKLOAD: {"data_residency": residency}})
    with pytest.raises(ResidencyError, match=r"192\.0\.2\.7 is not declared in-house") as caught:
        run_there(settings, source)
    assert caught.value.exit_code == 2
    assert not settings.output_dir.exists()
    assert not (tmp_path / "ledger.db").exists()


def test_a_declared_server_elsewhere_needs_its_machines_price(tmp_path: Path, source: Path) -> None:
    """What this machine has says nothing of that one: its kind is asked for before the run starts (I3)."""
    declared = {"server_hosts": ("192.0.2.7",), "gpu_usd_per_hour": None}
    request = RunRequest(WORKLOAD, DAY, str(source))
    for more in ({}, {"gpu_kind": "cpu"}):
        with pytest.raises(PriceUnknown, match="BREAKEVEN_GPU_KIND"):
            check(request, server_settings(tmp_path, ELSEWHERE, **declared, **more))
    for more in ({"gpu_kind": "L4"}, {"gpu_kind": "cpu", "gpu_usd_per_hour": "0.4"}):
        checked = check(request, server_settings(tmp_path, ELSEWHERE, **(declared | more)))
        assert isinstance(checked, Checked)
        assert checked.machine.nano_usd_per_hour > 0


def test_the_command_says_it_in_one_line(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback; exit code 2."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BREAKEVEN_ENGINE", "server")
    monkeypatch.setenv("BREAKEVEN_SERVER_URL", "http://127.0.0.1.evil.example/v1")
    monkeypatch.setenv("BREAKEVEN_MODEL", MODEL)
    with pytest.raises(SystemExit) as end:
        cli.main(["run", WORKLOAD, "--input", str(source), "--date", str(DAY)])
    assert end.value.code == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert "127.0.0.1.evil.example is not declared in-house" in said[-1]


# --- what else looks at the engine


def test_a_quote_says_that_its_tokens_are_an_estimate(tmp_path: Path, source: Path) -> None:
    """The model's tokenizer is at the server; no server is asked, so it need not even run."""
    settings = server_settings(tmp_path, closed_port())
    quoted = quote_partition(RunRequest(WORKLOAD, DAY, str(source)), settings)
    assert "input: estimated by tiktoken" in quoted.basis
    assert quoted.requests.value == COUNT
    assert quoted.api_input_tokens.value == quoted.input_tokens.value + SCHEMA * COUNT > 0


def test_an_evaluation_asks_it_as_the_small_model(tmp_path: Path) -> None:
    """The labelled records are answered there, and the evaluation bears the model's name; an adapter is its own affair."""
    rows = [
        {"id": f"r{n}", "text": f"message number {n}", "label": ("neutral", "positive")[n % 2]}
        for n in range(30)
    ]
    labels = write_records(tmp_path / "labels.jsonl", list(rows))
    with FaultyApi() as api:
        settings = server_settings(tmp_path, api.url)
        found = evaluate(EvaluationRequest(WORKLOAD, str(labels)), settings, today=date(2026, 11, 20))
        assert len(api.seen) == 30
        with pytest.raises(UsageError, match="a server has its own adapters"):
            evaluate(EvaluationRequest(WORKLOAD, str(labels), adapter=tmp_path), settings)
    small = found.arm("small")
    assert small is not None
    assert small.model == MODEL


def test_the_same_name_at_a_server_is_another_model(tmp_path: Path, source: Path) -> None:
    """A partition that vLLM answered is not taken for one that a server's model of that name would answer; the address does not count."""

    def fingerprint(**more: object) -> str:
        checked = check(RunRequest(WORKLOAD, DAY, str(source)), server_settings(tmp_path, "", **more))
        assert isinstance(checked, Checked)
        return fingerprint_of(checked)

    here, moved = (fingerprint(server_url=f"http://127.0.0.1:{port}/v1") for port in (8000, 9000))
    assert here == moved != fingerprint(engine="vllm")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("quantization", "awq"),
        ("lora_adapter", "adapters/one"),
        ("model_revision", "v2"),
        ("engine.kv_cache_dtype", {"kind": "server", "kv_cache_dtype": "fp8"}),
    ],
)
def test_settings_that_the_server_would_not_heed(
    tmp_path: Path, source: Path, setting: str, value: object
) -> None:
    """They would decide answers if vLLM ran here: set and without effect, they would stand under a false name."""
    settings = server_settings(tmp_path, closed_port(), **{setting.split(".", maxsplit=1)[0]: value})
    with pytest.raises(UsageError, match=f"{setting}: the server 127.0.0.1:.* was started with its own"):
        run_there(settings, source)


def test_a_server_has_no_default_model(tmp_path: Path, source: Path) -> None:
    """Nobody knows which of its models is meant."""
    with pytest.raises(UsageError, match="set BREAKEVEN_MODEL to the name that it lists"):
        run_there(server_settings(tmp_path, closed_port(), model=None), source)


@pytest.mark.parametrize("model", ["gpt-oss:120b-cloud", "glm-4.6:cloud", "Qwen3-Coder:480B-Cloud"])
def test_a_cloud_model_of_a_local_server_is_none_of_the_house(
    tmp_path: Path, source: Path, model: str
) -> None:
    """Ollama on this machine hands such a model's requests on to its cloud: nothing is sent."""
    with FaultyApi(models=[model]) as api:
        with pytest.raises(ResidencyError, match="out of the house"):
            run_there(server_settings(tmp_path, api.url, model=model), source)
        assert api.seen == []


def test_workloads_ask_their_own_models_of_one_server(tmp_path: Path, source: Path) -> None:
    """A workload's `model` is another name at the same address; each line bears its own."""
    with FaultyApi(models=[MODEL, "other-model"]) as api:
        settings = server_settings(
            tmp_path, api.url, workloads={"classification": {"model": "other-model", "labels": ["a", "b"]}}
        )
        with shared_engine(settings, load_engine):
            for name in (WORKLOAD, "classification", WORKLOAD):
                run_request(RunRequest(name, DAY, str(source), rerun=True), settings)
        asked = [seen.body["model"] for seen in api.seen]
    assert asked == [MODEL] * COUNT + ["other-model"] * COUNT + [MODEL] * COUNT
    assert {row.name for row in table(settings, "models")} == {MODEL, "other-model"}
    check_sums(settings)


def test_doctor_looks_at_the_server(tmp_path: Path) -> None:
    """It says whether the server answers and has the model, whether it may be asked, and what its machine costs."""
    with FaultyApi() as api:
        (found,) = check_engine(server_settings(tmp_path, api.url))
        assert (found.name, found.state) == ("server", "ok")
        (found,) = check_engine(server_settings(tmp_path, api.url, model="other"))
        assert (found.state, "no model 'other'" in found.advice) == ("fail", True)
        assert api.seen == []
    (found,) = check_engine(server_settings(tmp_path, closed_port()))
    assert (found.state, "start it" in found.advice) == ("fail", True)
    (found,) = check_engine(server_settings(tmp_path, ELSEWHERE))
    assert (found.state, "not declared in-house" in found.advice) == ("fail", True)
    with FaultyApi(models=404) as api:
        (found,) = check_engine(server_settings(tmp_path, api.url))
        assert found.state == "warn"
    declared = server_settings(tmp_path, ELSEWHERE, server_hosts=("192.0.2.7",))
    assert check_machine_price(declared).state == "fail"
