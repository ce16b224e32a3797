"""The page in a browser, on both databases: its figures are the command's, it asks nobody, it fits a phone."""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

import cli
from db.browse_filters import Filters
from db.line_places import Position
from tasks.page.address import address
from tasks.page.formats import dollars, plural
from tests.browser import DESKTOP, PHONE, overflow, smallest_text
from tests.integration.page.books import BOLD, IMAGE, LONG, RECORDS, SCRIPT, fill
from tests.integration.page.harness import Served, Visitor, choose, serving, table, visiting

Ask = Callable[..., list[dict[str, object]]]
PATHS = ("/", "/lines", "/runs", "/rates")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a ledger with every kind of line."""
    folder = tmp_path_factory.mktemp("page")
    if request.param == "sqlite":
        url = f"sqlite:///{folder / 'ledger.db'}"
    else:
        url = request.getfixturevalue("make_postgres_url")()
    fill(url)
    with serving(url, folder) as served:
        yield served


@pytest.fixture(scope="module")
def window(browser: Browser, served: Served) -> Iterator[Visitor]:
    """Open one window for all tests, so that each does not load the page's libraries anew."""
    with visiting(browser, served) as visitor:
        yield visitor


@pytest.fixture
def visitor(window: Visitor) -> Iterator[Visitor]:
    """Hand out the window as wide as a desktop; whatever was done, it asked nobody and complained of nothing."""
    width, height = DESKTOP
    window.page.set_viewport_size({"width": width, "height": height})
    yield window
    window.is_content()


