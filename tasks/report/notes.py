"""What a reader must know of the figures, in words: how good the data are. Pure."""

from collections.abc import Callable, Mapping
from typing import Literal

from models.economics.figures import MonthFigures, Note, NoteCode
from tasks.report.amounts import plural, usd
from tasks.report.words import covered, month_name

Weight = Literal["Incomplete", "Estimated", "Assumed", "Good to know"]
"""How a note bears on the figures, heaviest first."""

WEIGHTS: Mapping[NoteCode, Weight] = {
    "unknown_counterfactual": "Incomplete",
    "unknown_api_cost": "Incomplete",
    "upper_bounds": "Incomplete",
    "rate_unknown": "Incomplete",
    "partial_month": "Estimated",
    "counterfactual_estimated": "Estimated",
    "estimated_usage": "Estimated",
    "more_gpus_needed": "Estimated",
    "gpu_time_over_bill": "Estimated",
    "assumed_rate": "Assumed",
    "assumed_labour": "Assumed",
    "reference_rate": "Assumed",
    "bill_not_entered": "Assumed",
    "not_evaluated": "Assumed",
    "undecided": "Assumed",
}
ORDER: tuple[Weight, ...] = ("Incomplete", "Estimated", "Assumed", "Good to know")


def weight(note: Note) -> Weight:
    """Tell how a note bears on the figures."""
    return WEIGHTS.get(note.code, "Good to know")


def in_words(figures: MonthFigures) -> list[tuple[Weight, str]]:
    """Return every note with its weight and its sentence, the heaviest first."""
    told = [(weight(note), sentence(note, figures)) for note in figures.notes]
    return sorted(told, key=lambda one: ORDER.index(one[0]))


def sentence(note: Note, figures: MonthFigures) -> str:
    """Say one note in a sentence. Raises `KeyError` for a code that has no words."""
    return _SENTENCES[note.code](note, figures)


def _of(note: Note) -> str:
    return f" of {note.text}" if note.text else ""


def _partial(_: Note, figures: MonthFigures) -> str:
    return (
        f"The month is not over: counts, tokens and GPU time are those of {covered(figures)}; costs are"
        " projected to the whole month at the same pace."
    )


_SENTENCES: Mapping[NoteCode, Callable[[Note, MonthFigures], str]] = {
    "partial_month": _partial,
    "no_usage": lambda _, figures: f"No request was answered in {covered(figures)}.",
    "no_gpu": lambda _, figures: f"No machine ran or was paid for in {covered(figures)}.",
    "unknown_counterfactual": lambda note, _: (
        f"What {plural(note.count or 0, 'attempt')}{_of(note)} would have cost on the API is not known and left out,"
        " so the API's costs are at least what is shown."
    ),
    "counterfactual_estimated": lambda note, _: (
        "What the API would have charged is an estimate: tokens counted by the API model's own tokenizer, at"
        f" the price of each day{_attempts(note)}."
    ),
    "estimated_usage": lambda note, _: (
        f"{plural(note.count or 0, 'attempt')}{_of(note)} {_holds(note)} an estimate instead of what was reported."
    ),
    "upper_bounds": lambda note, _: (
        f"{usd(note.nano)} of what was paid to the API{_of(note)} is the most it can have been"
        f" ({plural(note.count or 0, 'attempt')} pending, or of unknown outcome)."
    ),
    "unknown_api_cost": lambda note, _: (
        f"What {plural(note.count or 0, 'attempt')}{_of(note)} cost on the API is not known and left out."
    ),
    "assumed_rate": lambda note, _: (
        f"The rate{_of(note)} was never entered; it is the one that the runs were accounted at"
        f"{_amount(note, 'an hour')}. Enter it with `breakeven infrastructure set`."
    ),
    "assumed_labour": lambda note, _: (
        f"What people's time costs was never entered; the settings' defaults stand for it{_amount(note, 'a month')}."
        " Enter it with `breakeven infrastructure labour`."
    ),
    "reference_rate": lambda note, _: (
        f"The way of paying that was not in force is priced by a reference{f': {note.text}' if note.text else ''}."
    ),
    "rate_unknown": lambda note, _: (
        f"There is no rate{f' for {note.text}' if note.text else ''}, so what it would cost is not known."
    ),
    "bill_not_entered": lambda note, figures: (
        f"The bill of {month_name(figures.month)} was not entered; the cost of the machine is computed from its"
        f" rate{_amount(note)}. Enter it with `breakeven infrastructure bill`."
    ),
    "bill_entered": lambda note, figures: (
        f"The cost of the machine is the bill of {month_name(figures.month)} as entered{_amount(note)}."
    ),
    "mode_changed": lambda _, __: "The machine was paid for in two ways, on different days of the month.",
    "price_changed": lambda note, _: (
        f"The API's price changed in mid-month{_for(note)}; each attempt is priced at the price of its day."
    ),
    "free_api": lambda note, _: f"The API's price is zero{_for(note)}: nothing can be cheaper.",
    "free_gpu": lambda note, _: f"The machine's rate is zero{_for(note)}: only people's time is counted.",
    "other_machine": lambda note, _: (
        f"Some runs used a machine that is in no terms{f': {note.text}' if note.text else ''}; it is billed at the"
        " rate that the runs were accounted at."
    ),
    "gpu_time_over_bill": lambda _, __: (
        "Runs held more GPU time than was billed: the terms that were entered name too few machines or days."
    ),
    "more_gpus_needed": lambda note, _: (
        f"This volume needs {plural(note.count or 0, 'machine')}, more than are paid for; the self-hosted costs"
        " contain them."
    ),
    "not_evaluated": lambda note, _: (
        f"Whether the small model is good enough for {note.text or 'a workload'} was not evaluated; it counts as"
        " replaceable."
    ),
    "undecided": lambda note, _: (
        f"The evaluation of {note.text or 'a workload'} is undecided: more labels are needed; it counts as replaceable."
    ),
    "not_viable": lambda note, _: (
        f"The small model is not good enough for {note.text or 'a workload'}; it is left out of what self-hosting"
        " can replace."
    ),
    "quarantined": lambda note, _: (
        f"{plural(note.count or 0, 'record')} {'was' if note.count == 1 else 'were'} set aside before any engine"
        " saw them, and cost nothing."
    ),
}


def _attempts(note: Note) -> str:
    return f" ({plural(note.count, 'attempt')})" if note.count else ""


def _holds(note: Note) -> str:
    return "holds" if note.count == 1 else "hold"


def _for(note: Note) -> str:
    return f" ({note.text})" if note.text else ""


def _amount(note: Note, per: str = "") -> str:
    return "" if note.nano is None else f" ({usd(note.nano)}{f' {per}' if per else ''})"
