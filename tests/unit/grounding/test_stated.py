"""Whether a text states a value: however it is written, at the borders of words and numbers, and not where it is denied."""

# ruff: noqa: RUF001 - quotes, dashes and digits of many keyboards are meant as they stand

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.grounding.stated import StatedText


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Screen 15.6&quot; Full HD", '15.6"'),
        ("Screen 15.6&quot; Full HD", "15.6&quot;"),
        ("Black &amp;amp; Decker drill", "Black & Decker"),
        ("15.6″ display", "15.6”"),
        ("15.6'' display", '15.6"'),
        ("It’s a kid’s toy", "kid's toy"),
        ("the “Deluxe” edition", '"Deluxe" edition'),
        ("O'Brien", "O’Brien"),
        ('15.6\\" screen', '15.6"'),
        ('15.6 " screen', '15.6"'),
        ("stainless_steel", "stainless steel"),
        ("ＩＰ６７、１５．６ｃｍ", "IP67"),
        ("ＩＰ６７、１５．６ｃｍ", "15.6 cm"),
        ("ﬁber, wa\u00adter\u200bproof", "fiber"),
        ("ﬁber, wa\u00adter\u200bproof", "Waterproof"),
        ("Cafe\u0301", "Café"),
        ("nylon\u00a0mesh", "nylon  mesh"),
        ("Trekker™ tent", "Trekker"),
        ("H<sub>2</sub>O and <b>Water</b>proof", "H2O"),
        ("<li>Red</li><li>Blue</li>", "red"),
        ("&lt;b&gt;red&lt;/b&gt;", "red"),
        ("Straße", "STRASSE"),
        ("1920×1080", "1920 x 1080"),
        ("10–20 °C", "10-20°C"),
        ("2½ cups", "2 1/2 cups"),
    ],
)
def test_a_value_is_found_however_it_is_written(text: str, value: str) -> None:
    """Entities, quotes, full width, ligatures, invisible marks, tags and letter case do not count."""
    assert StatedText(text).states(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10,000 mAh", "10000 mAh"),
        ("10\u00a0000 mAh", "10,000mAh"),
        ("10 000 mAh", "10000 mAh"),
        ("10000 mAh", "10 000 mAh"),
        ("1,234.50 USD", 1234.5),
        ("Gewicht 1,7 kg", 1.7),
        ("weight 5.0 kg", "5 kg"),
        ("980g", "980 g"),
        ("40L backpack", 40),
        ("10 000 mAh", 10000),
        ("−20 °C", "-20 °C"),
        ("down to -5 °C", "-5"),
        ("-5,0 °C to 20 °C", "-5.0"),
        ("tel. 555-1234", "555-1234"),
        ("on 2026-11-23", "2026-11-23"),
        ("الوزن ١٢٣ كجم", 123),
    ],
)
def test_a_number_is_found_however_it_is_written(text: str, value: object) -> None:
    """Groups of digits, decimal commas, zeros at the end, and whether a space is before the unit do not count."""
    assert StatedText(text).states(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Power 1400 W", "40"),
        ("Power 1400 W", 40),
        ("40.5 kg", "5 kg"),
        ("40.5 kg", "40"),
        ("ZIP 01234", "1234"),
        ("−20 °C", "20 °C"),
        ("10²", "102"),
        ("waterproofing", "waterproof"),
        ("start", "art"),
        ("energy class A+++", "A"),
        ("C++ developer", "C"),
        ("€5", "$5"),
        ("red", ""),
        ("red", " \u200b"),
        ("red", None),
        ("true", True),
        ("red", ["red"]),
    ],
)
def test_a_part_of_a_word_or_number_is_not_stated(text: str, value: object) -> None:
    """40 is not in 1400, nor art in start; and what is no text or number is not stated at all."""
    assert not StatedText(text).states(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("防水性能があります", "防水"),
        ("방수가 되는 재킷", "방수"),
        ("हिन्दी किताब", "हिन्दी"),
        ("กันน้ำได้", "กันน้ำ"),
        ("С хлопком", "хлопком"),
    ],
)
def test_scripts_without_spaces_have_no_borders(text: str, value: str) -> None:
    """Where words are written without spaces, or with endings put to them, a value is found within the run."""
    assert StatedText(text).states(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Not waterproof", "waterproof"),
        ("It isn’t fully waterproof", "waterproof"),
        ("is not <b>waterproof</b>", "waterproof"),
        ("is not\nwaterproof", "waterproof"),
        ("Not waterproof or dustproof", "dustproof"),
        ("neither red nor blue", "red"),
        ("neither red nor blue", "blue"),
        ("No Tuner", "tuner"),
        ("non-slip sole", "slip"),
        ("without battery", "battery"),
        ("free of BPA", "BPA"),
        ("BPA-free", "BPA"),
        ("sugar free", "sugar"),
        ("sugar free gum, 12 pieces", "sugar"),
        ("LP Tank Not Included", "LP Tank"),
        ("Batteries are not included.", "batteries"),
        ("Waterproof: no", "waterproof"),
        ("Waterproof = No", "waterproof"),
        ("Waterproof (no)", "waterproof"),
        ("Waterproof\tNo\nRed\tYes", "waterproof"),
        ("Waterproof ✗", "waterproof"),
        ("Waterproof\nNo\nColor\nRed", "waterproof"),
        ('{"waterproof": false, "color": "red"}', "waterproof"),
        ("**Waterproof:** No", "waterproof"),
        ("Is it waterproof? No, it is not.", "waterproof"),
        ("w/o battery", "battery"),
        ("not water-resistant or waterproof", "waterproof"),
        ("Bluetooth unavailable", "bluetooth"),
        ("frei von Gluten", "Gluten"),
        ("<tr><td>Waterproof</td><td>No</td></tr>", "waterproof"),
        ("wasserdicht: nein", "wasserdicht"),
        ("nicht vollständig wasserdicht", "wasserdicht"),
        ("kein Leder", "Leder"),
        ("n'est pas totalement étanche", "étanche"),
        ("sin gluten", "gluten"),
        ("non impermeabile", "impermeabile"),
        ("не водонепроницаемый", "водонепроницаемый"),
        ("不防水", "防水"),
        ("防水ではない", "防水"),
    ],
)
def test_what_is_denied_is_not_stated(text: str, value: str) -> None:
    """A denial next to a value, before it or behind it, in several languages."""
    assert not StatedText(text).states(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Not waterproof. Comes with a waterproof cover", "waterproof"),
        ("Not only waterproof but light", "waterproof"),
        ("Not cheap but waterproof", "waterproof"),
        ("No assembly required, waterproof", "waterproof"),
        ("Black Finish/ No Tuner/ Waterproof", "waterproof"),
        ("Batteries: no\nWaterproof", "waterproof"),
        ("Waterproof\nNo cable", "waterproof"),
        ("Size:\nM\nX\nL", "M"),
        ("The jacket is not waterproof", "jacket"),
        ("Waterproof: no leaks", "waterproof"),
        ("with or without handle", "handle"),
        ("Red, not blue", "red"),
        ("not more than 40 kg", "40 kg"),
        ("Model no 512", "512"),
        ("cotton free shipping", "cotton"),
        ("charger free of charge", "charger"),
        ("✓ Red ✗ Waterproof", "red"),
        ("Red (no box)", "red"),
        ("BPA-free", "BPA-free"),
        ("No Tuner", "no tuner"),
    ],
)
def test_a_denial_of_something_else_does_no_harm(text: str, value: str) -> None:
    """Another place where it stands undenied, another clause, a pair of words that is no denial, or the value's own words."""
    assert StatedText(text).states(value)


