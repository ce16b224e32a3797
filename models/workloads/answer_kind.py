"""Whether a workload answers labels, and which it knows."""

from models.workloads.base import Workload
from models.workloads.labels_workload import LabelsWorkload


def known_labels(workload: Workload) -> tuple[str, ...]:
    """Return the labels that a workload can answer, none for objects and texts."""
    return workload.label_set if isinstance(workload, LabelsWorkload) else workload.labels or ()


def answers_labels(workload: Workload) -> bool:
    """Whether answers are labels, one or several, which are right or wrong and cannot be judged otherwise."""
    return workload.kind in ("label", "labels")
