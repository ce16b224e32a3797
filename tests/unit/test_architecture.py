"""The pages that explain the house name what is there: folders, tests of the invariants, links, and no more."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("top", ["tasks", "models"])
def test_the_tree_names_every_folder(top: str) -> None:
    """Each folder of `tasks/` and `models/` has its line on the page, and each line its folder."""
    tree = (DOCS / "architecture.md").read_text(encoding="utf-8").split("```")[1]
    block = re.search(rf"^{top}/ .*\n((?:  .*\n)+)", tree, re.MULTILINE)
    assert block is not None
    named = set(re.findall(r"^  ([a-z_]+)/", block[1], re.MULTILINE))
    there = {one.parent.name for one in (ROOT / top).glob("*/__init__.py")}
    assert named == there


def test_no_module_lies_loose_in_tasks() -> None:
    """Every module of `tasks/` is in a folder: a stage of the run, or a product."""
    assert [one.name for one in (ROOT / "tasks").glob("*.py")] == ["__init__.py"]


def test_the_tree_names_every_shared_module_of_models() -> None:
    """A module beside the folders of `models/` has its place on the page."""
    tree = (DOCS / "architecture.md").read_text(encoding="utf-8").split("```")[1]
    block = re.search(r"^models/ .*\n((?:  .*\n)+)", tree, re.MULTILINE)
    assert block is not None
    named = re.findall(r"([a-z_]+\.py)", block[1])
    assert sorted(named) == sorted(one.name for one in (ROOT / "models").glob("[a-z]*.py"))


def test_each_invariant_names_tests_that_exist() -> None:
    """I1 to I13 each have tests, at paths that are there."""
    page = (DOCS / "invariants.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (I\d+) \|.*\| (.+) \|$", page, re.MULTILINE)
    assert [name for name, _ in rows] == [f"I{number}" for number in range(1, 14)]
    for name, tests in rows:
        paths = re.findall(r"`([^`]+)`", tests)
        assert paths, name
        assert [path for path in paths if not (ROOT / path).is_file()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Each link of a page to another page, or to a heading, finds it."""
    lost = []
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        if target.startswith(("http", "mailto")):
            continue
        other = (page.parent / target).resolve() if target else page
        if not other.exists() or (anchor and other.suffix == ".md" and anchor not in anchors(other)):
            lost.append(f"{target}#{anchor}")
    assert lost == []


def test_the_readme_is_a_front_door() -> None:
    """It fits on a few screens: 150 lines."""
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_the_readme_begins_with_a_workload_of_ones_own() -> None:
    """Its first 40 lines show a workload's file, of eight lines at most, and the command that runs it."""
    first = "\n".join((ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:40])
    block = re.search(r"^```toml\n# workloads/(\w+)\.toml\n(.*?)^```$", first, re.DOTALL | re.MULTILINE)
    assert block is not None
    assert len(block[2].splitlines()) < 8
    assert f"breakeven run {block[1]} " in first
