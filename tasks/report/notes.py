"""What a reader must know of the figures, in words: how good the data are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from models.economics.figures import MonthFigures, Note, NoteCode
from models.gpu_time import NS_PER_SECOND
from tasks.documents.amounts import hours, join_words, plural, usd
from tasks.report.sentences import SCENARIOS, month_name, name_covered_days

Weight = Literal["Incomplete", "Estimated", "Assumed", "Good to know"]
"""How a note bears on the figures, heaviest first."""

WEIGHTS: Mapping[NoteCode, Weight] = {
    "unknown_counterfactual": "Incomplete",
    "unknown_api_cost": "Incomplete",
    "upper_bounds": "Incomplete",
    "partial_month": "Estimated",
    "counterfactual_estimated": "Estimated",
    "estimated_usage": "Estimated",
    "more_gpus_needed": "Estimated",
    "gpu_time_over_bill": "Estimated",
    "counterfactual_basis": "Estimated",
    "assumed_rate": "Assumed",
    "assumed_labour": "Assumed",
    "reference_rate": "Assumed",
    "bill_not_entered": "Assumed",
    "spot_assumed": "Assumed",
    "spot_measured": "Estimated",
    "not_evaluated": "Assumed",
    "undecided": "Assumed",
}
LISTED: frozenset[NoteCode] = frozenset({"not_evaluated", "undecided", "bound"})
ORDER: tuple[Weight, ...] = ("Incomplete", "Estimated", "Assumed", "Good to know")


def weigh(note: Note) -> Weight:
    """Tell how a note bears on the figures."""
    return WEIGHTS.get(note.code, "Good to know")


def describe_notes(figures: MonthFigures) -> list[tuple[Weight, str]]:
    """Return every note with its weight and its sentence, the heaviest first; what holds of several is said once."""
    told = [(weigh(note), describe_note(note, figures)) for note in _gather(figures.notes)]
    return sorted(told, key=lambda one: ORDER.index(one[0]))


def _gather(notes: Sequence[Note]) -> list[Note]:
    """Put notes of one code that differ by nothing but their text together, as one that lists the texts."""
    texts: dict[NoteCode, list[str]] = {}
    for note in notes:
        if note.code in LISTED and note.text is not None:
            texts.setdefault(note.code, []).append(note.text)
    seen = set()
    gathered = []
    for note in notes:
        if note.code not in texts:
            gathered.append(note)
        elif note.code not in seen:
            seen.add(note.code)
            gathered.append(replace(note, text=join_words(texts[note.code])))
    return gathered


def describe_note(note: Note, figures: MonthFigures) -> str:
    """Say one note in a sentence. Raises `KeyError` for a code that has no words."""
    return _SENTENCES[note.code](note, figures)


def _partial(_: Note, figures: MonthFigures) -> str:
    return (
        f"The month is not over: counts, tokens and GPU time are those of {name_covered_days(figures)}; costs are"
        " projected to the whole month at the same pace."
    )


def _unknown_counterfactual(note: Note, _: MonthFigures) -> str:
    left_out = "is not known and left out, so the API's costs are at least what is shown"
    return f"What {plural(note.count or 0, 'attempt')} would have cost on the API {left_out}."


def _counterfactual_estimated(note: Note, _: MonthFigures) -> str:
    records = plural(note.count or 0, "record")
    return (
        f"What the API would have charged for the {records} that your own model answered is an estimate: their"
        " tokens, counted by the API model's own tokenizer."
    )


def _estimated_usage(note: Note, _: MonthFigures) -> str:
    holds = "holds" if note.count == 1 else "hold"
    return f"{plural(note.count or 0, 'attempt')} {holds} an estimate of tokens or cost instead of what was reported."


def _upper_bounds(note: Note, _: MonthFigures) -> str:
    attempts = plural(note.count or 0, "attempt")
    state = f"{attempts} whose outcome is not known yet, or never will be"
    return f"{usd(note.nano)} of what was paid to the API is the most it can have been ({state})."


def _unknown_api_cost(note: Note, _: MonthFigures) -> str:
    return f"What {plural(note.count or 0, 'attempt')} really cost on the API is not known and left out."


def _rate_unknown(note: Note, _: MonthFigures) -> str:
    name = next((name for key, name in SCENARIOS.items() if key == note.text), note.text or "one way")
    return f"{name}: there is no rate for it, so what it would cost is not known."


def _spot(note: Note, _: MonthFigures) -> str:
    times = plural(note.count, "interruption") if note.count else "less than one interruption"
    return (
        f"On spot machines {times} would be expected ({note.text}), whose loads and work are done again"
        f" for {usd(note.nano)} of that way's cost."
    )


def _bill_not_entered(note: Note, figures: MonthFigures) -> str:
    by_rate = (
        f"The bill of {month_name(figures.month)} was not entered; the machine's cost ({usd(note.nano)})"
    )
    return f"{by_rate} is computed from its rate. To enter it: breakeven infrastructure bill."


def _price_changed(note: Note, _: MonthFigures) -> str:
    each = "each attempt is priced at the price of its day"
    return f"The API had {plural(note.count or 0, 'price')} for {note.text} in the month; {each}."


def _gpu_time_over_bill(note: Note, _: MonthFigures) -> str:
    over = hours((note.count or 0) * NS_PER_SECOND)
    return f"Runs held {over} more machine time than was billed: the terms name too few machines or days."


def _more_gpus_needed(note: Note, figures: MonthFigures) -> str:
    needed, paid = plural(note.count or 0, "machine"), plural(figures.capacity.gpus, "machine")
    return f"As measured, this volume needs {needed}; {paid} {'is' if figures.capacity.gpus == 1 else 'are'} paid for."


def _not_viable(note: Note, _: MonthFigures) -> str:
    there = f"its work ({usd(note.nano)} there at once) counts on the API in every way that serves the month"
    return (
        f"The small model is not good enough for {note.text}, and nothing sends on what it may miss; {there}."
    )


def _not_viable_routed(note: Note, _: MonthFigures) -> str:
    sent = f"its policy sent {plural(note.count or 0, 'record')} to the API, and it counts as it ran"
    return f"The small model alone is not good enough for {note.text}; {sent}."


def _quarantined(note: Note, _: MonthFigures) -> str:
    were, them = ("was", "it") if note.count == 1 else ("were", "them")
    return f"{plural(note.count or 0, 'record')} {were} set aside before an engine answered {them}, and cost nothing."


def _quarantined_answered(note: Note, _: MonthFigures) -> str:
    had, their = (
        ("was set aside after an engine had answered it", "its attempts")
        if note.count == 1
        else ("were set aside after an engine had answered them", "their attempts")
    )
    return f"{plural(note.count or 0, 'record')} {had}; {their} cost {usd(note.nano)}, which is part of what was spent."


def _fixed(text: str) -> Callable[[Note, MonthFigures], str]:
    """Return a sentence in which only the note's text (`{}`) varies."""
    return lambda note, _: text.format(note.text or "")


