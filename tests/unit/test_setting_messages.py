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
