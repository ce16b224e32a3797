"""Quotes against what the runs then did, on both databases: counts exactly, time by earlier runs, unknown as such."""

import warnings
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from models.economics.quote import Estimate, PartitionQuote, Quote
from models.engines.vllm.tokenizer import ChatTokenizer
from models.errors import EngineDied, InputError, UsageError
from models.gpu_time import GpuTime
from models.requests import Message
from models.requests import Request as Asked
from models.settings import Settings
from tasks.backfill.quote import local_model, quote_partition
from tasks.planning.request import RunRequest
from tests.fakes import Reply, ScriptedEngine, plausible
from tests.integration.pipeline.books import table
from tests.integration.pipeline.harness import (
    CACHE,
    DAY,
    WORKLOAD,
    good_rows,
    mixed_rows,
    run,
    write_records,
)

API = {
    "api_mode": "sync",
    "api_base_url": "http://127.0.0.1:9/v1",
    "api_key": "sk-never-used",
}


@pytest.fixture(scope="module", autouse=True)
def tokenizer() -> Iterator[ChatTokenizer]:
    """Load the default model's tokenizer, once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch and transformers warn when they are imported
        yield local_model(Settings(cache_dir=CACHE)).tokenizer


class Noting:
    """A handler that notes what the engine was asked."""

    def __init__(self) -> None:
        self.prompts: list[tuple[Message, ...]] = []

    def __call__(self, request: Asked) -> Reply:
        """Answer plausibly."""
        self.prompts.append(request.messages)
        return plausible(request)


def quoted(settings: Settings, source: Path, **changes: object) -> PartitionQuote:
    """Quote the test's partition."""
    return quote_partition(replace(RunRequest(WORKLOAD, DAY, str(source)), **changes), settings)  # type: ignore[arg-type]


def changed(settings: Settings, **more: object) -> Settings:
    """Return settings with some changed."""
    return Settings.model_validate(settings.model_dump() | more)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_counts_are_those_of_the_run(
    settings: Settings, tmp_path: Path, tokenizer: ChatTokenizer, seed: int
) -> None:
    """Rows, quarantine, requests and input tokens of a nasty input are quoted as they then come to be."""
    source = write_records(tmp_path / "in.jsonl", mixed_rows(300, seed))
    quote = quoted(settings, source)
    noting = Noting()
    result = run(settings, source, ScriptedEngine(noting))
    assert quote.records == result.published + result.quarantined == 300
    assert quote.quarantined == Estimate(result.quarantined)
    assert quote.requests == Estimate(len(noting.prompts)) == Estimate(quote.api_requests)
    assert quote.input_tokens == Estimate(sum(tokenizer.count(noting.prompts)))
    lines = table(settings, "ledger_lines")
    assert quote.api_input_tokens == Estimate(sum(line.counterfactual_input_tokens for line in lines))
    assert quoted(settings, source, limit=50).records == 50


def test_a_million_blanks_are_quoted_as_they_are_run(
    settings: Settings, tmp_path: Path, tokenizer: ChatTokenizer
) -> None:
    """A text with more blanks in a row than tiktoken's expression can take is counted, in the quote as in the run."""
    rows: list[object] = [
        {"id": "long", "text": "a" + " " * 1_000_001 + "word"},
        {"id": "short", "text": "a word"},
    ]
    source = write_records(tmp_path / "in.jsonl", rows)
    large = changed(settings, max_model_len=20_000)
    quote = quoted(large, source)
    noting = Noting()
    assert run(large, source, ScriptedEngine(noting)).published == 2
    assert quote.input_tokens == Estimate(sum(tokenizer.count(noting.prompts)))
    long, short = sorted(
        (line.counterfactual_input_tokens for line in table(settings, "ledger_lines")), reverse=True
    )
    assert long - short == 7_813  # a token has 128 blanks at most, and the last blank is in the word's
    assert quote.api_input_tokens == Estimate(long + short)


def test_the_first_quote_knows_no_time(settings_without_ledger: Settings, tmp_path: Path) -> None:
    """Before any run, GPU time and cost are unknown and not nothing; answers are taken for a mean label."""
    quote = quoted(settings_without_ledger, write_records(tmp_path / "in.jsonl", good_rows(50)))
    assert (quote.time, quote.gpu_nano, quote.load_ns) == (None, None, None)
    assert quote.output_tokens == 100  # a label is one token, and one ends the answer
    assert quote.api_output_tokens == 50 * 5  # {"label":"positive"}, as the API writes it
    assert quote.basis == "input: counted; output: assumed mean label; time: unknown, no run here so far"
    tokens = quote.api_input_tokens.value
    assert quote.api_nano == tokens * 100 + 50 * 5 * 500  # of the default model
    assert quote.batch_nano * 2 == quote.api_nano
    row = Quote.of([quote]).total()
    assert row["gpu_usd"] is row["gpu_hours"] is None
    assert row["api_usd"] == Decimal(quote.api_nano) / 10**9
    assert not (tmp_path / "ledger.db").exists()


