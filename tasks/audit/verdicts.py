"""What people said of answers that were shown to them: objects and texts, which they find right or wrong, and may mend."""

from collections.abc import Iterable, Sequence

from models.requests import JsonValue
from models.workloads.base import Workload
from tasks.audit.agreement import agrees
from tasks.labelling.cells import plain
from tasks.labelling.people_file import PersonsLabel
from tasks.labelling.references import canonical


def verdict(workload: Workload, line: PersonsLabel, published: JsonValue) -> bool | None:
    """Return whether a person finds an answer right: what he said of it, else whether it agrees with what he wrote of its text; None: unknown."""
    if line.right is not None and canonical(plain(line.shown)) == canonical(plain(published)):
        return line.right
    return None if line.label is None else agrees(workload, published, line.label)


def what_most_say(workload: Workload, lines: Iterable[PersonsLabel], published: JsonValue) -> bool | None:
    """Return whether most people find an answer right; None where nobody said it, or as many say the one as the other."""
    return _majority([verdict(workload, line, published) for line in lines])


def _majority(said: Sequence[bool | None]) -> bool | None:
    right, wrong = said.count(True), said.count(False)
    return None if right == wrong else right > wrong
