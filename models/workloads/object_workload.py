"""A workload that answers a JSON object by a schema."""

import json
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from models.records import PUBLISHED_COLUMNS
from models.requests import Completion, JsonObject, OutputFormat
from models.workloads.answer_pattern import limit_patterns
from models.workloads.base import InvalidOutput
from models.workloads.broken_rules import first_broken
from models.workloads.definition import Definition, chat_prefix
from models.workloads.json_schema import (
    AnswerValidator,
    Schema,
    check_schema,
    grammar_schema,
    list_fields,
    read_schema,
    write_compact,
)
from models.workloads.object_checks import CHECKS, ObjectChecks
from models.workloads.python_model import import_model, source_of
from models.workloads.schema_model import model_of
from models.workloads.settings_workload import SettingsWorkload

DEFAULT_TOKENS = 512


class ObjectWorkload(SettingsWorkload):
    """Asks for a JSON object. The engine's grammar holds what it can of the schema; the whole of it is checked after.

    Then come the checks that the settings name: what is not stated in the text or is there twice goes, what is too
    long or missing makes the answer invalid.
    """

    def __init__(self, definition: Definition, model: str | None = None) -> None:
        super().__init__(definition, model)
        self._python = definition.settings.output
        if self._python is not None:
            self.output, self.schema = self._from_python(self._python)
        else:
            self.schema = self._from_file(definition.settings.schema_file)
            self.output = self.definition.reading("schema_file", lambda: model_of(self.name, self.schema))
        self._check_columns()
        self._validator = AnswerValidator(self.schema)
        self._checks = ObjectChecks(definition, self.schema)
        self.max_tokens = definition.settings.max_tokens or DEFAULT_TOKENS
        fields, examples = list_fields(self.schema), definition.examples()
        self._check_examples([answer for _, answer in examples])
        shown = [(text, write_compact(answer)) for text, answer in examples]
        self._prefix = chat_prefix(definition.prompt(fields=fields), shown)
        self._adapter_prefix = definition.adapter_prefix(fields=fields)

    @cached_property
    def output_format(self) -> OutputFormat:
        """The part of the schema that a grammar can hold; the answer keeps the fields' order."""
        return JsonObject(json.dumps(grammar_schema(self.schema), separators=(",", ":")))

    def parse(self, text: str, completion: Completion) -> BaseModel:
        """Check the object, take out what the checks take out, and return it as the output. Raises `InvalidOutput`."""
        said = f"answer does not fit the schema of {self.name} (finish reason {completion.finish_reason})"
        if not isinstance(completion.value, dict):
            raise self.unreadable(completion, said, "must be a JSON object")
        answer = drop_nulls(completion.value, self.schema, self.schema.get("$defs", {}))
        with limit_patterns(self.max_tokens):
            if (broken := self._validator.first_broken(answer)) is not None:
                raise InvalidOutput(said, *broken)
            kept = self._checks.apply(text, answer)
        try:
            return self.output.model_validate(kept)
        except ValidationError as error:
            raise InvalidOutput(said, *first_broken(error, self.output)) from error
        except ValueError as error:
            raise InvalidOutput(said) from error

    @cached_property
    def shortest_answer(self) -> str:
        """The shortest object that the schema could let in, for its length: names and brackets, without values."""
        return write_compact(_frame(self.schema))

    @cached_property
    def fingerprint(self) -> str:
        """The base's, with what else decides an answer: the whole schema where no grammar holds it, and the checks set here."""
        full = [] if grammar_schema(self.schema) == self.schema else [write_compact(self.schema)]
        own = [(key, getattr(self.settings, key)) for key in CHECKS if self.definition.sets(key)]
        python = [] if self._python is None else [source_of(self.output)]
        return self.fingerprint_of(*full, *own, *python)

    def _from_python(self, name: str) -> tuple[type[BaseModel], Schema]:
        model = self.definition.reading("output", lambda: import_model(name))
        schema = model.model_json_schema()
        self.definition.reading("output", lambda: check_schema(schema))
        self.definition.reading("output", lambda: model_of(self.name, schema))
        return model, schema

    def _from_file(self, path: Path | None) -> Schema:
        if path is None:
            raise self.definition.mistake(key="schema_file", what="has no schema: set schema_file or output")
        return self.definition.reading("schema_file", lambda: read_schema(path))

    def _check_columns(self) -> None:
        """See that no property has the name of another published column. Raises `UsageError`."""
        if taken := next((name for name in self.output.model_fields if name in PUBLISHED_COLUMNS), None):
            key = "schema_file" if self._python is None else "output"
            what = f"the property {taken!r} has the name of another published column: call it {self.name}_{taken}"
            raise self.definition.mistake(key=key, what=what)

    def _check_examples(self, answers: list[Any]) -> None:
        for number, answer in enumerate(answers, start=1):
            broken = self._validator.first_broken(answer)
            if broken is not None:
                what = f"the answer of example {number} does not fit the schema: {': '.join(filter(None, broken))}"
                raise self.definition.mistake(key=self.definition.examples_key, what=what)


def drop_nulls(value: Any, node: Schema, definitions: dict[str, Schema]) -> Any:  # noqa: ANN401
    """Return an answer without members that are null and that its schema does not require.

    Strict mode of an API knows no member that may be missing: it says null instead.
    """
    while "$ref" in node:
        node = definitions.get(str(node["$ref"]).rpartition("/")[2], {})
    if isinstance(value, list) and isinstance(node.get("items"), dict):
        return [drop_nulls(item, node["items"], definitions) for item in value]
    if not isinstance(value, dict) or "properties" not in node:
        return value
    properties, required = node["properties"], node.get("required", ())
    return {
        key: drop_nulls(inside, properties.get(key, {}), definitions)
        for key, inside in value.items()
        if inside is not None or key in required
    }


def _frame(node: Schema) -> Any:  # noqa: ANN401
    if node.get("type") == "object":
        needed = node.get("required", ())
        return {key: _frame(inside) for key, inside in node.get("properties", {}).items() if key in needed}
    if node.get("type") == "array":
        return [_frame(node["items"])] * int(node.get("minItems", 0))
    return 0
