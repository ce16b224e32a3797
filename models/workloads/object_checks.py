"""Checks of an object as data: what must be stated in the text, what may be there once, lengths, patterns, conditions."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from models.grounding.stated import StatedText
from models.workloads.answer_checks import Bounded, normalise
from models.workloads.answer_paths import (
    EACH,
    GONE,
    AnswerCondition,
    change_lists,
    check_path,
    keep_where,
    schema_paths,
    steps,
    values_at,
    without_repeats,
)
from models.workloads.base import broken_rule
from models.workloads.definition import Definition
from models.workloads.json_schema import Schema

CHECKS = ("grounded", "distinct", "min_words", "max_words", "max_sentences", "pattern", "required_if")
_BOUNDS = ("min_words", "max_words", "max_sentences")


class ObjectChecks:
    """The checks of one workload. Raises `UsageError`, with its place, for one that its schema has no member for."""

    def __init__(self, definition: Definition, schema: Schema) -> None:
        self._definition = definition
        self._paths = schema_paths(schema)
        settings = definition.settings
        self._grounded = [self._path("grounded", path) for path in settings.grounded or ()]
        for path in settings.compare or ():  # an evaluation's, checked with the others
            self._path("compare", path)
        self._distinct = [self._list_path(path) for path in settings.distinct or ()]
        self._bounds = [
            (self._path(key, path), Bounded(key, bound))
            for key in _BOUNDS
            for path, bound in self._by_path(key).items()
        ]
        self._patterns = [
            (self._path("pattern", path), definition.pattern(pattern))
            for path, pattern in (settings.pattern or {}).items()
        ]
        self._required = [
            (self._path("required_if", path), self._condition(text))
            for path, text in (settings.required_if or {}).items()
        ]

    def apply(self, text: str, answer: Any) -> Any:  # noqa: ANN401  an object's JSON values
        """Return the answer without what is not stated in the text and what is there twice. Raises `InvalidOutput`."""
        stated = StatedText(text)
        for path in self._grounded:
            answer = self._keep_stated(answer, path, stated)
        for path in self._distinct:
            answer = change_lists(answer, steps(path), lambda items: without_repeats(items, _same))
        for path, bounded in self._bounds:
            self._look_at(answer, path, bounded.broken_by)
        for path, pattern in self._patterns:
            self._look_at(answer, path, pattern.broken_by)
        for path, condition in self._required:
            if condition.holds(answer) and not any(
                one not in (None, "", [], {}) for one in values_at(answer, steps(path))
            ):
                raise broken_rule(path, "must not be empty here")
        return answer

    def _keep_stated(self, answer: Any, path: str, stated: StatedText) -> Any:  # noqa: ANN401
        """Take out of lists what the text does not state; a member of its own becomes null, where it may."""
        in_list = EACH in path

        def keep(value: Any) -> bool:  # noqa: ANN401
            return stated.states(value) or (not in_list and value in (None, ""))

        kept = keep_where(answer, steps(path), keep)
        if kept is not GONE:
            return kept
        if not self._may_be_null(path):
            raise broken_rule(path, "must be stated in the text")
        return _with_null(answer, steps(path))

    def _may_be_null(self, path: str) -> bool:
        return any("null" in _types(node) for node in self._paths[path])

    def _look_at(self, answer: Any, path: str, rule_broken: Callable[[str], str | None]) -> None:  # noqa: ANN401
        for value in values_at(answer, steps(path)):
            if value is not None and (rule := rule_broken(str(value))) is not None:
                raise broken_rule(path, rule)

    def _path(self, key: str, path: str) -> str:
        self._definition.reading(key, lambda: check_path(path, list(self._paths)))
        return path

    def _list_path(self, path: str) -> str:
        self._path("distinct", path)
        return path.removesuffix(EACH)

    def _by_path(self, key: str) -> Mapping[str, int]:
        given = getattr(self._definition.settings, key)
        if isinstance(given, int):
            what = f"{key} is a table by path for a workload that answers an object, such as {{ {next(iter(self._paths))} = {given} }}"
            raise self._definition.mistake(key=key, what=what)
        return given or {}

    def _condition(self, text: str) -> AnswerCondition:
        condition = self._definition.reading("required_if", lambda: AnswerCondition(text))
        self._path("required_if", condition.path)
        return condition


def _same(item: Any) -> object:  # noqa: ANN401
    """Return what two equal items have in common: their values, texts in one letter case and spacing."""
    if isinstance(item, dict):
        return tuple(sorted((key, _same(value)) for key, value in item.items()))
    if isinstance(item, list):
        return tuple(_same(value) for value in item)
    return normalise(item) if isinstance(item, str) else json.dumps(item)


def _with_null(answer: Any, path: tuple[str, ...]) -> Any:  # noqa: ANN401
    if len(path) == 1:
        return {**answer, path[0]: None}
    return {**answer, path[0]: _with_null(answer[path[0]], path[1:])}


def _types(node: Schema) -> set[str]:
    kinds = node.get("type", ())
    return {kinds} if isinstance(kinds, str) else set(kinds)
