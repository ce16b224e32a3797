"""Options of the API: what is set, what is missing, and what is never shown."""

from typing import Any

import pytest

from models.engines.api.options import OPENAI_URL, ApiOptions
from models.errors import UsageError
from models.settings import Settings


def settings(**more: Any) -> Settings:  # noqa: ANN401 - fields of Settings
    """Make settings."""
    return Settings(**more)


def test_options_come_from_the_settings() -> None:
    """Without an address it is OpenAI's own; the repr shows neither key nor address."""
    options = ApiOptions.from_settings(settings(api_key="  sk-1\n", api_requests_per_minute=5, seed=3))
    assert options.base_url == OPENAI_URL
    assert options.host == "api.openai.com"
    assert options.sent_key.get_secret_value() == "sk-1"
    assert (options.requests_per_minute, options.seed, options.model) == (5, 3, "gpt-6-luna")
    assert "sk-1" not in repr(options)


def test_an_address_of_ones_own_needs_no_key() -> None:
    """Something is sent all the same, and a password in the address is shown nowhere."""
    options = ApiOptions.from_settings(settings(api_base_url="http://me:secret@box:8000/v1"))
    assert options.key is None
    assert options.sent_key.get_secret_value()
    assert options.host == "box:8000"
    assert "secret" not in repr(options)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"api_key": " "},
        {"api_base_url": "ftp://box/secret"},
        {"api_base_url": "box:8000/secret"},
        {"api_base_url": "http://"},
        {"api_base_url": "http://box:secret/v1"},
        {"api_base_url": "http://[::1/secret"},
        {"api_key": "sk secret"},
        {"api_key": "sk-secret\nX-Header: 1"},
        {"api_key": "sk-secrét"},
    ],
)
def test_settings_that_cannot_work(wrong: dict[str, str]) -> None:
    """What is missing or wrong is said in one line, before anything is sent, without showing it."""
    with pytest.raises(UsageError) as caught:
        ApiOptions.from_settings(settings(**wrong))
    text = str(caught.value)
    assert "BREAKEVEN_API_" in text
    assert "\n" not in text
    assert "secret" not in text
