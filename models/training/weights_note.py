"""What lies beside the weights of a trained adapter: of which base it is, and the digest of what was trained."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

ADAPTER, MERGED = "adapter", "merged"
"""Folders of a trained adapter: as peft saves it, and merged into its base."""
NOTE = "trained.json"


@dataclass(frozen=True, slots=True)
class WeightsNote:
    """The name of the base model, the digest of the adapter's weights, and the fingerprint of what it was told and may answer.

    16 hex digits each; `prompt` is empty where it is not known (`Workload.adapter_fingerprint`).
    """

    base: str
    weights: str
    prompt: str = ""

    def write(self, folder: Path) -> None:
        """Write the note into a folder of weights. Raises `OSError`."""
        (folder / NOTE).write_text(json.dumps(asdict(self)), encoding="utf-8")


def read_note(folder: Path | None) -> WeightsNote | None:
    """Return the note of a folder of trained weights, None for any other folder."""
    if folder is None or folder.name not in {ADAPTER, MERGED}:
        return None
    try:
        found = json.loads((folder / NOTE).read_text("utf-8"))
        return WeightsNote(str(found["base"]), str(found["weights"]), str(found.get("prompt", "")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
