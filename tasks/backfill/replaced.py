"""Says why published partitions are run again: what has changed since they were published, and when that was."""

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy.orm import Session

from db.partitions import PartitionVersion
from db.published_prompts import find_prompt
from models.backfill import Replaced, Step
from models.default_model import model_name
from tasks.documents.amounts import plural
from tasks.planning.checks import Checked

_WHAT = {
    "wording": "the wording of {workload} has changed since",
    "model": "another model answers now",
    "settings": "other settings decide the answers now (input, condition, limit, seed, policy, classifier or the API's model)",
}


def find_replaced(checked: Checked, version: PartitionVersion, session: Session) -> Replaced:
    """Find what differs between a published version and what a run would publish now."""
    known = find_prompt(session, checked.workload.name, version.id)
    workload, at = checked.workload, version.published_at
    if known is not None:
        named, fingerprint, model = known
        if fingerprint != workload.fingerprint:
            now = workload.prompt_version
            same = f" ({workload.fingerprint[:8]})" if named == now else ""
            return Replaced("wording", f"version {named}", f"version {now}{same}", at)
        if model != model_name(checked.settings):
            return Replaced("model", model, model_name(checked.settings), at)
    return Replaced("settings", "", "", at)


def describe_replaced(workload: str, steps: Iterable[Step]) -> list[str]:
    """Return a line for each thing that has changed: how many partitions it makes run again, and since when."""
    groups: defaultdict[tuple[str, str, str], list[Step]] = defaultdict(list)
    for step in steps:
        if step.replaced is not None:
            groups[step.replaced.what, step.replaced.before, step.replaced.now].append(step)
    return [_line(workload, *key, own) for key, own in sorted(groups.items())]


def _line(workload: str, what: str, before: str, now: str, steps: list[Step]) -> str:
    days = sorted(step.partition for step in steps)
    times = [step.replaced.published_at for step in steps if step.replaced and step.replaced.published_at]
    since = f"published {min(times):%Y-%m-%d}" if times else "published before"
    if times and max(times).date() != min(times).date():
        since = f"published {min(times):%Y-%m-%d} to {max(times):%Y-%m-%d}"
    range_ = str(days[0]) if len(days) == 1 else f"{days[0]} to {days[-1]}"
    then = f": {before} then, {now} now" if before else ""
    verb = "is" if len(days) == 1 else "are"
    return f"{plural(len(days), 'partition')} ({range_}, {since}) {verb} run again because {_WHAT[what].format(workload=workload)}{then}"
