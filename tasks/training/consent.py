"""Whether an API's answers may be trained on: asked once for each model that answered, and kept in a file."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from models.errors import OutputError, UsageError
from models.settings import Settings
from models.training.trained import Teacher
from models.workloads.base import Workload
from tasks.documents.amounts import join_words
from tasks.runtime.atomic_files import replace_file
from tasks.training.api_answers import teaching_models

FILE = "consent.json"


def models_to_ask(workload: Workload, settings: Settings, teacher: Teacher) -> list[str]:
    """Return the API models whose answers a training would use and to which nobody has consented yet."""
    if teacher == "labels":
        return []
    return _missing(settings, teaching_models(workload, settings))


def question(models: Sequence[str]) -> str:
    """Ask whether these models' answers may be trained on."""
    return (
        f"train on answers of {join_words(list(models))}? The terms of an API's provider may forbid to train a model on its answers "
        "(docs/training.md#what-providers-say): look at yours. You are asked once"
    )


def check_consent(settings: Settings, models: Sequence[str], *, given: bool) -> None:
    """See that all these models' answers may be trained on; `given`: they may, which is kept. Raises `UsageError`, `OutputError`."""
    missing = _missing(settings, models)
    if not missing:
        return
    if not given:
        msg = (
            f"nobody has said yet that answers of {join_words(missing)} may be trained on, which the terms of their provider "
            "may forbid (docs/training.md#what-providers-say): add --yes once you know that they may, or train with --teacher labels"
        )
        raise UsageError(msg)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    kept = {**_read(settings), **dict.fromkeys(missing, now)}
    with replace_file(_path(settings)) as half:
        half.write_text(json.dumps({"models": kept}, indent=1, ensure_ascii=False), encoding="utf-8")


def _missing(settings: Settings, models: Sequence[str]) -> list[str]:
    kept = _read(settings)
    return [name for name in models if name not in kept]


def _read(settings: Settings) -> dict[str, str]:
    """Return to which models somebody consented, and when. Raises `OutputError` for a file that is damaged."""
    path = _path(settings)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["models"]
        return {str(name): str(at) for name, at in found.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        msg = f"{path}, which says whose answers may be trained on, cannot be read: delete it, and you are asked again"
        raise OutputError(msg) from error


def _path(settings: Settings) -> Path:
    return settings.output_dir / "trained" / FILE
