"""Objects and texts on the label page in a browser: published answers are judged by keys, and mended in a form."""

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from models.requests import JsonValue
from models.settings import Settings
from tests.browser import DESKTOP, PHONE, overflow, smallest_text
from tests.integration.audit.answers import Answers, answer_settings, publish
from tests.integration.label.harness import SCRIPT, kept, labelling, press, shows
from tests.integration.page.harness import visiting

THING: JsonValue = {"name": SCRIPT, "price": 5.5, "colours": ["red"]}
TEXTS = ("a lamp, one", f"two {SCRIPT}", "a lamp, three", "a lamp, four")


@contextmanager
def judging(browser: Browser, folder: Path, kind: str, answers: Answers) -> Iterator[Page]:
    """Publish answers and open a window on them; at its end no text was run."""
    settings = answer_settings(folder, f"sqlite:///{folder / 'ledger.db'}", kind, answers)
    publish(settings, answers)
    with (
        labelling(folder, "own", "--by", "ada", "--from", "audit", **variables(settings, kind)) as served,
        visiting(browser, served) as visitor,
    ):
        yield visitor.page
        assert visitor.page.evaluate("window.hacked") is None


def variables(settings: Settings, kind: str) -> dict[str, str]:
    """Return the environment of the command."""
    own = settings.workloads["own"]
    values = {
        "KIND": kind,
        "PROMPT": "What is for sale?",
        "INPUT": str(own.input),
        "TIMESTAMP_COLUMN": "",
        "DATA_RESIDENCY": "local",
        "AUDIT__SHARE": "1.0",
    } | ({"SCHEMA_FILE": str(own.schema_file)} if kind == "object" else {})
    found = {f"BREAKEVEN_WORKLOADS__OWN__{name}": value for name, value in values.items()}
    return found | {"BREAKEVEN_OUTPUT_DIR": str(settings.output_dir), "BREAKEVEN_MODEL": "tests/scripted"}


def asked(page: Page) -> str:
    """Return the text that is shown."""
    return page.locator("#record").inner_text()


def test_an_object_is_judged_and_mended_by_keys(browser: Browser, tmp_path: Path) -> None:
    """Right, wrong, written anew field by field; what is no answer stays in the form and is said; Escape leaves it; it fits a phone."""
    with judging(browser, tmp_path, "object", dict.fromkeys(TEXTS, THING)) as page:
        expect(page.locator("#answer")).to_contain_text(SCRIPT)
        order = [asked(page)]
        press(page, "1")
        expect(page.get_by_text("1 of 4 records labelled")).to_be_visible()
        order.append(asked(page))
        press(page, "ArrowDown", "Enter")
        expect(page.get_by_text("2 of 4 records labelled")).to_be_visible()
        order.append(asked(page))
        press(page, "3")
        name, price = page.get_by_role("textbox", name="name"), page.get_by_role("textbox", name="price")
        expect(name).to_be_focused()
        expect(name).to_have_value(SCRIPT)
        press(page, "Control+Enter")
        expect(page.get_by_role("alert")).to_contain_text("that is what was published")
        name.fill("us 1 2 lamp")
        price.fill("cheap")
        for width, height in (PHONE, DESKTOP):
            page.set_viewport_size({"width": width, "height": height})
            assert overflow(page) == 0
            assert smallest_text(page) >= 13
        press(page, "Control+Enter")
        expect(page.get_by_role("alert")).to_contain_text("price")
        expect(name).to_have_value("us 1 2 lamp")
        expect(name).to_be_focused()
        press(page, "Tab")
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type("7")
        page.get_by_role("button", name="Keep").click()
        expect(page.get_by_text("3 of 4 records labelled")).to_be_visible()
        order.append(asked(page))
        press(page, "3")
        expect(name).to_be_focused()
        press(page, "Escape")
        expect(name).to_have_count(0)
        turn = page.locator("#desk").get_attribute("data-turn") or ""
        press(page, "s")  # the last one that is open: it is shown again
        expect(page.locator("#desk")).not_to_have_attribute("data-turn", turn)
        press(page, "u")
        shows(page, order[2])
        press(page, "2")
        shows(page, order[3])
    assert sorted(order) == sorted(TEXTS)
    mended = {"name": "us 1 2 lamp", "price": 7, "colours": ["red"]}
    said = [(line["text"], line["label"], line.get("right")) for line in kept(tmp_path, "own")]
    assert said == [
        (order[0], THING, True),
        (order[1], None, False),
        (order[2], mended, False),
        (order[3], None, None),
        (order[2], None, None),
        (order[2], None, False),
    ]
    assert kept(tmp_path, "own")[2]["shown"] == THING
    path = tmp_path / "out" / "labels" / "own" / "labels.jsonl"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.long
def test_a_text_is_mended(browser: Browser, tmp_path: Path) -> None:
    """Several lines, as they were written."""
    with judging(browser, tmp_path, "text", dict.fromkeys(TEXTS[:2], "a lamp\nfor all")) as page:
        text = asked(page)
        press(page, "3")
        area = page.get_by_role("textbox", name="answer")
        expect(area).to_have_value("a lamp\nfor all")
        area.fill("a lamp\nfor you")
        press(page, "Control+Enter")
        expect(page.get_by_text("1 of 2 records labelled")).to_be_visible()
        press(page, "1")
        expect(page.get_by_text("2 answers of own labelled by ada")).to_be_visible()
    first, second = kept(tmp_path, "own")
    assert (first["text"], first["label"], first["right"]) == (text, "a lamp\nfor you", False)
    assert (second["label"], second["right"]) == ("a lamp\nfor all", True)
