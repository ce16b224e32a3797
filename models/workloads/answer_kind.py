"""What a workload answers, whether settings or Python describe it, and the labels that it knows."""

from models.settings.workload import Kind
from models.workloads.base import Workload
from models.workloads.labels_workload import LabelsWorkload


def answer_kind(workload: Workload) -> Kind:
    """Return the kind of a workload's answers; one in Python that has labels answers one of them."""
    return workload.kind if workload.labels is None else "label"


def known_labels(workload: Workload) -> tuple[str, ...]:
    """Return the labels that a workload can answer, none for objects and texts."""
    return workload.label_set if isinstance(workload, LabelsWorkload) else workload.labels or ()


def answers_labels(workload: Workload) -> bool:
    """Whether answers are labels, one or several, which are right or wrong and cannot be judged otherwise."""
    return answer_kind(workload) in ("label", "labels")
