"""What an audit came to, in one line."""

from tasks.audit.request import AuditResult
from tasks.display.run_rows import describe_counts
from tasks.documents.amounts import plural, usd


def describe_audit(found: AuditResult) -> str:
    """Say what an audit of a partition came to."""
    name = f"{found.workload} {found.partition}"
    match found.state:
        case "nothing":
            left = (
                f": the text of {plural(found.changed, 'drawn record')} has changed, or was read from another input, which --input names"
                if found.changed
                else ""
            )
            return f"{name}: no record was audited{left or ': none was drawn of those that were served without the API'}"
        case "waiting":
            waits = describe_counts(found.waiting) or "its records"
            return f"{name}: its audit waits for the API ({waits}); `breakeven collect` takes it up"
        case "audited":
            rest = "".join(
                f", {plural(count, 'record')} {why}"
                for count, why in ((found.unanswered, "without an answer"), (found.changed, "changed since"))
                if count
            )
            return f"{name}: the API agrees on {found.agreeing:,} of {plural(found.audited, 'record')}{rest}; {usd(found.cost_nano)}"
