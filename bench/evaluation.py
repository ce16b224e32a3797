"""Two evaluations on real labelled records: the small model against the same model behind an API.

`python -m bench.evaluation [RECORDS]` (default 300 of each). The API is vLLM's own server in another process with the
same weights: it is asked by its JSON schema and without the correction of the prior, so that the two differ as
two settings of one model do. Its price is that of gpt-4o-mini, which decides nothing but the cost shown.
"""

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from bench.labelled import INTENTS, SENTIMENT, Labelled, natural, read
from bench.model_server import ModelServer
from bench.report import DATA, Finding, Row, publish
from models.default_model import model_dir, prepare
from models.evaluation.figures import Arm, Evaluation
from models.settings import Settings
from tasks.evaluation.run import EvaluationRequest, evaluate
from tasks.evaluation.stored_json import document

RECORDS = 300
SEED = 2026
API = "smollm2-behind-an-api"
NOTES = [
    "Records of the half that no prompt and no prior was chosen on, drawn by a seed.",
    f"{API}: the same weights in vLLM's own API server, asked by JSON schema, without the prior's correction.",
    "Accuracy with Wilson's interval; ratio small/API with Tang's paired score interval (95 %).",
    "usd_per_1000 of the API: at gpt-4o-mini's price; of the small model: at the CPU's price in the catalogue, without loading.",
]


def write_labelled(records: Sequence[Labelled], path: Path) -> Path:
    """Write labelled records as a file that an evaluation reads."""
    pl.DataFrame(
        {"text": [one.text for one in records], "label": [one.label for one in records]}
    ).with_row_index("id").write_csv(path)
    return path


def settings_for(folder: Path, url: str, intents: Sequence[str]) -> Settings:
    """Make settings with a ledger in a folder and the server as the API."""
    return Settings.model_validate(
        {
            "database_url": f"sqlite:///{folder / 'ledger.db'}",
            "output_dir": folder / "out",
            "api_mode": "sync",
            "api_base_url": url,
            "api_key": "none",
            "api_model": API,
            "api_tokenizer": "gpt-4o-mini",
            "api_input_usd_per_mtok": "0.15",
            "api_output_usd_per_mtok": "0.60",
            "api_timeout_seconds": 600.0,
            "api_concurrency": 16,
            "workloads": {"classification": {"labels": list(intents)}},
        }
    )


def row(found: Evaluation, arm: Arm) -> Row:
    """Say in a row what one engine came to."""
    scores, verdict = arm.scores, found.verdict
    interval = None if scores is None else scores.accuracy.interval
    small = arm.name == "small"
    chosen = None if found.threshold is None else found.threshold.chosen
    ratio = None if verdict is None else verdict.interval
    nano = arm.nano_per_thousand
    return {
        "workload": found.workload,
        "engine": arm.name,
        "records": arm.records,
        "answered": arm.answered,
        "accuracy": None if scores is None else scores.accuracy.value,
        "from": None if interval is None else interval.low,
        "to": None if interval is None else interval.high,
        "macro_f1": None if scores is None else scores.macro_f1,
        "ratio": verdict.ratio if small and verdict is not None else None,
        "ratio_from": ratio.low if small and ratio is not None else None,
        "ratio_to": ratio.high if small and ratio is not None else None,
        "verdict": found.viability if small else None,
        "label_more": verdict.more if small and verdict is not None else None,
        "threshold": chosen.threshold if small and chosen is not None else None,
        "usd_per_1000": None if nano is None else nano / 1e9,
        "s_per_1000": arm.seconds_per_thousand,
    }


def summed_up(found: Evaluation) -> dict[str, object]:
    """Return an evaluation without what is long or of this machine: the curve, labels one by one, the file's path."""
    whole = json.loads(json.dumps(document(found), default=str))
    for arm in whole["arms"]:
        arm["scores"] = {name: arm["scores"][name] for name in ("accuracy", "macro_f1")}
    whole["threshold"].pop("curve")
    return {name: value for name, value in whole.items() if name not in {"labels_path", "labels"}}


def main() -> None:
    """Evaluate both workloads and publish."""
    if not DATA.exists():
        print("evaluation skipped: ../shared/data is not there")
        return
    size = int(sys.argv[1]) if len(sys.argv) > 1 else RECORDS
    default = Settings()
    prepare(default.cache_dir)
    samples = {
        "sentiment": natural(read(SENTIMENT, "sentiment", "report"), size, SEED),
        "classification": natural(read(INTENTS, "intent", "report"), size, SEED),
    }
    intents = sorted(pl.read_parquet(INTENTS, columns=["intent"])["intent"].unique())
    rows: list[Row] = []
    documents: dict[str, object] = {}
    with tempfile.TemporaryDirectory(prefix="breakeven-bench-") as name:
        folder = Path(name)
        with ModelServer(model_dir(default.cache_dir), folder / "server.log", name=API) as server:
            settings = settings_for(folder, server.url, intents)
            for workload, records in samples.items():
                source = write_labelled(records, folder / f"{workload}.csv")
                found = evaluate(
                    EvaluationRequest(workload, str(source)),
                    settings,
                    say=lambda line: print(line, flush=True),
                )
                rows += [row(found, arm) for arm in found.arms]
                documents[workload] = summed_up(found)
    used = {
        "records": size,
        "seed": SEED,
        "api": API,
        "evaluations": documents,
    }
    publish(
        Finding("evaluation", "Small model against API model on real labelled records", rows, used, NOTES)
    )


if __name__ == "__main__":
    main()