@pytest.fixture
def asked(served: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Return `breakeven ledger …` over the same ledger: a function from its arguments to the rows it prints."""
    monkeypatch.setenv("BREAKEVEN_DATABASE_URL", served.database_url)

    def ask(*arguments: str) -> list[dict[str, object]]:
        with pytest.raises(SystemExit) as end:
            cli.main(["ledger", *arguments, "--format", "json"])
        assert end.value.code == 0
        rows: list[dict[str, object]] = json.loads(capsys.readouterr().out)
        return rows

    return ask


def _money(value: object) -> str:
    return dollars(None if value is None else Decimal(str(value)))


ON_ONE = pytest.mark.parametrize("served", ["sqlite"], indirect=True)
"""For what has nothing to do with the kind of database."""

PRODUCTION = ("--purpose", "production")
SUMS = {"Routes": "route", "Workloads and models": "workload,model", "Steps": "day,workload"}


def test_the_overview_shows_the_sums_of_the_command(visitor: Visitor, asked: Ask) -> None:
    """Attempts, records, tokens and money of each row and in all, as `ledger summary` has them."""
    page = visitor.goes("/")
    for name, by in SUMS.items():
        shown, keys = table(page, name), by.split(",")
        expected = asked("summary", "--by", by, *PRODUCTION)
        assert len(shown) == len(expected)
        for row in expected:
            (found,) = (one for one in shown if all(one[key] == row[key] for key in keys))
            assert found["attempts"] == f"{row['attempts']:,}"
            assert found["records"] == f"{row['records']:,}"
            assert found["cost"] == _money(row["cost_usd"])
            assert found["on the API"] == _money(row["counterfactual_usd"])
            if row["input_tokens"] is not None:
                assert found["input tokens"] == f"{row['input_tokens']:,}"
                assert found["of them cached"] == f"{row['cached_tokens']:,}"
                assert found["output tokens"] == f"{row['output_tokens']:,}"
    _is_in_large_figures(page, asked)


def _is_in_large_figures(page: Page, asked: Ask) -> None:
    """Check the sums over everything; what is unknown or an upper bound is said in words; three charts are drawn."""
    (whole,) = asked("summary", "--by", "month", *PRODUCTION)
    expect(page.locator(".nicegui-echart svg")).to_have_count(3)
    figures = page.locator(".figure .value").all_inner_texts()
    assert whole["cost_usd"] is None
    assert figures[:2] == ["unknown", "unknown"]
    assert figures[2:5] == [f"{whole[name]:,}" for name in ("records", "input_tokens", "output_tokens")]
    notes = " ".join(page.locator(".note").all_inner_texts())
    assert "1 attempt is pending or of unknown outcome" in notes
    assert "$0.000123" in notes
    assert "1 line does not know the cost" in notes
    assert "1 line holds an estimate" in notes


def test_lines_chosen_by_the_form(visitor: Visitor, asked: Ask) -> None:
    """What is chosen restricts the lines, and is cleared again; upper bounds are marked."""
    page = visitor.goes("/lines")
    choose(page, "route", "vllm>openai:low_confidence")
    choose(page, "workload", "sentiment")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", name="2 lines")).to_be_visible()
    rows = table(page, "Lines")
    page.get_by_role("link", name="Clear").click()
    every = len(asked("lines", "--limit", "999", *PRODUCTION))
    expect(page.get_by_role("heading", name=f"{every} lines")).to_be_visible()
    expected = asked("lines", "--route", "vllm>openai:low_confidence", "--workload", "sentiment")
    assert [row["record"] for row in rows] == [row["record_key"] for row in expected] == ["hard", "hard"]
    assert [row["outcome"] for row in rows] == ["pending", "ok"]
    assert [row["cost"] for row in rows] == ["≤ $0.000123", "$0.00009"]
    assert [row["input tokens"] for row in rows] == ["unknown", "100"]


def test_lines_page_by_page(visitor: Visitor, asked: Ask) -> None:
    """Every line stands on one of the pages, once; the last one has no next."""
    seen: list[tuple[str, str, str]] = []
    page = visitor.goes("/lines")
    while True:
        seen += [(row["run"], row["record"], row["attempt"]) for row in table(page, "Lines")]
        following = page.get_by_role("link", name="Next page")
        if not following.count():
            break
        visitor.goes(str(following.get_attribute("href")))
    expected = asked("lines", "--limit", "999", *PRODUCTION)
    assert len(expected) > RECORDS
    assert len(seen) == len(set(seen)) == len(expected)
    assert {row[1] for row in seen} == {row["record_key"] for row in expected}


@ON_ONE
def test_sums_lead_to_their_lines(visitor: Visitor) -> None:
    """Each row of sums leads to as many lines as it has attempts."""
    for name, row in (("Routes", 1), ("Workloads and models", 2), ("Steps", 1)):
        page = visitor.goes("/")
        lines = plural(int(table(page, name)[row]["attempts"]), "line", "lines")
        page.locator(f"[aria-label='{name}'] tbody a").nth(row).click()
        expect(page.get_by_role("heading", name=lines, exact=True)).to_be_visible()


def test_a_run_leads_to_its_lines(visitor: Visitor, asked: Ask) -> None:
    """Runs are those of the command; the link at a run's start shows its lines alone."""
    runs = asked("runs", *PRODUCTION)
    page = visitor.goes("/runs")
    rows = table(page, "Runs")
    page.get_by_role("link", name=rows[1]["started (UTC)"]).click()
    expect(page.get_by_text(f"of run {runs[1]['id']}")).to_be_visible()
    lines = table(page, "Lines")
    assert [row["workload"] for row in rows] == [row["workload"] for row in runs]
    assert [row["state"] for row in rows] == [row["state"] for row in runs]
    assert {row["run"] for row in lines} == {f"…{str(runs[1]['id'])[-8:]}"}


@ON_ONE
def test_names_in_markup_are_shown_as_they_are(visitor: Visitor) -> None:
    """A workload, a record and an error written in markup are text everywhere; nothing of them is run."""
    said: list[str] = []

    def hear(dialog: Dialog) -> None:
        said.append(dialog.message)
        dialog.dismiss()

    visitor.page.on("dialog", hear)
    page = visitor.goes("/")
    assert SCRIPT in {row["workload"] for row in table(page, "Steps")}
    chart = page.locator(".nicegui-echart").first
    chart.locator("svg").hover()
    expect(chart.locator("> div").last).to_contain_text(SCRIPT)  # ECharts writes the tip as HTML
    for path, name, text in (
        (f"/lines?workload={SCRIPT}", "Lines", IMAGE),
        ("/runs", "Runs", f"{BOLD} failed"),
    ):
        page = visitor.goes(path)
        assert text in {value for row in table(page, name) for value in row.values()}
        assert page.locator("main img, main b").count() == 0
    assert not said


@ON_ONE
def test_it_fits_a_phone_and_a_desktop(visitor: Visitor, asked: Ask) -> None:
    """Nobody has to scroll a page sideways or read tiny text, not even beside a record key of 300 characters."""
    newest = UUID(str(asked("runs", *PRODUCTION)[0]["id"]))
    shortly_before = Position(newest, f"r{RECORDS - 1:02d}", 1)
    long_key = address("/lines", Filters(run_id=newest), after=shortly_before)
    for path in (*PATHS, long_key):
        page = visitor.goes(path)
        for width, height in (PHONE, DESKTOP):
            page.set_viewport_size({"width": width, "height": height})
            assert overflow(page) == 0, path
            assert smallest_text(page) >= 12, path
    key = visitor.page.get_by_text(LONG, exact=True)
    expect(key).to_be_visible()
    assert key.evaluate("key => key.getBoundingClientRect().width") <= 300


def test_refresh_shows_what_has_come(browser: Browser, empty_database_url: str, tmp_path: Path) -> None:
    """Without a ledger the page says so in words; once there is one, Refresh shows it."""
    with serving(empty_database_url, tmp_path) as served, visiting(browser, served) as visitor:
        page = visitor.goes("/")
        expect(page.get_by_role("alert")).to_contain_text("run a workload first")
        assert any("400" in complaint for complaint in visitor.heard.complaints)
        visitor.heard.complaints.clear()
        fill(empty_database_url)
        page.get_by_role("button", name="Refresh").click()
        expect(page.get_by_text("cost of 1,000 records")).to_be_visible()
