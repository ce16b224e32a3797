"""Settings that cannot be are one line: which name, in which line of which file, and what was meant."""

import os
import tomllib
from pathlib import Path

import pytest
from prefect import State

import cli
from flows.backfill import build as backfill
from flows.break_even import break_even
from flows.collect import collect_batches
from flows.environment import read_settings
from flows.evaluation import evaluation
from flows.nightly import nightly
from flows.training import training
from flows.workloads import workload_flow
from models.errors import UsageError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, where the settings file would lie."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def complaint() -> str:
    """Return what is said of the settings as they are now."""
    with pytest.raises(UsageError) as caught:
        read_settings()
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix("settings are not valid: ")


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("BREAKEVEN_MODLE", "BREAKEVEN_MODEL"),
        ("breakeven_modle", "BREAKEVEN_MODEL"),
        ("BREAKEVEN_APIKEY", "BREAKEVEN_API_KEY"),
        ("BREAKEVEN_MODEL__NAME", "BREAKEVEN_MODEL"),
        ("BREAKEVEN_BUDGET__MONT_USD", "BREAKEVEN_BUDGET__MONTH_USD"),
        ("BREAKEVEN_SMTP_HOST", "BREAKEVEN_SMTP__HOST"),
        ("BREAKEVEN_WORKLOADS__SENTIMENT__INPT", "BREAKEVEN_WORKLOADS__SENTIMENT__INPUT"),
        ("BREAKEVEN_WORKLOADS__SENTIMNT__INPUT", "BREAKEVEN_WORKLOADS__SENTIMENT__INPUT"),
        ("BREAKEVEN_SENTIMENT__INPUT", "BREAKEVEN_WORKLOADS__SENTIMENT__INPUT"),
        (
            "BREAKEVEN_WORKLOADS__SENTIMENT__POLICY__ESCALAT",
            "BREAKEVEN_WORKLOADS__SENTIMENT__POLICY__ESCALATE",
        ),
        ("BREAKEVEN_CHAT__OPS__ULR", "BREAKEVEN_CHAT__OPS__URL"),
    ],
)
def test_an_unknown_variable(variable: str, meant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named, with the nearest variable that there is; its value is not told."""
    monkeypatch.setenv(variable, "very-secret")
    assert complaint() == f"unknown setting {variable}; did you mean {meant}?"


def test_a_variable_that_is_like_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an error too, and says where all names are."""
    monkeypatch.setenv("BREAKEVEN_QQQQ", "1")
    assert complaint() == "unknown setting BREAKEVEN_QQQQ; all settings: docs/settings.md"


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("BREAKEVEN_API_MODE", "snyc", "not 'snyc'; did you mean sync?"),
        ("BREAKEVEN_BILLING_MODE", "on-demand", "did you mean on_demand?"),
        ("BREAKEVEN_API_CONCURRENCY", "many", "should be a valid integer"),
        ("BREAKEVEN_BUDGET", "much", "is JSON"),
        ("BREAKEVEN_WORKLOADS__SENTIMENT__BUDGET", "much", "is JSON"),
        ("BREAKEVEN_WORKLOADS__CLASSIFICATION__LABELS", "billing", "is JSON"),
        ("BREAKEVEN_DELIVERY_RETRY_SECONDS", "60,600", "is JSON"),
    ],
)
def test_a_value_that_cannot_be(
    variable: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable is named as it was set."""
    monkeypatch.setenv("BREAKEVEN_WORKLOADS__SENTIMENT__INPUT", "no JSON, and need not be")
    monkeypatch.setenv(variable, value)
    said = complaint()
    assert said.startswith(f"{variable}: ")
    assert says in said


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ('{"sentimnt": {"input": "x"}}', "unknown workload 'sentimnt'; did you mean sentiment?"),
        ('{"sentiment": {"inpt": "x"}}', "unknown setting workloads.sentiment.inpt; did you mean input?"),
    ],
)
def test_names_inside_json(value: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names in a variable's JSON are looked at as well."""
    monkeypatch.setenv("BREAKEVEN_WORKLOADS", value)
    assert complaint() == says


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"modle = 'x'\n", "line 1: unknown setting modle; did you mean model?"),
        (
            b"\n[workloads.sentimnt]\ninput = 'x'\n",
            "line 2: unknown workload 'sentimnt'; did you mean sentiment?",
        ),
        (
            b"workloads.sentiment.inpt = 'x'\n",
            "line 1: unknown setting workloads.sentiment.inpt; did you mean input?",
        ),
        (
            b"[sentiment]\ninput = 'x'\n",
            "line 1: unknown setting sentiment; did you mean workloads.sentiment?",
        ),
        (b"month_usd = 5\n", "line 1: unknown setting month_usd; did you mean budget.month_usd?"),
        (b"[smtp]\ncolour = 1\n", "line 2: unknown setting smtp.colour; there are: host, port"),
        (
            b"[workloads.sentiment]\nmin_confidence = 0.5\n",
            "line 2: unknown setting workloads.sentiment.min_confidence; did you mean workloads.sentiment.policy.min_c",
        ),
        (
            b"[workloads.classification]\nlabels = ['a', 'b']\napi_mode = 'sync'\n",
            "line 3: api_mode stands in the table [workloads.classification]; move it above the first table",
        ),
        (
            b"[budget]\nmonth_usd = 5\nmodel = 'x'\n",
            "line 3: model stands in the table [budget]; move it above",
        ),
        (
            b"model = 'x'\napi_concurrency = 'many'\n",
            "line 2: api_concurrency: Input should be a valid integer",
        ),
        (b"api_mode = 'snyc'\n", "not 'snyc'; did you mean sync?"),
        (b"budget = 3\n", "line 1: budget: Input should be a valid table"),
        (b"[[workloads]]\nname = 'sentiment'\n", "line 1: workloads: Input should be a valid table"),
        (b"[smtp]\nhost = 'x'\n", "line 1: smtp: who writes to whom is missing"),
        (
            b"[budget]\nmonth_usd = 1\n[budget]\nday_usd = 1\n",
            "line 3, column 8: the table [budget] is there twice",
        ),
        (b"model = 'a'\nmodel = 'b'\n", "line 2, column 12: model is set twice"),
        (
            b"# x\nmodel = llama\n",
            "line 2, column 9: the value of model is not valid (text stands in quotes)",
        ),
        (b"labels = ['a',\n", "line 2, column 1: "),
        (b"model\n", "line 1, column 6: "),
        (b"seed = 2026-02-31\n", "line 1, column 8: "),
        (b"model = 'x'\nquery = 'caf\xe9'\n", "line 2, column 13: not UTF-8 (byte 0xe9); save it as UTF-8"),
        ("model = 'x'\n".encode("utf-16"), "is not UTF-8 but UTF-16"),
        (b"x" + b" = [" + b"[" * 3000, "line 1, column 105: nested deeper than 100"),
    ],
)
def test_a_file_that_cannot_be(content: bytes, says: str, folder: Path) -> None:
    """One line with the file, the line in it, and the column where the TOML itself is broken."""
    (folder / "breakeven.toml").write_bytes(content)
    said = complaint()
    assert said.startswith("breakeven.toml")
    assert says in said