_SENTENCES: Mapping[NoteCode, Callable[[Note, MonthFigures], str]] = {
    "partial_month": _partial,
    "no_usage": lambda _, figures: f"No record was served in {name_covered_days(figures)}.",
    "no_gpu": lambda _, figures: f"No machine ran or was paid for in {name_covered_days(figures)}.",
    "unknown_counterfactual": _unknown_counterfactual,
    "counterfactual_estimated": _counterfactual_estimated,
    "estimated_usage": _estimated_usage,
    "upper_bounds": _upper_bounds,
    "unknown_api_cost": _unknown_api_cost,
    "assumed_rate": _fixed(
        "The rate of {} was never entered; it is the one that settings or the catalogue name. To enter it:"
        " breakeven infrastructure set."
    ),
    "assumed_labour": lambda note, _: (
        f"What people's time costs was never entered; {usd(note.nano)} a month stands on the settings' defaults."
        " To enter it: breakeven infrastructure labour."
    ),
    "reference_rate": _fixed("The way of paying that was not in force is priced by a reference: {}."),
    "rate_unknown": _rate_unknown,
    "spot_assumed": lambda note, figures: (
        f"{_spot(note, figures)} How often is assumed; yours: BREAKEVEN_SPOT__INTERRUPTIONS_PER_HOUR."
    ),
    "spot_measured": lambda note, figures: f"{_spot(note, figures)} So it was measured on spot machines.",
    "bill_not_entered": _bill_not_entered,
    "bill_entered": lambda note, figures: (
        f"The machine's cost is the bill of {month_name(figures.month)} as entered: {usd(note.nano)}."
    ),
    "mode_changed": _fixed(
        "Machines were paid for in several ways, on different days or of different kinds."
    ),
    "price_changed": _price_changed,
    "free_api": _fixed("The API's price of {} is zero, so nothing can be cheaper."),
    "free_gpu": _fixed("The machine's rate is zero: only people's time and the API are counted."),
    "other_machine": _fixed(
        "Some runs used a machine for which no terms are entered: {}. It is billed at the rate that the runs were"
        " accounted at."
    ),
    "gpu_time_over_bill": _gpu_time_over_bill,
    "more_gpus_needed": _more_gpus_needed,
    "not_evaluated": _fixed(
        "Whether the small model is good enough for {} was not evaluated, which counts as replaceable."
    ),
    "undecided": _fixed(
        "The evaluation of {} is undecided, which counts as replaceable: more labels are needed."
    ),
    "not_viable": _not_viable,
    "not_viable_routed": _not_viable_routed,
    "bound": _fixed(
        "The records of {} may not leave, so no way of the API is open; its costs there are shown to compare."
    ),
    "counterfactual_basis": _fixed("{}."),
    "model_ends": _fixed("{}."),
    "price_moved": lambda note, _: f"Since the month before, {note.text}.",
    "quarantined": _quarantined,
    "quarantined_answered": _quarantined_answered,
    "evaluations": lambda note, figures: (
        f"Evaluations and trials cost {usd(note.nano)} in {name_covered_days(figures)}, machine and API; that is in no other figure here."
    ),
    "training": lambda note, figures: (
        f"Training cost {usd(note.nano)} in {name_covered_days(figures)}; that is in no way's cost."
    ),
    "audits": lambda note, figures: (
        f"Audits cost {usd(note.nano)} in {name_covered_days(figures)}; that is in no way's cost."
    ),
}