WORDS = st.lists(
    st.sampled_from(
        ["red", "40", "1,234", "x", "15.6", "café", "東京", "no", "not", "%", '"', "-", "(", "."]
    ),
    max_size=12,
)


@given(words=WORDS, value=WORDS)
def test_any_text_is_asked_without_an_error(words: list[str], value: list[str]) -> None:
    """Whatever a text and a value hold; nothing is stated whose characters are not all in the text."""
    text, asked = " ".join(words), " ".join(value)
    if StatedText(text).states(asked):
        kept = "".join(asked.replace(",", "").split())
        assert {one for one in kept if one.isalnum()} <= set(text)


@given(st.text(max_size=60), st.text(max_size=20))
def test_any_characters_are_asked_without_an_error(text: str, value: str) -> None:
    """Entities, tags and marks that are broken off among them."""
    assert StatedText(text).states(value) in {True, False}
    assert StatedText(f"{text}&{value}<b {text}").states(f"<{value}&#x;") in {True, False}


def test_a_text_of_one_long_run_is_read_in_one_go() -> None:
    """A hundred thousand of one kind, with a value that begins alike."""
    for kind in ("a ", "<", "&", "1,", "not ", "<!--", "'", " "):
        assert not StatedText(kind * 50_000).states(kind * 20 + "b")
