"""What the documents say of settings: every block can be pasted, and the page names all settings."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr

from flows.environment import read_settings
from models.routing.policy import Policy
from models.settings import Caps, EngineSettings, Settings, WorkloadSettings
from models.settings.delivery import ChatSettings, MailSettings
from tasks.forecast.command import read_ask

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "settings.md").read_text("utf-8")
TABLES: dict[str, type[BaseModel]] = {
    "": Settings,
    "[engine]": EngineSettings,
    "[budget]": Caps,
    "[workloads.NAME]": WorkloadSettings,
    "[workloads.NAME.policy]": Policy,
    "[smtp]": MailSettings,
    "[chat.NAME]": ChatSettings,
}


def blocks() -> Iterator[tuple[str, str]]:
    """Yield each TOML block of the documents, with its page."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for block in re.findall(r"^```toml\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE):
            yield page.name, block


@pytest.mark.parametrize(("page", "block"), list(blocks()))
def test_every_block_can_be_pasted(
    page: str, block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it stands, each is a whole file: settings, or what `breakeven forecast --config` reads."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "breakeven.toml"
    path.write_text(block, encoding="utf-8")
    if page == "forecast.md":
        assert read_ask(path).workloads
    else:
        assert read_settings().model_fields_set


def test_the_readme_has_one_block_of_settings() -> None:
    """Two blocks in one file would declare a table twice."""
    assert [page for page, _ in blocks()].count("README.md") == 1


def row(name: str, model: type[BaseModel]) -> str:
    """Return the row that the page should have of a setting."""
    field = model.model_fields[name]
    default = field.get_default(call_default_factory=True)
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if isinstance(default, frozenset):
        default = ", ".join(sorted(default))
    if isinstance(default, tuple):
        default = ", ".join(map(str, default))
    shown = "" if default is None or default in ("", {}) or isinstance(default, BaseModel) else f"`{default}`"
    return f"| `{name}` | {shown} | {field.description} |"


@pytest.mark.parametrize("table", TABLES)
def test_the_page_has_every_setting(table: str) -> None:
    """With its default and its meaning, as the program has them."""
    missing = [line for name in TABLES[table].model_fields if (line := row(name, TABLES[table])) not in PAGE]
    assert not missing, "\n".join(missing)
