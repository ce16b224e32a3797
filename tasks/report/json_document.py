"""The report as JSON: all figures, for programs. Money is decimal strings of dollars, in all digits.

Keys are those of `models.economics.figures`, with units that programs read: `*_nano` becomes `*_usd` (a string),
`*_ns` becomes `*_s` (a string of seconds), a ratio is a string with twelve digits that count, a day is
`YYYY-MM-DD`, unknown is null. `schema_version` grows when a key is renamed, removed or changes its meaning; new keys may come.
"""

from datetime import UTC

from models.economics.figures import MonthFigures
from tasks.documents.page import Page
from tasks.documents.plain_json import Json, list_members, plain, plain_nano
from tasks.report.audit_section import audits_to_json
from tasks.report.month_report import MonthReport
from tasks.report.training_section import training_to_json

SCHEMA_VERSION = 2


def make_document(report: MonthReport, page: Page) -> dict[str, Json]:
    """Return the whole report: which version it is, its words in short, all figures, and what they stand on."""
    return {
        "schema_version": SCHEMA_VERSION,
        "month": f"{report.figures.month:%Y-%m}",
        "version": report.version,
        "created_at": report.created_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "software": report.software,
        "fingerprint": report.fingerprint,
        "changes": list(report.changes),
        "answer": report.figures.verdict.answer,
        "verdict": page.verdict,
        "recommendation": _recommend(report.figures),
        "notes": [
            {"weight": item.mark, "text": item.text}
            for section in page.sections
            if section.key == "notes"
            for item in section.items
        ],
        "figures": figures_to_json(report.figures),
        "audits": audits_to_json(report.inputs),
        "training": training_to_json(report.inputs),
        "terms": {
            "infrastructure": [plain(one) for one in report.inputs.terms],
            "labour": [plain(one) for one in report.inputs.labour],
            "references": [plain(one) for one in report.inputs.references],
            "bill_usd": plain_nano(report.inputs.bill_nano),
        },
    }


def _recommend(figures: MonthFigures) -> dict[str, Json]:
    """Say what to do, for programs; `way` and `against` are names of `figures.scenarios`."""
    advice = figures.recommendation
    return {
        "action": advice.action,
        "way": advice.way,
        "against": advice.against,
        "saving_usd": plain_nano(advice.saving_nano),
        "low_usd": plain_nano(advice.low_nano),
        "high_usd": plain_nano(advice.high_nano),
        "certain": advice.certain,
        "conditional_on": list(advice.conditional_on),
        "workloads": list(advice.workloads),
        "per_workload": [
            {
                "workload": one.workload,
                "avoidable_usd": plain_nano(one.avoidable_nano),
                "api_usd": plain_nano(one.api_nano),
                "answer": one.answer,
            }
            for one in advice.per_workload
        ],
    }


def figures_to_json(figures: MonthFigures) -> dict[str, Json]:
    """Return the figures alone."""
    return dict(list_members(figures))
