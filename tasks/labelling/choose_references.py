"""Which columns of a file hold the right answers of a workload, by its kind and settings."""

from collections.abc import Collection, Mapping, Sequence

from models.errors import InputError, UsageError
from models.settings.workload import Kind
from models.workloads.answer_kind import answers_labels, known_labels
from models.workloads.base import Workload
from tasks.labelling.references import (
    FieldColumns,
    LabelSets,
    OneLabel,
    References,
    ReferenceTexts,
    WholeObjects,
)
from tasks.reading.columns import existing_columns

DEFAULT_COLUMNS: Mapping[Kind, str] = {
    "label": "label",
    "labels": "labels",
    "object": "label",
    "text": "reference",
}
"""Columns of right answers, where the settings name none; an object's may be its fields instead."""
Schemas = Mapping[str, Mapping[str, object]]


def choose_references(
    path: str, workload: Workload, column: str | None, existing: Sequence[str], texts: Sequence[str]
) -> References | None:
    """Return what reads the right answers of a file with these columns; None where it holds none, and none are needed.

    `column`: the one that was asked for. `texts`: columns of the record's text, which are no right answers. Objects and texts can be
    looked at without right answers, labels cannot. Raises `InputError` for a column that is missing.
    """
    own = column or workload.settings.label_column
    if workload.kind == "object" and own is None:
        return _of_objects(path, workload, existing, texts)
    name = own or DEFAULT_COLUMNS[workload.kind]
    if name not in existing and (own is not None or answers_labels(workload)):
        raise _no_column(path, name, existing, workload)
    if name in texts:
        msg = f"the column {name} of {path} holds the text: name that of the {_nouns(workload)} with --label-column"
        raise InputError(msg)
    if name not in existing:
        return None
    match workload.kind:
        case "label":
            return OneLabel(name, known_labels(workload))
        case "labels":
            return LabelSets(name, known_labels(workload))
        case "object":
            return WholeObjects(name, field_schemas(workload))
        case "text":
            return ReferenceTexts(name)


def choose_second(
    path: str, workload: Workload, column: str, existing: Sequence[str], first: References | None
) -> References:
    """Return what reads a second labeller's labels from a column.

    Raises `InputError` for a column that is missing, `UsageError` for the first labeller's.
    """
    if column not in existing:
        msg = f"{path} has no column {column} of second labels; {existing_columns([column], existing)}. Name it with --second-labels"
        raise InputError(msg)
    if first is not None and column in first.columns:
        msg = f"--second-labels {column} names the first labeller's column: name the other one's"
        raise UsageError(msg)
    known = known_labels(workload)
    return OneLabel(column, known) if workload.kind == "label" else LabelSets(column, known)


def label_columns(workload: Workload) -> tuple[str, ...]:
    """Return the columns that may hold right answers of a workload, where no other is asked for."""
    own = workload.settings.label_column or DEFAULT_COLUMNS[workload.kind]
    return (own, *field_schemas(workload)) if workload.kind == "object" else (own,)


def columns_to_fill(workload: Workload, taken: Collection[str]) -> tuple[str, ...]:
    """Return the columns that a person fills in: one for the right answer, of an object one a field.

    A field by which records are compared, else every field of the schema. `taken`: the input's own columns; where a field has the
    name of one, the whole object goes into one column. Raises `UsageError` where the column is the input's own.
    """
    own = workload.settings.label_column
    if workload.kind == "object" and own is None:
        compared = workload.settings.compare or tuple(field_schemas(workload))
        fields = tuple(dict.fromkeys(map(first_name, compared)))
        if not set(fields) & set(taken):
            return fields
    name = own or DEFAULT_COLUMNS[workload.kind]
    if name in taken:
        msg = f"the column {name} is the input's own: set another label_column for {workload.name}"
        raise UsageError(msg)
    return (name,)


def field_schemas(workload: Workload) -> Schemas:
    """Return the JSON schema of each field of a workload's object, references to definitions followed once."""
    whole = workload.output.model_json_schema()
    definitions = whole.get("$defs", {})

    def resolved(schema: Mapping[str, object]) -> Mapping[str, object]:
        name = str(schema.get("$ref", "")).rpartition("/")[2]
        return definitions.get(name, schema) if name else schema

    return {name: resolved(schema) for name, schema in whole.get("properties", {}).items()}


def first_name(path: str) -> str:
    """Return the field with which a path begins: `attributes` of `attributes[].value`."""
    return path.partition(".")[0].removesuffix("[]")


def _of_objects(
    path: str, workload: Workload, existing: Sequence[str], texts: Sequence[str]
) -> References | None:
    schemas = field_schemas(workload)
    whole = DEFAULT_COLUMNS["object"]
    if whole in existing and whole not in schemas and whole not in texts:
        return WholeObjects(whole, schemas)
    fields = {name: schemas[name] for name in schemas if name in existing and name not in texts}
    if not fields:
        return None
    needed = dict.fromkeys(map(first_name, workload.settings.compare or ()))
    if missing := [name for name in needed if name not in fields]:
        has = existing_columns(missing, existing)
        msg = (
            f"{path} has no column {', '.join(missing)}, by which a record of {workload.name} is right (compare); {has}. Add it, "
            f"or give whole objects as JSON in the column {whole}"
        )
        raise InputError(msg)
    return FieldColumns(fields)


def _no_column(path: str, name: str, existing: Sequence[str], workload: Workload) -> InputError:
    has = existing_columns([name], existing)
    return InputError(
        f"{path} has no column {name} of {_nouns(workload)}; {has}. Name the column with --label-column or label_column of "
        f"the workload (BREAKEVEN_WORKLOADS__{workload.name.upper()}__LABEL_COLUMN)"
    )


def _nouns(workload: Workload) -> str:
    return {"label": "labels", "labels": "labels", "object": "right objects", "text": "references"}[
        workload.kind
    ]
