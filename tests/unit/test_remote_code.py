"""A model folder with code of its own: nothing of it runs, nobody is asked, and one line says what to do."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from models.default_model import model_dir

PROJECT = Path(__file__).resolve().parents[2]
LOAD = """
import sys
from pathlib import Path
from models.engines.vllm.options import VllmOptions
from models.engines.vllm.tokenizer import load_local_model
from models.errors import UsageError
from models.settings import Settings
try:
    load_local_model(VllmOptions.from_settings(Settings(model=sys.argv[1], trust_remote_code=sys.argv[2] == "1"), on_cpu=True))
    print("loaded")
except UsageError as error:
    print(f"refused: {error}")
"""
CODE = """
from pathlib import Path
from transformers import LlamaConfig, PreTrainedTokenizerFast
Path(__file__).parent.joinpath("ran").touch()
Path({marker!r}).touch()
class OwnConfig(LlamaConfig):
    model_type = "own"
class OwnTokenizer(PreTrainedTokenizerFast):
    pass
"""
CONFIG: dict[str, object] = {"model_type": "own", "auto_map": {"AutoConfig": "own_code.OwnConfig"}}
TOKENIZER: dict[str, object] = {
    "tokenizer_class": "OwnTokenizer",
    "auto_map": {"AutoTokenizer": ["own_code.OwnTokenizer", "own_code.OwnTokenizer"]},
}


def make_model(folder: Path, config: dict[str, object], tokenizer: dict[str, object]) -> Path:
    """Make the default model's folder with code that leaves a file where it runs; return that file's path."""
    (folder / "own").mkdir()
    for file in model_dir(PROJECT / ".cache").iterdir():
        (folder / "own" / file.name).symlink_to(file)
    for name, change in (("config.json", config), ("tokenizer_config.json", tokenizer)):
        path = folder / "own" / name
        changed = json.loads(path.read_text("utf-8")) | change
        path.unlink()
        path.write_text(json.dumps(changed), encoding="utf-8")
    marker = folder / "ran"
    (folder / "own" / "own_code.py").write_text(CODE.format(marker=str(marker)), encoding="utf-8")
    return marker


def load(folder: Path, *, trusting: bool) -> str:
    """Load the model's tokenizer in a process whose terminal says yes to everything; return its last line."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(folder / "own"), "1" if trusting else "0"],
        input="y\n" * 20,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(PROJECT), "HF_HOME": str(folder / "hub"), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "[y/N]" not in done.stdout + done.stderr
    return done.stdout.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("config", "tokenizer", "says"),
    [
        (CONFIG, TOKENIZER, "refused: own comes with Python code of its own"),
        ({}, TOKENIZER, "refused: own comes with Python code of its own"),
        ({"auto_map": CONFIG["auto_map"]}, {}, "loaded"),
    ],
)
def test_code_of_a_model_does_not_run(
    tmp_path: Path, config: dict[str, object], tokenizer: dict[str, object], says: str
) -> None:
    """Where the library can do without it the model loads; else the line names the setting."""
    marker = make_model(tmp_path, config, tokenizer)
    said = load(tmp_path, trusting=False)
    assert said.startswith(says)
    assert ("set trust_remote_code = true" in said) == said.startswith("refused")
    assert not marker.exists()


def test_the_setting_runs_it(tmp_path: Path) -> None:
    """The same folder's code does run where the user says so: the test's code is real."""
    marker = make_model(tmp_path, CONFIG, {})
    assert load(tmp_path, trusting=True) == "loaded"
    assert marker.exists()
