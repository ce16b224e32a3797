"""Which words of a provider's error are repeated: codes, and nothing that could be a key or a text."""

import pytest

from models.engines.api.errors.error_codes import error_code, keep_secret

KEPT = "plainwordsecret"


@pytest.mark.parametrize(
    "code",
    [
        *("invalid_api_key", "rate_limit_exceeded", "json_validate_failed", "ResponsibleAIPolicyViolation"),
        *(
            "DeploymentNotFound",
            "INVALID_ARGUMENT",
            "429",
            "error.1301",
            "context-length-exceeded",
            "no_model",
        ),
    ],
)
def test_codes_of_providers_are_repeated(code: str) -> None:
    """Words in any case, parted in any way, and short numbers."""
    assert error_code(code) == code


@pytest.mark.parametrize(
    "code",
    [
        *(
            "sk-abcdefgh",
            "sk-proj-A1b2C3d4",
            "hf_abcdefgh",
            "AKIA-ABC",
            "eyJ.abc.def",
            "a1b2c3d4e5f6",
            "x" * 49,
        ),
        *(
            "aBcDeFgHiJkL",
            "key-abcdef",
            "the parcel",
            "",
            "a\nb",
            "\x1b[31m",
            "abcdefghijklmnopqrstuvwxyz",
            "plainword",
        ),
        *(KEPT, KEPT.upper(), f"no_{KEPT}", None, 3, True, ["a"]),
    ],
)
def test_keys_and_texts_are_not(code: object) -> None:
    """Shapes of keys, pieces of what was sent as a secret, and whatever is no word."""
    keep_secret([KEPT])
    assert error_code(code) is None


def test_a_secret_of_the_settings_that_was_not_sent_is_no_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """A password of the database or of the mail server, which another server may know, is not repeated."""
    monkeypatch.setattr("models.errors._known", ("Correct-horse-battery",))
    assert error_code("correct_horse_battery") == "correct_horse_battery"
    assert error_code("correct-horse-battery") is None
    assert error_code("horse-battery") is None
