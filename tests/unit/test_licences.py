"""`make audit`: licences of what is installed against the page, and what is said of weaknesses."""

import json
import sys
from importlib.metadata import Distribution
from pathlib import Path

import pytest

from tests.licences import (
    NO_ADVISORIES,
    PAGE,
    ask_advisories,
    find_unfit,
    installed,
    is_permissive,
    licence,
    named_on_page,
    pinned,
)

TABLE = "## In an image\n\n| package | licence | why |\n| --- | --- | --- |\n"


def package(folder: Path, name: str, *metadata: str) -> Distribution:
    """Install the metadata of a package into a folder."""
    place = folder / f"{name}-1.dist-info"
    place.mkdir(parents=True)
    text = "\n".join(("Metadata-Version: 2.4", f"Name: {name}", "Version: 1", *metadata, ""))
    (place / "METADATA").write_text(text, encoding="utf-8")
    return Distribution.at(place)


def test_what_is_installed_fits_the_page() -> None:
    """Each pinned package is permissive or named with its licence, and the table names nothing that has gone."""
    wanted = pinned("cpu", "gpu", "dev", "four_bits", "ray")
    assert list(find_unfit(installed(), wanted, PAGE.read_text(encoding="utf-8"))) == []
    assert len(wanted & set(installed())) > 200


def test_the_page_names_what_matters_in_an_image() -> None:
    """Copyleft and NVIDIA's terms have their rows."""
    assert {"nvidia-*", "psycopg", "pycountry", "intel-openmp", "certifi"} <= set(
        named_on_page(PAGE.read_text(encoding="utf-8"))
    )


@pytest.mark.parametrize(
    ("metadata", "found"),
    [
        (("License-Expression: AGPL-3.0-only",), "AGPL-3.0-only is not among the permissive"),
        (
            ("Classifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)",),
            "(GPLv3) is not among",
        ),
        (("License: CC-BY-NC-4.0",), "CC-BY-NC-4.0 is not among"),
        (("License-Expression: MIT AND GPL-2.0-only",), "is not among"),
        (("License-Expression: MIT OR GPL-2.0-only",), None),
        (("License-Expression: (MIT OR GPL-2.0-only) AND BSD-3-Clause",), None),
        (("License-Expression: MIT)",), "is not among"),
        (("License: Free for all good people",), "is not among"),
        ((), "tell no licence"),
        (("Classifier: License :: OSI Approved",), "tell no licence"),
        (("Classifier: License :: OSI Approved :: MIT License",), None),
        (("License: MIT\n        \n        Copyright",), None),
    ],
)
def test_a_licence_that_nobody_allowed_is_found(
    tmp_path: Path, metadata: tuple[str, ...], found: str | None
) -> None:
    """Copyleft, non-commercial, unknown and missing ones, by any of the three ways in which metadata tell it."""
    wrong = list(find_unfit({"new": package(tmp_path, "new", *metadata)}, {"new"}, TABLE))
    assert len(wrong) == (found is not None)
    assert found is None or found in wrong[0]


def test_the_table_must_say_what_the_metadata_say(tmp_path: Path) -> None:
    """A licence that changed is found, and so is a row of a package that has gone; a row without metadata stands."""
    new = package(tmp_path, "new", "License-Expression: BUSL-1.1")
    page = f"{TABLE}| new | MPL-2.0 | - |\n| gone | MPL-2.0 | - |\n"
    wrong = list(find_unfit({"new": new}, {"new"}, page))
    assert [one.partition(":")[0] for one in wrong] == ["new", "gone"]
    untold = {"new": package(tmp_path / "2", "new")}
    assert list(find_unfit(untold, {"new"}, f"{TABLE}| new | its LICENSE says MIT | - |\n")) == []
    assert licence(new) == "BUSL-1.1"
    assert not is_permissive("")


@pytest.mark.parametrize(
    "says",
    [
        "import sys; sys.exit('ConnectionError')",
        "print('{}')",
        "print('no JSON')",
        f"print({json.dumps(json.dumps({'dependencies': [{'name': 'a', 'skip_reason': 'not found on PyPI'}]}))})",
    ],
)
def test_advisories_that_cannot_be_reached_are_said(says: str) -> None:
    """No network, or a mirror that holds none: nothing was looked up, which is not "no weakness"."""
    assert ask_advisories([sys.executable, "-c", says]) == (NO_ADVISORIES, [])
    assert ask_advisories(["/nowhere/uv"]) == (NO_ADVISORIES, [])


def test_a_known_weakness_is_told() -> None:
    """With its id and the version that mends it; what could not be looked up is counted."""
    weakness = {"id": "PYSEC-2026-1", "fix_versions": ["1.1"]}
    packages = [
        {"name": "a", "version": "1.0", "vulns": [weakness]},
        {"name": "b", "version": "2.0", "vulns": []},
        {"name": "c", "skip_reason": "not found"},
    ]
    script = f"print({json.dumps(json.dumps({'dependencies': packages}))}); raise SystemExit(1)"
    line, found = ask_advisories([sys.executable, "-c", script])
    assert line == "advisories: 2 of 3 packages looked up, 1 weaknesses known"
    assert found == ["a 1.0: PYSEC-2026-1, mended in 1.1"]
