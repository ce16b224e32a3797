"""The pages that show commands show what the commands print."""

from pathlib import Path

import pytest

from tests.integration.command_pages import PAGES, ROOT, printed, shown

SHOWN = [(page, command, expected) for page in PAGES for command, expected in shown(page)]


@pytest.mark.parametrize(
    ("page", "command", "expected"), SHOWN, ids=[f"{page.stem}: {command}" for page, command, _ in SHOWN]
)
def test_a_command_prints_what_its_page_says(
    page: Path, command: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the letter; `python -m tests.integration.command_pages` writes the pages anew."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("BREAKEVEN_DATABASE_URL", f"sqlite:///{tmp_path / 'none.db'}")
    assert printed(command) == expected, f"{page.name} is out of date"


def test_every_page_shows_a_command() -> None:
    """A block that is written otherwise would not be checked."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert shown(page)
        assert text.count("```text\n") == len(shown(page))


def test_the_file_of_the_forecast_is_the_one_on_its_page() -> None:
    """docs/forecast.toml stands in docs/forecast.md."""
    page = (ROOT / "docs" / "forecast.md").read_text(encoding="utf-8")
    assert f"```toml\n{(ROOT / 'docs' / 'forecast.toml').read_text(encoding='utf-8')}```" in page
