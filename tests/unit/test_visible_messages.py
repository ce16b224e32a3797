"""Nothing of an input reaches a terminal or a log as it is: what nobody sees is escaped in one place."""

import io
import logging
import pickle
from collections.abc import Iterator
from decimal import Decimal

import pytest

from models.errors import LONGEST_MESSAGE, InputError, Interrupted, visible
from models.log_records import show_what_is_logged
from tasks.alerts.alert import Alert
from tasks.alerts.letter import write_letter
from tasks.delivery.chat import plain_for_chat
from tasks.display.messages import message_console
from tasks.display.table_layout import Column
from tasks.display.tables import as_csv, as_json, cell
from tasks.documents.markdown import escape

RAW = {
    "\x1b[31mred": r"\x1b[31mred",
    "a\x07\x00\x9b": r"a\x07\x00\x9b",
    "\u202etxt.exe": r"\u202etxt.exe",
    "a\u2066b\u200f": r"a\u2066b\u200f",
    "caf\udce9": r"caf\xe9",
    "\ud800": r"\ud800",
    "zero\u200bwidth\ufeff": r"zero\u200bwidth\ufeff",
    "no\xa0break": r"no\xa0break",
    "line\u2028end\x85": r"line\u2028end\x85",
    "fillers\u3164\u115f\u2800\u034f": r"fillers\u3164\u115f\u2800\u034f",
    "tags\U000e0041\U000e007f": r"tags\U000e0041\U000e007f",
    "heart\u2764\ufe0f": "heart\u2764\ufe0f",
    "hidden\u2764\ufe0f\ufe01\U000e0150": "hidden\u2764\ufe0f\\ufe01\\U000e0150",
    "Größe 日本 😀 \\x1b": "Größe 日本 😀 \\x1b",
}


@pytest.mark.parametrize("raw", RAW)
def test_a_message_shows_what_is_invisible(raw: str) -> None:
    """Control characters, marks of direction and undecoded bytes are escaped; letters of any language stay."""
    assert str(InputError(f"no column {raw}; it has")) == f"no column {RAW[raw]}; it has"
    assert visible(visible(raw)) == visible(raw) == RAW[raw]
    assert cell("text", raw) == RAW[raw]
    assert RAW[raw].encode()


def test_a_message_is_one_line() -> None:
    """Line ends and tabs in what others said become spaces, also where an error is sent to another process."""
    error = InputError("one\r\n  two\tthree\n")
    assert str(error) == "one two three"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - our own
    assert str(Interrupted("stop\n\x1b", 15)) == r"stop \x1b"


def test_a_message_of_any_number_of_names_stays_short() -> None:
    """A file with ever so many columns, or one of a long name, gets a line with its beginning and its end."""
    names = ", ".join(f"column{number}" for number in range(100_000))
    said = str(InputError(f"in.csv has no column text; it has: {names}. Set text_columns"))
    assert len(said) == LONGEST_MESSAGE
    assert said.startswith("in.csv has no column text; it has: column0, column1")
    assert said.endswith(". Set text_columns")
    assert str(InputError("x" * LONGEST_MESSAGE)) == "x" * LONGEST_MESSAGE


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Log as the product does, to a text that can be read."""
    before = logging.getLogRecordFactory()
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    show_what_is_logged()
    yield stream
    logging.setLogRecordFactory(before)
    root.removeHandler(handler)


@pytest.mark.parametrize("name", ["tasks.run.infer", "somebody.else"])
def test_a_log_shows_what_is_invisible(name: str, logged: io.StringIO) -> None:
    """Of this program and of a library: message, arguments and traceback; ours cannot be made to begin another line."""
    log = logging.getLogger(name)
    log.warning("the API says \x1b[2J%s", "\u202eanswer")
    log.warning("a model %s", "x\nerror: all is lost" if name.startswith("tasks") else "x")
    try:
        raise ValueError("\x9b31m")  # noqa: EM101, TRY301
    except ValueError:
        log.exception("it failed")
    shown = logged.getvalue()
    assert r"the API says \x1b[2J\u202eanswer" in shown
    assert r"ValueError: \x9b31m" in shown
    assert shown.replace("\n", "").isprintable()
    assert "\nerror:" not in shown


def test_a_message_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    """Rich reads no tags in it, and a cell with a line end begins no row of its own."""
    message_console().print("[red]x[/red] [link=http://127.0.0.1]\x1b]0;a\x07")
    assert capsys.readouterr().err == "[red]x[/red] [link=http://127.0.0.1]\\x1b]0;a\\x07\n"
    assert Column("a\x1b", ("b\nc\x07",), "d\x9b").cells == ("b\\nc\\x07",)


def test_csv_is_no_formula_and_numbers_stay() -> None:
    """Texts that a spreadsheet computes, also behind spaces and quotes and of full width, get an apostrophe; numbers none."""
    formulas = ["=1+1", "+cmd", "-2+3", "@SUM(1)", "\t=1", "\r=1", ' "=1', "＝1", "\u200b=1", "‘@x", "\xa0=1"]  # noqa: RUF001
    plain = [-1.5, Decimal("-0.000001"), -3, "-1.5", "+49", "-1e9", "-5%", "a=b", "2026-01-05", "", None]
    rows = [{"x": one} for one in (*formulas, *plain)]
    shown = as_csv(rows, ["x"])
    for one in formulas:
        assert f"'{one}" in shown.replace('""', '"')
    assert shown.count("'") == len(formulas)
    raw = as_csv(rows, ["x"], raw=True)
    assert raw == shown.replace("'", "")
    assert as_csv([], ["=a"]) == "'=a\n"


def test_json_is_exact_and_visible() -> None:
    """What no terminal shows is an escape of JSON, which every reader takes for the character."""
    assert as_json([{"x": "\x9b\u202e\x7fü"}], ["x"]) == '[\n  {\n    "x": "\\u009b\\u202e\\u007fü"\n  }\n]'


def test_markdown_and_chat_take_no_markup() -> None:
    """A name in an artifact, a mail or a chat is a name: no link, no tag, nobody is called; a header is one line."""
    evil = "[a](https://127.0.0.1)<img src=x>\x1b@everyone <!channel> <https://127.0.0.1|b>\r\nBcc: c"
    assert escape(evil).startswith("\\[a\\](https://127.0.0.1)&lt;img")
    chat = plain_for_chat(evil)
    assert not any(mark in chat for mark in ("](", "<i", "@e", "<!", "<h", "\x1b"))
    assert plain_for_chat("costs < 5 $, [1] (a), me @ home") == "costs < 5 $, [1] (a), me @ home"
    letter = write_letter([Alert("budget", "c", evil, evil, "g")])
    assert "\n" not in letter.subject
    assert "\x1b" not in letter.subject + letter.text + letter.html + letter.summary
    assert "<img" not in letter.html
