"""The workloads: what is asked of a model, and what is made of its answer."""

from models.workloads.base import Workload
from models.workloads.registry import build, description, names

__all__ = ["Workload", "build", "description", "names"]
