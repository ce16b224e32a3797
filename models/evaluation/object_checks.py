"""What can be counted in objects without knowing the right ones: what the text states, what is filled, where two engines agree."""

from collections import Counter
from collections.abc import Mapping, Sequence

from models.evaluation.objects import Object, find_value
from models.evaluation.wording import normalise_value
from models.grounding.stated import StatedText
from models.requests import JsonValue

Counts = Mapping[str, tuple[int, int]]
"""How many of how many, by what was looked at."""


def check_object(text: str, answer: Object, fields: Sequence[str], grounded: Sequence[str]) -> Counts:
    """Look at one object that an engine answered to `text`: how many of how many, by what was looked at.

    For each path of `grounded` its values that the text states, as the check of that name decides, and whether it holds none that
    the text does not; for each of `fields` whether it is filled, and of a list that is, whether its members all differ.
    """
    stated = StatedText(text)
    found: dict[str, tuple[int, int]] = {}
    for path in grounded:
        values = _leaves(find_value(answer, path))
        known = sum(map(stated.states, values))
        found[f"{path}: values that the text states"] = known, len(values)
        found[f"{path}: records without an invented value"] = int(known == len(values)), 1
    for name in fields:
        value = answer.get(name)
        members = [normalise_value(one) for one in value] if isinstance(value, list) else []
        found[f"{name}: records in which it is filled"] = int(normalise_value(value) is not None), 1
        if members:
            found[f"{name}: lists whose members all differ"] = int(len(set(members)) == len(members)), 1
    return found


def compare_objects(answer: Object, other: Object, fields: Sequence[str]) -> Counts:
    """Compare an object with another engine's, field by field: how many of how many agree.

    A field is the same after normalisation; of lists their common members are counted from both sides.
    """
    found: dict[str, tuple[int, int]] = {}
    for name in fields:
        mine, theirs = answer.get(name), other.get(name)
        found[f"{name}: the same"] = int(normalise_value(mine) == normalise_value(theirs)), 1
        if isinstance(mine, list) or isinstance(theirs, list):
            own, others = (Counter(normalise_value(one) for one in _leaves(each)) for each in (mine, theirs))
            common = (own & others).total()
            found[f"{name}: members that the other gives too"] = common, own.total()
            found[f"{name}: members of the other that it gives too"] = common, others.total()
    return found


def _leaves(value: JsonValue) -> list[JsonValue]:
    """Return what a value holds, one by one: the members of a list, else itself; nothing of nothing."""
    if isinstance(value, list):
        return [inner for one in value for inner in _leaves(one)]
    return [] if value is None else [value]