def test_a_byte_order_mark_does_no_harm(folder: Path) -> None:
    """A file as some editors save it is read like any other."""
    (folder / "breakeven.toml").write_bytes(b"\xef\xbb\xbfmodel = 'a'\r\n")
    assert read_settings().model == "a"


def test_what_is_no_file(folder: Path) -> None:
    """A folder, and a link to nothing, are said; no file at all is fine."""
    path = folder / "breakeven.toml"
    read_settings()
    path.mkdir()
    assert complaint() == "cannot read breakeven.toml: Is a directory"
    path.rmdir()
    path.symlink_to("nowhere")
    assert complaint() == "cannot read breakeven.toml: No such file or directory"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read(folder: Path) -> None:
    """A file without the right to read it is said."""
    (folder / "breakeven.toml").write_text("model = 'a'\n", encoding="utf-8")
    (folder / "breakeven.toml").chmod(0)
    assert complaint() == "cannot read breakeven.toml: Permission denied"


def test_all_documented_names_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables of every depth, in any case, and those of other programs, are no mistake."""
    monkeypatch.setenv("BREAKEVEN_API_KEY", "key")
    monkeypatch.setenv("BREAKEVEN_CHAT__FINANCE__URL", "json://host")
    monkeypatch.setenv("BREAKEVEN_WORKLOADS__SENTIMENT__POLICY__MIN_CONFIDENCE", "0.6")
    monkeypatch.setenv("BREAKEVEN_WORKLOADS__SENTIMENT__BUDGET__DAY_USD", "2")
    monkeypatch.setenv("breakeven_output_dir", "there")
    monkeypatch.setenv("BREAKEVENX_MODLE", "x")
    settings = read_settings()
    assert settings.output_dir == Path("there")
    assert list(settings.chat) == ["finance"]


@pytest.mark.parametrize(
    ("content", "variables", "kind", "arguments"),
    [
        ("", {}, "vllm", {}),
        ("engine = 'server'\n", {}, "server", {}),
        ("", {"BREAKEVEN_ENGINE": "server"}, "server", {}),
        ("[engine]\nkind = 'server'\n", {"BREAKEVEN_ENGINE": "vllm"}, "vllm", {}),
        ("[engine]\nkv_cache_dtype = 'fp8'\n", {}, "vllm", {"kv_cache_dtype": "fp8"}),
        ("[engine.speculative_config]\nmethod = 'x'\n", {}, "vllm", {"speculative_config": {"method": "x"}}),
        ("", {"BREAKEVEN_ENGINE__KV_CACHE_DTYPE": "fp8"}, "vllm", {"kv_cache_dtype": "fp8"}),
        ("", {"BREAKEVEN_ENGINE": '{"kv_cache_dtype": "fp8"}'}, "vllm", {"kv_cache_dtype": "fp8"}),
    ],
)
def test_the_engine_is_a_word_or_a_table(
    content: str,
    variables: dict[str, str],
    kind: str,
    arguments: dict[str, object],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its kind alone, or a table in which every other name is an argument of vLLM; in the environment too."""
    (folder / "breakeven.toml").write_text(content, encoding="utf-8")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = read_settings().engine
    assert (found.kind, found.arguments) == (kind, arguments)


