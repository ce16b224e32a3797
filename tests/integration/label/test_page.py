"""The label page in a browser: keys, what is kept of them, hostile texts, refresh, two windows, a kill in between."""

import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import DESKTOP, PHONE, overflow, smallest_text
from tests.integration.label.harness import (
    SCRIPT,
    kept,
    labelling,
    press,
    said_of,
    shows,
    write_texts,
)
from tests.integration.page.harness import SECONDS, Served, visiting
from tests.run_command import run_command

FILE = ("sentiment", "--by", "ada", "--from", "texts.jsonl")
TEXTS = ("one", SCRIPT, "three\nlines\u202e", "four", "five", "six")
HOSTILE = f'["{SCRIPT}", "plain", "a\'b \\" c"]'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder with records to label."""
    write_texts(tmp_path / "texts.jsonl", TEXTS)
    return tmp_path


@pytest.fixture
def served(folder: Path) -> Iterator[Served]:
    """Serve them."""
    with labelling(folder, *FILE) as served:
        yield served


@pytest.fixture
def window(browser: Browser, served: Served) -> Iterator[Page]:
    """Open a window; at its end, nobody was asked, nothing was complained of and no text was run."""
    with visiting(browser, served) as visitor:
        yield visitor.page
        assert visitor.page.evaluate("window.hacked") is None


def test_a_record_is_kept_before_the_next_is_shown(window: Page, folder: Path) -> None:
    """By digit, by arrows and Enter, by a click; skipped ones come at the end; undo takes the last one back."""
    shows(window, "one")
    press(window, "3")
    shows(window, SCRIPT)
    assert said_of(kept(folder)) == [("one", "positive")]
    press(window, "ArrowDown", "Enter")
    shows(window, TEXTS[2])
    press(window, "s")
    shows(window, "four")
    window.get_by_role("button", name="negative").click()
    shows(window, "five")
    press(window, "u")
    shows(window, "four")
    press(window, "2")
    shows(window, "five")
    press(window, "1")
    shows(window, "six")
    press(window, "1")
    shows(window, TEXTS[2])
    press(window, "1")
    expect(window.get_by_text("All records are labelled")).to_be_visible()
    expect(window.get_by_text("6 texts of sentiment labelled by ada")).to_be_visible()
    labels = said_of(kept(folder))
    assert labels[1:5] == [(SCRIPT, "neutral"), ("four", "negative"), ("four", None), ("four", "neutral")]
    assert labels[5:] == [("five", "negative"), ("six", "negative"), (TEXTS[2], "negative")]
    path = folder / "out" / "labels" / "sentiment" / "labels.jsonl"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_label_among_many_is_found(browser: Browser, folder: Path) -> None:
    """A word narrows them, and digits are those of what is left; what was typed is no key."""
    with labelling(folder, "classification", *FILE[1:]) as served, visiting(browser, served) as visitor:
        page = visitor.page
        shows(page, "one")
        press(page, "/", "u", "n", "d")
        press(page, "Enter")
        shows(page, SCRIPT)
        assert said_of(kept(folder, "classification")) == [("one", "refund")]
        press(page, "/", "q", "Escape", "1")
        shows(page, TEXTS[2])
    assert said_of(kept(folder, "classification"))[1:] == [(SCRIPT, "product_question")]


def test_a_key_counts_for_what_was_seen(window: Page, folder: Path) -> None:
    """Keys that were pressed before the next record was there do not label it, nor does the second click of a double one."""
    shows(window, "one")
    window.evaluate("""() => {
      for (const key of ["3", "3", "1"]) document.dispatchEvent(new KeyboardEvent("keydown", { key }));
    }""")
    shows(window, SCRIPT)
    window.get_by_role("button", name="negative").dblclick()
    shows(window, TEXTS[2])
    press(window, "2")
    shows(window, "four")
    assert said_of(kept(folder)) == [("one", "positive"), (SCRIPT, "negative"), (TEXTS[2], "neutral")]


def test_a_refresh_and_a_second_window_go_on(browser: Browser, served: Served, folder: Path) -> None:
    """Each shows what is not labelled yet; of one record that both show, the newest label counts."""
    with visiting(browser, served) as first, visiting(browser, served) as second:
        shows(first.page, "one")
        shows(second.page, "one")
        press(first.page, "1")
        shows(first.page, SCRIPT)
        press(second.page, "2")
        shows(second.page, SCRIPT)
        first.page.reload()
        shows(first.page, SCRIPT)
        press(first.page, "u")
        shows(first.page, "one")
    assert said_of(kept(folder)) == [("one", "negative"), ("one", "neutral"), ("one", None)]


def test_a_kill_loses_nothing_that_was_given(browser: Browser, folder: Path) -> None:
    """Whoever starts again goes on with the next record, also after a line that was cut."""
    with labelling(folder, *FILE) as served, visiting(browser, served) as visitor:
        shows(visitor.page, "one")
        press(visitor.page, "3")
        shows(visitor.page, SCRIPT)
        served.process.send_signal(signal.SIGKILL)
        served.process.wait(SECONDS)
        visitor.heard.complaints.clear()
        visitor.heard.failed.clear()
        visitor.page.goto("about:blank")
        visitor.heard.complaints.clear()
        visitor.heard.failed.clear()
    path = folder / "out" / "labels" / "sentiment" / "labels.jsonl"
    with path.open("ab") as file:
        file.write(b'{"text": "two')
    with labelling(folder, *FILE) as served, visiting(browser, served) as visitor:
        shows(visitor.page, SCRIPT)
        press(visitor.page, "1")
        shows(visitor.page, TEXTS[2])
        _, errors = served.stop(signal.SIGINT)
        visitor.page.goto("about:blank")
        visitor.heard.complaints.clear()
        visitor.heard.failed.clear()
    assert "2 texts of sentiment labelled by ada" in errors
    lines = path.read_bytes().split(b"\n")
    assert lines[1] == b'{"text": "two'
    assert len(lines) == 4


def test_labels_of_a_workload_are_shown_as_they_are(browser: Browser, folder: Path) -> None:
    """Several labels: digits switch them and Enter keeps them; markup in a label is text; it fits a phone."""
    settings = {
        "BREAKEVEN_WORKLOADS__TOPICS__KIND": "labels",
        "BREAKEVEN_WORKLOADS__TOPICS__LABELS": HOSTILE,
        "BREAKEVEN_WORKLOADS__TOPICS__PROMPT": "Say what it is about: {{ labels }}",
    }
    with labelling(folder, "topics", *FILE[1:], **settings) as served, visiting(browser, served) as visitor:
        page = visitor.page
        shows(page, "one")
        press(page, "3", "1")
        expect(page.get_by_role("button", name=SCRIPT)).to_have_attribute("aria-pressed", "true")
        for width, height in (PHONE, DESKTOP):
            page.set_viewport_size({"width": width, "height": height})
            assert overflow(page) == 0
            assert smallest_text(page) >= 13
        press(page, "Enter")
        shows(page, SCRIPT)
        press(page, "Enter")
        shows(page, TEXTS[2])
        assert page.evaluate("window.hacked") is None
    assert said_of(kept(folder, "topics")) == [("one", [SCRIPT, "a'b \" c"]), (SCRIPT, [])]


def test_nobody_else_gets_in(served: Served) -> None:
    """Without the token there is nothing, and the line names the command that has printed it."""
    answer = httpx.get(served.address, timeout=SECONDS)
    assert answer.status_code == 403
    assert "breakeven label" in answer.text
    assert served.get(Host="evil.example").status_code == 400
    assert "default-src 'self'" in served.get().headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            ("enrichment",),
            "enrichment answers object, which `breakeven label` shows for audits by people alone",
        ),
        (("sentiment",), "nothing of sentiment is published with its text still in the input"),
        (("sentiment", "--from", "audit"), "no audit of sentiment"),
        (("sentiment", "--from", "none.jsonl"), "none.jsonl does not exist"),
        (("sentiment", "--by", ""), "--by takes a name"),
        (("none",), "unknown workload"),
    ],
)
def test_a_mistake_is_one_line(
    folder: Path,
    options: tuple[str, ...],
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It says what to do, before a page is served."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("BREAKEVEN_DATABASE_URL", f"sqlite:///{folder / 'ledger.db'}")
    assert run_command("label", *options) == 2
    errors = capsys.readouterr().err
    assert line in errors
    assert errors.count("\n") == 1
