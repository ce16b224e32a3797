"""What the documents say of settings: every block can be pasted, and the page names all settings."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr

from flows.environment import read_settings
from models import workloads
from models.routing.policy import Policy
from models.settings import Caps, EngineSettings, Settings, WorkloadSettings
from models.settings.alerts import AlertSettings
from models.settings.audit import AuditSettings
from models.settings.delivery import ChatSettings, MailSettings
from models.settings.pool import PoolSettings
from models.settings.spot import SpotSettings
from models.settings.training import TrainingSettings
from tasks.forecast.command import read_ask

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "settings.md").read_text("utf-8")
TABLES: dict[str, type[BaseModel]] = {
    "": Settings,
    "[engine]": EngineSettings,
    "[budget]": Caps,
    "[workloads.NAME]": WorkloadSettings,
    "[workloads.NAME.audit]": AuditSettings,
    "[workloads.NAME.policy]": Policy,
    "[smtp]": MailSettings,
    "[chat.NAME]": ChatSettings,
    "[spot]": SpotSettings,
    "[alerts]": AlertSettings,
    "[training]": TrainingSettings,
    "[pool]": PoolSettings,
}


def blocks() -> Iterator[tuple[str, str]]:
    """Yield each TOML block of the documents, with its page."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for block in re.findall(r"^```toml\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE):
            yield page.name, block


def own_file(block: str) -> str | None:
    """Return the file that a block's first line names as its own, such as `# workloads/departments.toml`."""
    named = re.match(r"# ([\w/.-]+\.toml)\n", block)
    return named[1] if named else None


def files_of(page: str) -> dict[str, str]:
    """Return the files that a page shows whole: blocks that name themselves, and those below a line with their name."""
    (path,) = (one for one in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")) if one.name == page)
    text = path.read_text("utf-8")
    found = re.findall(r"`([\w/-]+\.[\w.]+)`[^`\n]*:\n\n```\w+\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    shown = {own_file(block): block for other, block in blocks() if other == page}
    return dict(found) | {name: block for name, block in shown.items() if name is not None}


SETTINGS = [(page, block) for page, block in blocks() if own_file(block) is None]
WORKLOADS = [(page, block) for page, block in blocks() if (own_file(block) or "").startswith("workloads/")]


@pytest.mark.parametrize(("page", "block"), SETTINGS)
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


@pytest.mark.parametrize(
    ("page", "block"), WORKLOADS, ids=[f"{page}: {own_file(block)}" for page, block in WORKLOADS]
)
def test_every_workload_can_be_pasted(
    page: str, block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As its first line says where it lies, each makes a workload, beside the other files that its page shows."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    name = own_file(block) or ""
    for other, text in (files_of(page) | {name: block}).items():
        (tmp_path / other).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / other).write_text(text, encoding="utf-8")
    built = workloads.build(Path(name).stem, read_settings())
    assert built.messages("a text")[-1].content == "a text"


def test_the_readme_has_one_block_of_settings() -> None:
    """Two blocks in one file would declare a table twice."""
    assert [page for page, _ in SETTINGS].count("README.md") == 1


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
