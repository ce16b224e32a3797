"""The page in a browser, on both databases: its figures are the command's, it asks nobody, it fits a phone."""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Browser, expect

import cli
from db.browse import Filters, Position
from tasks.page.asked import address
from tasks.page.words import dollars
from tests.browser import DESKTOP, PHONE, overflow, smallest_text
from tests.integration.db.ledger_lines import DAY
from tests.integration.page.books import BOLD, IMAGE, LONG, RECORDS, SCRIPT, fill
from tests.integration.page.harness import Served, choose, opened, serving, table

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


@pytest.mark.parametrize(
    ("name", "by"),
    [("Routes", "route"), ("Workloads and models", "workload,model"), ("Steps", "day,workload")],
)
def test_the_overview_shows_the_sums_of_the_command(
    browser: Browser, served: Served, asked: Ask, name: str, by: str
) -> None:
    """Attempts, records, tokens and money of each row, as `ledger summary` has them."""
    expected = asked("summary", "--by", by)
    with opened(browser, served) as (page, _):
        shown = table(page, name)
    keys = by.split(",")
    assert sorted(tuple(row[key] for key in keys) for row in shown) == sorted(
        tuple(str(row[key]) for key in keys) for row in expected
    )
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


def test_the_overview_in_large_figures(browser: Browser, served: Served, asked: Ask) -> None:
    """The sums over everything; what is unknown or an upper bound is said in words; three charts are drawn."""
    (whole,) = asked("summary", "--by", "month")
    with opened(browser, served) as (page, _):
        text = page.locator("main").inner_text()
        figures = page.locator(".figure .value").all_inner_texts()
        expect(page.locator(".nicegui-echart svg")).to_have_count(3)
    assert whole["cost_usd"] is None
    assert figures[:2] == ["unknown", "unknown"]
    assert figures[2:5] == [f"{whole[name]:,}" for name in ("records", "input_tokens", "output_tokens")]
    assert "1 attempt is pending or of unknown outcome" in text
    assert "$0.000123" in text
    assert "1 line does not know the cost" in text
    assert "1 line holds an estimate" in text


def test_lines_chosen_by_the_form(browser: Browser, served: Served, asked: Ask) -> None:
    """What is chosen restricts the lines, stays chosen, and is cleared again; upper bounds are marked."""
    with opened(browser, served, "/lines") as (page, _):
        choose(page, "route", "vllm>openai:low_confidence")
        choose(page, "workload", "sentiment")
        page.get_by_role("button", name="Show").click()
        page.wait_for_url("**/lines?*")
        page.wait_for_selector("text=2 lines")
        rows = table(page, "Lines")
        page.get_by_role("link", name="Clear").click()
        page.wait_for_selector(f"text={len(asked('lines', '--limit', '999'))} lines")
    expected = asked("lines", "--route", "vllm>openai:low_confidence", "--workload", "sentiment")
    assert [row["record"] for row in rows] == [row["record_key"] for row in expected] == ["hard", "hard"]
    assert [row["outcome"] for row in rows] == ["pending", "ok"]
    assert [row["cost"] for row in rows] == ["≤ $0.000123", "$0.00009"]
    assert [row["input"] for row in rows] == ["unknown", "100"]


def test_lines_page_by_page(browser: Browser, served: Served, asked: Ask) -> None:
    """Every line stands on one of the pages, once; the last one has no next."""
    seen: list[tuple[str, str, str]] = []
    with opened(browser, served, "/lines") as (page, _):
        while True:
            seen += [(row["run"], row["record"], row["attempt"]) for row in table(page, "Lines")]
            following = page.get_by_role("link", name="Next page")
            if not following.count():
                break
            page.goto(f"{served.address}{following.get_attribute('href')}")
            page.wait_for_selector("main")
    expected = asked("lines", "--limit", "999")
    assert len(expected) > RECORDS
    assert len(seen) == len(set(seen)) == len(expected)
    assert {row[1] for row in seen} == {row["record_key"] for row in expected}


def test_a_run_leads_to_its_lines(browser: Browser, served: Served, asked: Ask) -> None:
    """Runs are those of the command; the link at a run's start shows its lines alone."""
    runs = asked("runs")
    with opened(browser, served, "/runs") as (page, _):
        rows = table(page, "Runs")
        page.get_by_role("link", name=rows[1]["started (UTC)"]).click()
        page.wait_for_selector("text=of run")
        lines = table(page, "Lines")
    assert [row["workload"] for row in rows] == [row["workload"] for row in runs]
    assert [row["state"] for row in rows] == [row["state"] for row in runs]
    assert {row["run"] for row in lines} == {f"…{str(runs[1]['id'])[-8:]}"}


def test_names_in_markup_are_shown_as_they_are(browser: Browser, served: Served) -> None:
    """A workload, a record and an error written in markup are text everywhere; nothing of them is run."""
    said: list[str] = []
    with opened(browser, served) as (page, _):
        page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        assert SCRIPT in {row["workload"] for row in table(page, "Steps")}
        page.locator(".nicegui-echart svg").first.hover()  # the tip of the chart names it as well
        page.wait_for_selector(f"text={SCRIPT} >> visible=true")
        for path, name, text in (
            (f"/lines?workload={SCRIPT}", "Lines", IMAGE),
            ("/runs", "Runs", f"{BOLD} failed"),
        ):
            page.goto(f"{served.address}{path}")
            page.wait_for_selector("main")
            assert text in {value for row in table(page, name) for value in row.values()}
            assert page.locator("main img, main b").count() == 0
    assert not said


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_it_fits(browser: Browser, served: Served, size: tuple[int, int]) -> None:
    """Nobody has to scroll a page sideways or read tiny text."""
    with opened(browser, served, size=size) as (page, _):
        for path in PATHS:
            page.goto(f"{served.address}{path}")
            page.wait_for_selector("main")
            assert overflow(page) == 0, path
            assert smallest_text(page) >= 12, path


def test_a_long_key_is_broken_not_cut(browser: Browser, served: Served, asked: Ask) -> None:
    """A record key of 300 characters stands there whole, in several rows, and the page stays as wide as the phone."""
    rare = Filters(route="vllm", outcome="ok", since=DAY)
    last = Position(UUID(str(asked("runs")[0]["id"])), f"r{RECORDS - 1:03d}", 1)
    with opened(browser, served, address("/lines", rare, after=last), PHONE) as (page, _):
        cell = page.get_by_text(LONG, exact=True)
        box = cell.bounding_box()
        assert overflow(page) == 0
    assert box is not None
    assert box["width"] <= 300


def test_refresh_shows_what_has_come(browser: Browser, database_url: str, tmp_path: Path) -> None:
    """Without a ledger the page says so in words; once there is one, Refresh shows it."""
    with serving(database_url, tmp_path) as served, opened(browser, served) as (page, heard):
        expect(page.get_by_role("alert")).to_contain_text("run a workload first")
        assert any("400" in complaint for complaint in heard.complaints)
        heard.complaints.clear()
        fill(database_url)
        page.get_by_role("button", name="Refresh").click()
        expect(page.get_by_text("cost of 1,000 records")).to_be_visible()
