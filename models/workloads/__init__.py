"""The workloads: one file each. Adding a file here adds a workload; nothing else needs an edit."""

from models.workloads.base import Workload
from models.workloads.registry import build, description, names

__all__ = ["Workload", "build", "description", "names"]
