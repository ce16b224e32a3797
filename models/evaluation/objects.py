"""How objects compare with the right ones, field by field and as whole records."""

from collections.abc import Mapping, Sequence

from models.evaluation.intervals import share
from models.evaluation.resampling import estimate_mean
from models.evaluation.scores import FieldScore, ObjectScores
from models.evaluation.wording import is_exact, normalise_text, normalise_value, overlap_f1
from models.requests import JsonValue

Object = Mapping[str, JsonValue]


def find_value(value: JsonValue | Object, path: str) -> JsonValue:
    """Return what stands at a path: `price.amount` in an object, `attributes[].value` the list of each one's.

    None where nothing does.
    """
    if isinstance(value, Mapping) and path in value:
        return value[path]
    name, _, rest = path.partition(".")
    inner = value.get(name.removesuffix("[]")) if isinstance(value, Mapping) else None
    if not rest:
        return inner
    if not name.endswith("[]"):
        return find_value(inner, rest)
    return [find_value(one, rest) for one in inner] if isinstance(inner, list) else None


def is_same(answer: Object | None, truth: Object, paths: Sequence[str]) -> bool:
    """Whether an answer has the right value at each of these paths, normalised. None is no valid answer."""
    if answer is None:
        return False
    return all(
        normalise_value(find_value(answer, path)) == normalise_value(find_value(truth, path))
        for path in paths
    )


def compute_object_scores(
    fields: Sequence[str], compared: Sequence[str], truths: Sequence[Object], answers: Sequence[Object | None]
) -> ObjectScores:
    """Score the answers to records whose objects are `truths`; both in the order of the records.

    `fields` and `compared` are paths: those to score one by one, and those by which a record is right as a whole. None is no
    valid answer: nothing of it is right, also where nothing is what a field should hold.
    """
    right = [is_same(answer, truth, compared) for truth, answer in zip(truths, answers, strict=True)]
    return ObjectScores(
        right=share(sum(right), len(right)),
        compared=tuple(compared),
        fields=tuple(_score_field(path, truths, answers) for path in fields),
    )


def _score_field(path: str, truths: Sequence[Object], answers: Sequence[Object | None]) -> FieldScore:
    pairs = [
        None if answer is None else (find_value(answer, path), find_value(truth, path))
        for truth, answer in zip(truths, answers, strict=True)
    ]
    return FieldScore(
        field=path,
        exact=share(sum(pair is not None and is_exact(*pair) for pair in pairs), len(pairs)),
        normalised=share(
            sum(pair is not None and normalise_value(pair[0]) == normalise_value(pair[1]) for pair in pairs),
            len(pairs),
        ),
        f1=estimate_mean([0.0 if pair is None else field_f1(*pair) for pair in pairs]),
    )


def field_f1(answer: JsonValue, truth: JsonValue) -> float:
    """Return the F1 of two lists' members, of two texts' words, and of anything else 1 or 0; all normalised."""
    if isinstance(answer, list) or isinstance(truth, list):
        mine, right = (_members(one) for one in (answer, truth))
        return overlap_f1(mine, right)
    if isinstance(answer, str) and isinstance(truth, str):
        return overlap_f1(normalise_text(answer).split(), normalise_text(truth).split())
    return float(normalise_value(answer) == normalise_value(truth))


def _members(value: JsonValue) -> list[object]:
    every = value if isinstance(value, list) else [value]
    return [one for one in map(normalise_value, every) if one is not None]
