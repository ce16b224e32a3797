"""The report's part on each workload: whether it pays where it is, its share of full cost, and what served its records."""

from fractions import Fraction

from models.economics.figures import MonthFigures, WorkloadFigures
from tasks.documents.amounts import count, percent, usd
from tasks.documents.page import Section, Table
from tasks.report.sentences import SHORT_ANSWERS

VIABILITY = {
    "viable": "good enough",
    "not_viable": "not good enough",
    "undecided": "undecided",
    None: "not evaluated",
}
"""What the evaluation, or audits, said of the small model."""
BASES = {"labels": ", by labels", "audits": ", by audits", "people": ", by people's audits", None: ""}
"""What that rests on."""
EXPLAINED = (
    (
        "Avoidable is what stops if this workload alone leaves: its sessions, its API attempts, a machine that only it needs."
        " It pays where that is less than its cheapest way on the API."
    ),
    (
        "The share of full cost divides the machine's bill and people's time by the time that each kept the machine busy. It"
        " stays to be paid if one workload leaves, so no answer stands on it."
    ),
)


def make_workloads_section(figures: MonthFigures) -> Section | None:
    """Return the section; None for a month without workloads."""
    if not figures.workloads:
        return None
    costs = Table(
        "What each workload costs, and what would stop with it",
        ("Workload", "On the API", "Avoidable here", "Saves", "Answer", "Small model", "Share of full cost"),
        tuple(map(_cost_row, figures.workloads)),
        prose=frozenset({4, 5}),
    )
    served = Table(
        "What served its records",
        (
            "Workload",
            "Records",
            "Own model",
            "API",
            "Reused",
            "Set aside",
            "Own share",
            "Tokens, own",
            "Tokens, API",
        ),
        tuple(map(_served_row, figures.workloads)),
    )
    return Section("workloads", "By workload", EXPLAINED, "workloads", (costs, served))


def _cost_row(one: WorkloadFigures) -> tuple[str, ...]:
    advice, bound = one.advice, "at least " if one.missing else ""
    saves = None if advice.avoidable_nano is None else advice.api_nano - advice.avoidable_nano
    return (
        one.workload,
        f"{bound}{usd(advice.api_nano)}",
        usd(advice.avoidable_nano),
        usd(saves),
        SHORT_ANSWERS[advice.answer],
        f"{VIABILITY[one.viability]}{BASES[one.basis]}{', routed' if one.viability == 'not_viable' and one.routed else ''}",
        usd(one.total_nano),
    )


def _served_row(one: WorkloadFigures) -> tuple[str, ...]:
    answered = one.local + one.api
    share = percent(Fraction(one.local, answered)) if answered else ""
    numbers = (one.records, one.local, one.api, one.reused, one.quarantined)
    return (
        one.workload,
        *map(count, numbers),
        share,
        count(one.local_tokens.total),
        count(one.api_tokens.total),
    )
