"""What is installed beside the engine: nothing that every start would pay for, and nothing that stops the schedules."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements"


@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_the_product_installs_no_scipy(device: str) -> None:
    """Where scipy or scikit-learn is installed, `from vllm import LLM` imports it, for seconds (decision 0012)."""
    names = set(re.findall(r"^([a-z0-9-]+)==", (REQUIREMENTS / f"{device}.txt").read_text(), re.MULTILINE))
    assert names >= {"prefect", "numpy"}
    assert not names & {"scipy", "scikit-learn"}


@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_sqlalchemy_is_one_on_which_prefect_schedules(device: str) -> None:
    """On 2.1 the scheduler of Prefect 3.7 fails at each pass, and no schedule ever fires (test_schedules.py)."""
    (pinned,) = re.findall(
        r"^sqlalchemy==(\d+)\.(\d+)", (REQUIREMENTS / f"{device}.txt").read_text(), re.MULTILINE
    )
    assert tuple(map(int, pinned)) < (2, 1)


def test_an_evaluations_statistics_need_neither() -> None:
    """Scores, calibration, verdict and threshold run where neither can be imported, beside the command line."""
    script = """
import sys
sys.modules.update(sklearn=None, scipy=None)
import cli
from models.evaluation.calibration import calibrate
from models.evaluation.metrics import compute_scores
from models.evaluation.threshold import choose_threshold
from models.evaluation.verdict import compare
sure, right = [0.1, 0.9] * 10, [False, True] * 10
assert compute_scores(["a", "b"], ["a", "b"], ["a", None]).macro_f1 == 0.5
assert calibrate(sure, right).calibrated_brier is not None
assert compare("small", "api", right, right).ratio == 1
assert choose_threshold(sure, right, right, None, None).curve
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
