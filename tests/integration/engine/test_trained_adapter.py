"""From labels to rows: an adapter is trained on a tiny model, put in force, and answers through vLLM, merged."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from models import workloads
from models.errors import UsageError
from models.settings import Settings
from models.training.adapter import AdapterJob, train_adapter
from models.training.examples import Example
from tasks.backfill.quote import quote_partition
from tasks.planning.request import RunRequest
from tasks.training.jobs import prompt_before
from tests.adapters_in_force import put_adapter_in_force
from tests.integration.engine.conftest import PROJECT
from tests.integration.pipeline.books import check_sums, findings, table
from tests.integration.pipeline.harness import DAY, published, settings_for, write_records
from tests.ledgers import new_sqlite
from tests.tiny_model import make_tiny_model

pytestmark = [pytest.mark.engine, pytest.mark.long]

NAME = "state"
TABLE = {
    "kind": "label",
    "prompt": "Say in which state it is.",
    "labels": ["fine", "broken"],
    "adapter_prompt": "State?",
    "input": "in.jsonl",
}
LIMITS = {"cpu_kv_cache_gib": 1, "max_model_len": 256, "max_num_seqs": 8, "speculation": False}
RUN = """
import sys
from pathlib import Path
from tests.integration.engine.test_trained_adapter import settings_of
from tasks.planning.request import RunRequest
from tasks.run.run_partition import run_request
from tests.integration.pipeline.harness import DAY
folder = Path(sys.argv[1])
print(run_request(RunRequest("state", DAY, str(folder / "in.jsonl")), settings_of(folder)))
"""


def settings_of(folder: Path) -> Settings:
    """Make settings whose model is the tiny one."""
    url = f"sqlite:///{folder / 'ledger.db'}"
    return settings_for(folder, url, model=str(folder / "tiny"), workloads={NAME: TABLE}, **LIMITS)


@pytest.mark.timeout(900)
def test_a_trained_adapter_answers_merged_through_the_engine(tmp_path: Path) -> None:
    """Under the short prompt that it was trained under, which is all that it reads; rows and ledger name base, adapter and prompt."""
    new_sqlite(tmp_path / "ledger.db")
    make_tiny_model(tmp_path / "tiny")
    settings = settings_of(tmp_path)
    rows = [
        (f"case {n}: it is {'fine' if n % 2 else 'broken'}", "fine" if n % 2 else "broken") for n in range(20)
    ]
    built = workloads.build(NAME, settings)
    job = AdapterJob(
        base=tmp_path / "tiny",
        prompt=prompt_before(built),
        render=str,
        train=[Example(text, label, "labels") for text, label in rows],
        holdout=[],
        folder=tmp_path / "weights",
        seconds=12.0,
        fingerprint=built.adapter_fingerprint,
    )
    found = train_adapter(job, print)
    model = put_adapter_in_force(settings, NAME, tmp_path / "weights", weights_digest=found.weights_digest)
    write_records(tmp_path / "in.jsonl", [{"id": f"r{n}", "text": text} for n, (text, _) in enumerate(rows)])
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path)],
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=800,
    )
    assert done.returncode == 0, done.stderr
    answered = published(settings, NAME).sort("record_key")
    wanted = {f"r{n}": label for n, (_, label) in enumerate(rows)}
    assert dict(zip(answered["record_key"], answered["label"], strict=True)) == wanted
    assert set(answered["model"]) == {f"tiny+{model.name}"}
    names = {row.id: row.name for row in table(settings, "models")}
    (ran,) = (row for row in table(settings, "runs") if row.purpose == "production")
    assert names[ran.model_id] == f"tiny+{model.name}"
    prompts = {row.id: row.fingerprint for row in table(settings, "prompts")}
    lines = [line for line in table(settings, "ledger_lines") if line.run_id == ran.id]
    assert {prompts[line.prompt_id] for line in lines} == {built.adapter_fingerprint}
    assert prompts[ran.prompt_id] == built.fingerprint
    quoted = quote_partition(RunRequest(NAME, DAY, str(tmp_path / "in.jsonl"), rerun=True), settings)
    assert quoted.input_tokens.value == sum(line.input_tokens for line in lines)
    plain = settings.model_copy(
        update={"workloads": {NAME: settings.workloads[NAME].model_copy(update={"adapter_prompt": None})}}
    )
    with pytest.raises(UsageError, match="belongs to another prompt"):
        quote_partition(RunRequest(NAME, DAY, str(tmp_path / "in.jsonl"), rerun=True), plain)
    check_sums(settings)
    assert findings(settings) == []
