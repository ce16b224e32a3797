"""What is looked at while it goes is passed over."""

from pathlib import Path

import pytest

from tests.live_folder import files_below, paths_below


def test_what_goes_between_the_listing_and_the_look_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part file is renamed, and a scratch folder removed, while a test looks."""
    (tmp_path / "kept").write_bytes(b"x")
    (tmp_path / "going").write_bytes(b"y")
    look = Path.lstat

    def late(path: Path) -> object:
        if path.name == "going":
            path.unlink()
        return look(path)

    monkeypatch.setattr(Path, "lstat", late)
    assert [path.name for path, _ in paths_below(tmp_path)] == ["kept"]
    assert list(files_below(tmp_path)) == [(tmp_path / "kept", b"x")]