@pytest.mark.parametrize("given", ["engine = 'sever'\n", "[engine]\nkind = 'sever'\n"])
def test_an_engine_that_there_is_not(given: str, folder: Path) -> None:
    """The line names the file, its line and the nearest kind."""
    (folder / "breakeven.toml").write_text(given, encoding="utf-8")
    said = complaint()
    assert said.startswith("breakeven.toml, line ")
    assert said.endswith("engine.kind: Input should be 'vllm' or 'server', not 'sever'; did you mean server?")


COMMANDS = (
    "doctor",
    "run sentiment --input in.csv",
    "backfill sentiment --from 2026-01-01 --to 2026-01-02 --quote",
    "collect",
    "catalog",
    "forecast --input in.csv --daily 5",
    "report --month 2026-01",
    "evaluate sentiment --labels in.csv",
    "train sentiment --labels in.csv",
    "trained list",
    "trained use sentiment NAME",
    "trained retire sentiment",
    "ledger summary",
    "ledger runs",
    "ledger lines",
    "ledger evaluations",
    "ledger check",
    "ledger serve --no-browser",
    "ledger reprice",
    "ledger prices",
    "ledger archive --older-than 12",
    "infrastructure list",
    "infrastructure set --kind A10G --billing reserved --from 2026-01-01",
    "infrastructure end --kind A10G --from 2026-01-01",
    "infrastructure bill --month 2026-01 --usd 3",
    "infrastructure labour --from 2026-01-01 --maintenance-hours 1 --setup-hours 1 --engineer-usd-per-hour 1",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_it(
    command: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """With code 2 and one line on standard error, and no ledger or output is made."""
    monkeypatch.setenv("PREFECT_HOME", str(folder / "prefect"))
    monkeypatch.setenv("PREFECT_MEMO_STORE_PATH", str(folder / "prefect" / "memo.toml"))
    (folder / "breakeven.toml").write_text("[budget]\nmonth_usd = 5\nmodle = 'x'\n", encoding="utf-8")
    with pytest.raises(SystemExit) as end:
        cli.main(command.split())
    said = capfd.readouterr()
    assert (end.value.code, said.out) == (2, "")
    assert said.err == (
        "error: settings are not valid: breakeven.toml, line 3: unknown setting budget.modle; did you mean model?\n"
    )
    assert {path.name for path in folder.iterdir()} <= {"breakeven.toml", "prefect"}


def test_every_flow_says_it(folder: Path) -> None:
    """A flow run ends as Failed with the same line as its message."""
    (folder / "breakeven.toml").write_text("modle = 'x'\n", encoding="utf-8")
    states = (
        workload_flow("sentiment").fn(),
        nightly.fn(),
        collect_batches.fn(),
        break_even.fn(),
        evaluation.fn(),
        training.fn("sentiment"),
        backfill().fn("sentiment", "2026-01-01", "2026-01-02"),
    )
    for state in states:
        assert isinstance(state, State)
        assert state.is_failed()
        assert state.message == (
            "settings are not valid: breakeven.toml, line 1: unknown setting modle; did you mean model?"
        )


def test_help_and_version_need_no_settings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They answer whatever the settings are; the version is that of pyproject.toml."""
    (folder / "breakeven.toml").write_text("modle = 'x'\n", encoding="utf-8")
    project = tomllib.loads(Path(cli.__file__).with_name("pyproject.toml").read_text("utf-8"))["project"]
    for arguments, says in ((["--version"], project["version"]), (["ledger", "--help"], "summary")):
        with pytest.raises(SystemExit) as end:
            cli.main(arguments)
        assert end.value.code == 0
        assert says in capsys.readouterr().out
