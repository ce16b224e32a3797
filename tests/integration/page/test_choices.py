"""What the page is asked for: evaluations are told apart, and what was chosen is marked and stands in the address."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from pydantic import SecretStr

from models.settings import Settings
from tasks.report import advice
from tasks.report.versions import find_newest_month, make_report
from tests.integration.page.books import EVALUATED, fill
from tests.integration.page.harness import Served, Visitor, serving, table, visiting


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a ledger with production and an evaluation."""
    folder = tmp_path_factory.mktemp("choices")
    url = f"sqlite:///{folder / 'ledger.db'}"
    fill(url)
    with serving(url, folder) as served:
        yield served


@pytest.fixture(scope="module")
def visitor(browser: Browser, served: Served) -> Iterator[Visitor]:
    """Open one window for all tests."""
    with visiting(browser, served) as visitor:
        yield visitor


def _figure(page: Page, label: str) -> str:
    return page.locator(".figure", has=page.get_by_text(label, exact=True)).locator(".value").inner_text()


def _marked(page: Page, name: str) -> list[str]:
    return page.locator(f"nav[aria-label='{name}'] [aria-current]").all_inner_texts()


def test_evaluations_are_beside_production(visitor: Visitor) -> None:
    """They are in no figure, route, chart or day of production, and stand in a section of their own."""
    page = visitor.goes("/?workload=sentiment")
    production = int(_figure(page, "records"))
    steps = sum(int(row["records"]) for row in table(page, "Steps"))
    routes = sum(int(row["attempts"]) for row in table(page, "Routes"))
    rows = table(page, "Beside production")
    assert _marked(page, "purpose") == ["production"]
    assert _figure(page, "evaluations, audits and more, beside this") == "$1.00"
    assert {row["purpose"]: (row["records"], row["cost"]) for row in rows} == {
        "evaluation_small": (str(EVALUATED), "$0.50"),
        "evaluation_api": (str(EVALUATED), "$0.50"),
    }
    assert steps == production
    page = visitor.goes("/?workload=sentiment&purpose=all")
    assert _marked(page, "purpose") == ["all"]
    assert int(_figure(page, "records")) == production + 2 * EVALUATED
    assert sum(int(row["attempts"]) for row in table(page, "Routes")) == routes + 2 * EVALUATED
    assert "Evaluations, trials, audits and training are in these sums" in " ".join(
        page.locator(".note").all_inner_texts()
    )


def test_evaluations_alone(visitor: Visitor) -> None:
    """Their own view counts them alone, and the links of their section lead to their lines."""
    page = visitor.goes("/")
    page.locator("nav[aria-label='purpose']").get_by_role("link", name="evaluations").click()
    expect(page.locator("nav[aria-label='purpose'] [aria-current]")).to_have_text("evaluations")
    assert _figure(page, "records") == str(2 * EVALUATED)
    assert _figure(page, "cost") == "$1.00"
    page = visitor.goes("/")
    page.locator("[aria-label='Beside production'] tbody a").first.click()
    expect(page.get_by_role("heading", name=f"{EVALUATED} lines")).to_be_visible()
    assert _marked(page, "purpose") == ["evaluation_api"]


def test_runs_of_evaluations(visitor: Visitor) -> None:
    """They are not among production's runs; one of them leads to its lines, whatever it was for."""
    page = visitor.goes("/runs")
    assert {row["purpose"] for row in table(page, "Runs")} == {"production"}
    page = visitor.goes("/runs?purpose=evaluation")
    rows = table(page, "Runs")
    assert [row["purpose"] for row in rows] == ["evaluation_api", "evaluation_small"]
    page.get_by_role("link", name=rows[0]["started (UTC)"]).click()
    expect(page.get_by_role("heading", name=f"{EVALUATED} lines")).to_be_visible()


@pytest.mark.parametrize(
    ("path", "period"),
    [
        ("/", "30 days"),
        ("/?since=2026-11-17&until=2026-11-23", "7 days"),
        ("/?since=2026-11-21&until=2026-11-22", "2026-11-21 to 2026-11-22"),
        ("/?since=2026-11-21", "2026-11-21 to today"),
    ],
)
def test_the_chosen_period_is_marked(visitor: Visitor, path: str, period: str) -> None:
    """One period is marked, and looks so, also where it is none of those on offer; so is the workload."""
    page = visitor.goes(path)
    assert _marked(page, "period") == [period]
    assert _marked(page, "workload") == ["all workloads"]
    assert page.locator("nav[aria-label='period'] [aria-current]").evaluate(
        "one => parseInt(getComputedStyle(one).borderBottomWidth)"
    )


def test_a_period_by_the_keyboard(visitor: Visitor) -> None:
    """Days that are typed are shown and marked, stand in the address, and leave workload and purpose as they were."""
    page = visitor.goes("/?workload=sentiment&purpose=all")
    page.get_by_label("since", exact=True).fill("2026-11-21")
    page.get_by_label("until", exact=True).fill("2026-11-22")
    page.keyboard.press("Enter")
    expect(page.locator("nav[aria-label='period'] [aria-current]")).to_have_text("2026-11-21 to 2026-11-22")
    address = page.url.partition("?")[2]
    assert set(address.split("&")) == {
        "workload=sentiment",
        "purpose=all",
        "since=2026-11-21",
        "until=2026-11-22",
    }
    assert {row["day"] for row in table(page, "Steps")} == {"2026-11-21"}


def test_the_overview_says_what_the_last_report_advises(visitor: Visitor, served: Served) -> None:
    """What to do and what it saves stand first, as the report has them; before there is a report, nothing does."""
    assert "From the monthly report" not in visitor.goes("/").inner_text("body")
    month = find_newest_month(settings := Settings(database_url=SecretStr(served.database_url)))
    report = make_report(month, settings).report
    told = visitor.goes("/").inner_text("body")
    assert advice.headline(report.figures) in told
    assert advice.verdict(report.figures) in told
    assert f"breakeven report --month {month:%Y-%m}" in told