def test_the_second_quote_knows_the_first_run(settings: Settings, tmp_path: Path) -> None:
    """Output, time and load are those of the run before; twice the records take twice the time."""
    source = write_records(tmp_path / "in.jsonl", good_rows(60))
    engine = ScriptedEngine(delay=0.002, load_seconds=0.05)
    run(settings, source, engine)
    (done,) = table(settings, "runs")
    single = quoted(settings, source, rerun=True)
    twice = quoted(settings, write_records(tmp_path / "two.jsonl", good_rows(120)), rerun=True)
    assert single.basis == "input: counted; output: mean of 1 run; time: 1 run"
    assert single.output_tokens == done.output_tokens
    assert single.load_ns == done.load_ns >= 50_000_000
    assert single.time is not None
    assert twice.time is not None
    assert twice.time.busy_ns > 1.8 * single.time.busy_ns > 0
    assert single.time.idle_ns / single.time.busy_ns == pytest.approx(done.idle_ns / done.busy_ns, rel=1e-6)
    whole = Quote.of([quote_partition(RunRequest(WORKLOAD, DAY, str(source), rerun=True), settings)] * 2, 1)
    assert whole.gpu_nano == 2 * (single.gpu_nano or 0) + (whole.load_nano or 0)
    assert whole.load_ns == done.load_ns


def test_another_machine_tells_lengths_but_no_time(settings: Settings, tmp_path: Path) -> None:
    """A run on another kind of machine says how long answers are, and nothing of time or load."""
    source = write_records(tmp_path / "in.jsonl", good_rows(20))
    run(settings, source)
    quote = quoted(changed(settings, gpu_kind="H100"), source, rerun=True)
    assert quote.basis == "input: counted; output: mean of 1 run; time: unknown, no run here so far"
    assert (quote.time, quote.load_ns) == (None, None)


def test_a_sample_holds_the_truth(settings: Settings, tmp_path: Path) -> None:
    """Beyond the size that is set, requests are exact, and tokens lie within the interval that is shown."""
    rows = good_rows(700, lambda number: "word " * (number % 600 % 97) + f"number {number % 600}")
    source = write_records(tmp_path / "in.jsonl", rows)
    exact = quoted(settings, source)
    sample = quoted(changed(settings, quote_texts=100), source)
    assert sample.requests == exact.requests == Estimate(600)
    assert sample.input_tokens.variance > 0
    for found, truth in (
        (sample.input_tokens, exact.input_tokens),
        (sample.api_input_tokens, exact.api_input_tokens),
    ):
        assert abs(found.value - truth.value) <= found.margin < 0.1 * truth.value
    assert sample == quoted(changed(settings, quote_texts=100), source)
    assert sample.basis.startswith("input: 100 of 600 texts, ±")


def test_late_data_and_what_is_begun(settings: Settings, tmp_path: Path) -> None:
    """A refresh is quoted for the records that are new, a partition that was begun for those that are left."""
    source = write_records(tmp_path / "in.jsonl", good_rows(90))
    with pytest.raises(EngineDied):
        run(settings, source, ScriptedEngine(dies_after=45))
    engine = ScriptedEngine()
    quote = quoted(settings, source)
    run(settings, source, engine)
    assert 40 < quote.records == quote.requests.value == len(engine.started) < 90
    write_records(source, [*good_rows(100)[5:], {"id": "r3", "text": "changed"}])
    late = quoted(settings, source, refresh=True)
    engine = ScriptedEngine()
    run(settings, source, engine, refresh=True)
    assert late.records == late.requests.value == len(engine.started) == 11
    assert quoted(settings, source, refresh=True).records == 0
    assert quoted(settings, source, rerun=True).records == 96


def test_what_is_begun_otherwise_is_begun_anew(settings: Settings, tmp_path: Path) -> None:
    """What a run with other settings, or a refresh for another input, has done is not left out: it is given up."""
    source = write_records(tmp_path / "in.jsonl", good_rows(90))
    with pytest.raises(EngineDied):
        run(settings, source, ScriptedEngine(dies_after=45))
    assert quoted(changed(settings, seed=7), source).records == 90
    run(settings, source)
    write_records(source, good_rows(180))
    with pytest.raises(EngineDied):
        run(settings, source, ScriptedEngine(dies_after=45), refresh=True)
    assert 40 < quoted(settings, source, refresh=True).records < 90
    write_records(source, good_rows(181))
    assert quoted(settings, source, refresh=True).records == 91


