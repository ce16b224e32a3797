"""The language of a text: told where it can be, and never guessed."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.routing.languages import LANGUAGES, _identifier, language_of

SENTENCES = {
    "en": "My account is locked and I cannot log in.",
    "de": "Mein Konto ist gesperrt und ich komme nicht mehr rein.",
    "fr": "Je voudrais annuler ma commande.",
    "es": "¿Dónde está mi pedido?",
    "it": "Vorrei annullare il mio ordine.",
    "pl": "Gdzie jest moja paczka?",
    "tr": "Siparişimi iptal etmek istiyorum.",
    "ru": "Мой аккаунт заблокирован, и я не могу войти.",
    "ja": "アカウントがロックされてログインできません。",
    "zh": "我的账户被锁定了,无法登录。",
}


@pytest.mark.parametrize(("code", "text"), SENTENCES.items())
def test_a_short_sentence_is_enough(code: str, text: str) -> None:
    """One sentence of a support ticket tells its language, in capitals as well."""
    assert language_of(text) == code
    assert language_of(text.upper()) == code


def test_the_beginning_of_a_long_text_decides() -> None:
    """What follows the first thousand characters is not looked at, so that a long text costs no more."""
    start = f"{SENTENCES['de']} Die Lampe flackert, seit ich sie ausgepackt habe. ".ljust(1000)
    assert language_of(start + SENTENCES["en"] * 10_000) == "de"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "ok",
        "Refund",
        "12345",
        "<b>&nbsp;</b>",
        "🙂🙂",
        "\ud800",
        "PSLX350H / SBV40S",
        "a8f5f167f44f4964e6c998dee827110c",
    ],
)
def test_what_cannot_be_told_is_not_guessed(text: str) -> None:
    """A word, numbers, markup and broken characters have no language."""
    assert language_of(text) is None


@given(st.text(max_size=80))
def test_any_text_gets_a_known_code_or_none(text: str) -> None:
    """No text raises, and no code comes out that a policy could not name."""
    assert language_of(text) in {None, *LANGUAGES}


def test_the_codes_are_those_of_the_model() -> None:
    """A new version of the model with other languages must change the list that policies are checked by."""
    assert set(cast("Any", _identifier()).labels) - {"zxx"} == LANGUAGES


def test_threads_do_not_disturb_each_other() -> None:
    """The same model may answer from many threads at once."""
    texts = list(SENTENCES.values()) * 40
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(language_of, texts)) == list(SENTENCES) * 40


def test_nothing_is_loaded_before_a_text_is_asked_about() -> None:
    """The command's start and a run without `simple_languages` do not pay for the model."""
    script = "import sys, models.routing.rules, models.settings; sys.exit('py3langid' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
