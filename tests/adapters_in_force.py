"""An adapter in a ledger as if it had been trained: its row, its run, and folders that stand for its weights."""

from pathlib import Path

from models import workloads
from models.default_model import model_name
from models.settings import Settings
from models.training.trained import TrainedModel, digest_of_labels, trained_folder
from models.training.weights_note import ADAPTER, MERGED, WeightsNote
from models.workloads.answer_kind import known_labels
from tests.trained_models import put_trained_in_force

WEIGHTS = "0123456789abcdef"


def put_adapter_in_force(
    settings: Settings, workload: str, weights: Path | None = None, **changed: object
) -> TrainedModel:
    """Register an adapter of a workload as it is set now, lay its weights there (or what stands for some), and put it in force."""
    own = settings.for_workload(workload)
    built = workloads.build(workload, own)
    usual: dict[str, object] = {
        "base": model_name(own),
        "prompt_version": built.adapter_prompt.version,
        "prompt_fingerprint": built.adapter_fingerprint,
        "labels_digest": digest_of_labels(known_labels(built)),
        "weights_digest": WEIGHTS,
    }
    model = put_trained_in_force(settings, workload, "adapter", **(usual | changed))
    folder = trained_folder(settings.output_dir, workload, model.name)
    if weights is None:
        write_weights(folder, model_name(own), built.adapter_fingerprint)
    else:
        folder.parent.mkdir(parents=True)
        weights.rename(folder)
    return model


def write_weights(folder: Path, base: str, prompt: str = "") -> None:
    """Write what stands for an adapter and for the merged model."""
    for name, main in ((ADAPTER, "adapter_config.json"), (MERGED, "config.json")):
        (folder / name).mkdir(parents=True)
        (folder / name / main).write_text('{"r": 16}')
        (folder / name / "adapter_model.safetensors").write_bytes(b"weights")
        WeightsNote(base, WEIGHTS, prompt).write(folder / name)