def test_damaged_output_is_quoted_as_not_done(settings: Settings, tmp_path: Path) -> None:
    """A published file that cannot be read does not stop the quote: everything is quoted."""
    source = write_records(tmp_path / "in.jsonl", good_rows(20))
    run(settings, source)
    (settings.output_dir / WORKLOAD / f"date={DAY}" / "records.parquet").write_bytes(b"no")
    assert quoted(settings, source, refresh=True).records == 20


def test_what_the_policy_sends_on(settings: Settings, tmp_path: Path) -> None:
    """Complex records are no local requests; triage asks about each other one; both stay in the API's figures."""
    source = write_records(tmp_path / "in.jsonl", good_rows(60, lambda n: "x" * n + " a message"))
    plain = quoted(settings, source)
    policy: dict[str, object] = {"complex_over_chars": 39}
    hybrid = changed(settings, **API, workloads={WORKLOAD: {"policy": policy}})
    quote = quoted(hybrid, source)
    assert (quote.records, quote.requests, quote.api_requests) == (60, Estimate(30), 60)
    assert quote.api_input_tokens == plain.api_input_tokens
    policy["triage"] = True
    asked = quoted(changed(hybrid, workloads={WORKLOAD: {"policy": policy}}), source)
    assert asked.requests == Estimate(60)
    assert asked.input_tokens.value > 1.5 * quote.input_tokens.value
    off = quoted(changed(hybrid, api_mode="off"), source)
    assert off == plain


def test_all_by_the_api(settings: Settings, tmp_path: Path) -> None:
    """A run that is to use the API alone needs no local tokenizer, no engine and no GPU time: known to be none."""
    source = write_records(tmp_path / "in.jsonl", good_rows(30))
    plain = quoted(settings, source)
    quote = quoted(changed(settings, **API, model="/no/model"), source, engine="openai")
    assert (quote.requests, quote.input_tokens, quote.output_tokens) == (Estimate(0), Estimate(0), 0)
    assert quote.time == GpuTime()
    assert Quote.of([quote]).gpu_nano == 0
    assert (quote.api_nano, quote.batch_nano) == (plain.api_nano, plain.batch_nano)
    assert quote.basis == "input: counted; output: assumed mean label"


def test_prompts_that_are_too_long(settings: Settings, tmp_path: Path) -> None:
    """What will not fit the model is quoted as quarantined with its repeats, or as the API's where it may go there."""
    rows = good_rows(10, lambda number: "word " * 400 if number < 3 else f"text {number}")
    source = write_records(tmp_path / "in.jsonl", rows)
    short = changed(settings, max_model_len=512)
    quote = quoted(short, source)
    assert (quote.records, quote.quarantined, quote.requests) == (10, Estimate(3), Estimate(7))
    assert quote.input_tokens.value < quoted(settings, source).input_tokens.value
    sent = quoted(changed(short, **API), source)
    assert (sent.quarantined, sent.requests, sent.api_requests) == (Estimate(0), Estimate(7), 8)


def test_objects_of_unknown_length(settings: Settings, tmp_path: Path) -> None:
    """Objects are taken to use half of what they may, until a run tells."""
    rows: list[object] = [
        {"id": str(number), "name": f"lamp {number}", "description": "red"} for number in range(4)
    ]
    request = RunRequest("enrichment", DAY, str(write_records(tmp_path / "in.jsonl", rows)))
    quote = quote_partition(request, settings)
    assert (quote.output_tokens, quote.api_output_tokens) == (800, 800)
    assert "output: assumed 1/2 of 400" in quote.basis


def test_nothing_to_quote(settings: Settings, tmp_path: Path) -> None:
    """A date without records costs nothing, which is known."""
    rows: list[object] = [{"id": "a", "text": "x", "created_at": "2020-01-01"}]
    quote = quoted(settings, write_records(tmp_path / "in.jsonl", rows))
    assert (quote.records, quote.gpu_nano, quote.api_nano, quote.basis) == (0, 0, 0, "nothing to do")


def test_mistakes_are_one_clear_line(settings: Settings, tmp_path: Path) -> None:
    """A missing file, an unknown workload and a model without tokenizer are said as a run would say them."""
    source = write_records(tmp_path / "in.jsonl", good_rows(3))
    with pytest.raises(InputError, match="does not exist"):
        quoted(settings, tmp_path / "gone.jsonl")
    with pytest.raises(UsageError, match="unknown workload"):
        quoted(settings, source, workload="spelling")
    with pytest.raises(UsageError, match="cannot load the tokenizer"):
        quoted(changed(settings, model=str(tmp_path)), source)
