"""Variables that another program sets, what a message may repeat of a value, and where a setting belongs."""

from pathlib import Path

import pytest

from flows.environment import read_settings
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


@pytest.mark.parametrize("part", ["", "WEB_", "LEDGER_PAGE_"])
def test_variables_of_a_service(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubernetes puts these into every pod beside a service named breakeven, or breakeven-web: none is a mistake."""
    for name, value in {
        "SERVICE_HOST": "10.0.0.1",
        "SERVICE_PORT": "8501",
        "SERVICE_PORT_HTTP_8501": "8501",
        "PORT": "tcp://10.0.0.1:8501",
        "PORT_8501_TCP": "tcp://10.0.0.1:8501",
        "PORT_8501_TCP_PROTO": "tcp",
        "PORT_8501_TCP_PORT": "8501",
        "PORT_8501_TCP_ADDR": "10.0.0.1",
        "PORT_53_UDP": "udp://10.0.0.1:53",
    }.items():
        monkeypatch.setenv(f"BREAKEVEN_{part}{name}", value)
    assert read_settings().model is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BREAKEVEN_SMTP_PORT", "587"),
        ("BREAKEVEN_PORT", "8501"),
        ("BREAKEVEN_SMTP_HOST", "tcp://10.0.0.1:25"),
        ("BREAKEVEN_WEB_SERVICE_HOSTS", "10.0.0.1"),
    ],
)
def test_variables_like_those_of_a_service(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistyped setting that ends like one of them is still an error."""
    monkeypatch.setenv(variable, value)
    assert complaint().startswith(f"unknown setting {variable}; ")


SERVER = (
    "[smtp]\nhost = 'mail.example.org'\nsender = 'Reports <reports@example.org>'\nto = ['cfo@example.org']\n"
)


@pytest.mark.parametrize(
    "variable",
    [
        "BREAKEVEN_API_MODE",
        "BREAKEVEN_BILLING_MODE",
        "BREAKEVEN_API_CONCURRENCY",
        "BREAKEVEN_BUDGET__DAY_USD",
        "BREAKEVEN_SMTP__SECURITY",
        "BREAKEVEN_SMTP__SENDER",
        "BREAKEVEN_SMTP__TO",
        "BREAKEVEN_CHAT__OPS__BLOCK",
        "BREAKEVEN_WORKLOADS__SENTIMENT__DATA_RESIDENCY",
        "BREAKEVEN_WORKLOADS__SENTIMENT__POLICY__ENGINE_FAILS",
    ],
)
@pytest.mark.parametrize("value", ["sk-proj-S3cret", "pa55\tword S3cret"])
def test_no_value_is_repeated(
    variable: str, value: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was set at the wrong place may be a key or a password; the variable is named, its value is not."""
    (folder / "breakeven.toml").write_text(SERVER, encoding="utf-8")
    monkeypatch.setenv(variable, value)
    said = complaint()
    assert said.startswith(variable)
    assert value not in said
    assert "S3cret" not in said


@pytest.mark.parametrize(
    ("addresses", "place"),
    [
        ("'jane.doe@example.org', 'john.doe'", "address 2 of to is not one mail address"),
        ("'john.doe'", "address 1 of to is not one mail address"),
        ("'a@b.example', 'c@d.example', 'john.doe@example.org\\n'", "of to holds a line break"),
    ],
)
def test_a_wrong_address_is_named_by_its_place(addresses: str, place: str, folder: Path) -> None:
    """No address is in the message, which may end in a log: neither the wrong one nor its neighbours."""
    text = SERVER.replace("'cfo@example.org'", addresses.replace("'", '"'))
    (folder / "breakeven.toml").write_text(text, encoding="utf-8")
    said = complaint()
    assert place in said
    assert "doe" not in said


def test_only_a_short_code_of_a_language_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a longer text it is only said that it is no code."""
    variable = "BREAKEVEN_WORKLOADS__SENTIMENT__POLICY__SIMPLE_LANGUAGES"
    for value, says in (
        ('["en", "qq"]', "no language has the code qq"),
        ('["S3cret"]', "not a language's code"),
    ):
        monkeypatch.setenv(variable, value)
        assert complaint() == f"{variable}: {says}; give codes such as en, de or fr"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            "[workloads.sentiment.smtp]\nhost = 'x'",
            "smtp stands in the table [workloads.sentiment]; write it as [smtp]",
        ),
        ("[workloads.budget]\nday_usd = 1", "budget stands in the table [workloads]; write it as [budget]"),
        (
            "[budget]\nday_usd = 1\n[budget.workloads.sentiment]\ninput = 'x'",
            "workloads stands in the table [budget]; write it as [workloads.NAME]",
        ),
        (
            "[smtp.chat.ops]\nurl = 'json://x'",
            "chat stands in the table [smtp]; write it as [chat.NAME]",
        ),
        (
            "[budget]\nseed = 1",
            "seed stands in the table [budget]; move it above the first table of breakeven.toml",
        ),
        (
            "min_confidence = 0.5",
            "unknown setting min_confidence; did you mean workloads.NAME.policy.min_confidence?",
        ),
        (
            "[budget]\nlabels_file = 'x'",
            "unknown setting budget.labels_file; did you mean workloads.NAME.labels_file?",
        ),
        (
            "[workloads.enrichment]\nmin_confidence = 0.5",
            "did you mean workloads.enrichment.policy.min_confidence?",
        ),
        ("[enrichment]\ninput = 'x'", "unknown setting enrichment; did you mean workloads.enrichment?"),
    ],
)
def test_where_a_setting_belongs(content: str, says: str, folder: Path) -> None:
    """A table is written under its own header, a key above all tables; no workload is named that the user did not."""
    (folder / "breakeven.toml").write_text(content, encoding="utf-8")
    said = complaint()
    assert said.startswith("breakeven.toml, line ")
    assert says in said
