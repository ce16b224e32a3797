"""The mistakes that docs/workloads.md lists, each as the files of a folder."""

from collections.abc import Mapping

FILE = "workloads/departments.toml"
LABEL = """\
kind = "label"
prompt = "Which department should read this ticket?"
text = "{{ subject }}: {{ body }}"
labels = ["billing", "delivery", "other"]
input = "tickets.csv"
"""
OBJECT = """\
kind = "object"
prompt = "Copy from the text:"
schema_file = "facts.json"
"""
TEXT = """\
kind = "text"
prompt = "Summarize the text."
"""
FACTS = '{"type": "object", "properties": {"weight": {"type": "string"}, "colors": {"type": "array", "items": {"type": "string"}}}}'
TICKETS = "id,subject,body,created_at\nt-1,Charged twice,Please look,2026-11-01T07:00:00Z\n"

Files = dict[str, str]


def label(old: str, new: str, **files: str) -> Files:
    """Return the files of a workload `label` in whose text one thing is another."""
    assert old in LABEL
    return {FILE: LABEL.replace(old, new)} | named(files)


def facts(added: str = "", old: str = "", new: str = "") -> Files:
    """Return the files of a workload `object` with settings added, and one thing of its schema changed."""
    assert old in FACTS
    return {FILE: OBJECT + added, "workloads/facts.json": FACTS.replace(old, new, 1) if old else FACTS}


def named(files: dict[str, str]) -> Files:
    """Return files by name; an underscore stands for the dot."""
    return {f"workloads/{name.replace('_', '.')}": text for name, text in files.items()}


MISTAKES: Mapping[str, Files] = {
    "a setting mistyped": label("labels =", "lables ="),
    "no `kind`": label('kind = "label"\n', ""),
    "a kind that is none": label('"label"', '"lable"'),
    "text without quotes": label('prompt = "Which', "prompt = Which"),
    "one setting in the file and in the table": {
        FILE: LABEL,
        "breakeven.toml": '[workloads.departments]\nprompt = "Which?"\n',
    },
    "a table for a workload that is not there": {
        FILE: LABEL,
        "breakeven.toml": '[workloads.departmens]\ninput = "tickets.csv"\n',
    },
    "a name with a capital": {FILE: LABEL, "workloads/Tickets.toml": TEXT},
    "`extends` mistyped": label('kind = "label"', 'extends = "clasification"'),
    "no prompt": label('prompt = "Which department should read this ticket?"\n', ""),
    "a column in the prompt": label("this ticket?", "{{ subject }}?"),
    "a template that does not parse": label("{{ body }}", "{{ body }"),
    "a column that the input lacks": label("{{ body }}", "{{ boddy }}"),
    "a label twice": label('"other"', '"billing"'),
    "a single label": label('["billing", "delivery", "other"]', '["billing"]'),
    "a list of labels and a file of them": {
        FILE: LABEL + 'labels_file = "labels.txt"\n',
        "workloads/labels.txt": "a\nb\n",
    },
    "a file that is not there": label('labels = ["billing", "delivery", "other"]', 'labels_file = "labels.txt"'),
    "a broken line in `examples_file`": {
        FILE: LABEL + 'examples_file = "examples.jsonl"\n',
        "workloads/examples.jsonl": '{"text": "Pay me back", "answer": "billing"}\n{"text": \n',
    },
    "an example with another label": {FILE: LABEL + 'examples = [{ text = "Where?", answer = "parcels" }]\n'},
    "an example without a column": {FILE: LABEL + 'examples = [{ subject = "Where?", answer = "delivery" }]\n'},
    "too few tokens for a label": {FILE: LABEL + "max_tokens = 4\n"},
    "a check of another kind": {FILE: LABEL + "max_words = 3\n"},
    "no schema": {FILE: OBJECT.replace('schema_file = "facts.json"\n', "")},
    "a schema that is no object's": facts(old='"object"', new='"array"'),
    "a property of two types": facts(old='"string"', new='["string", "number"]'),
    "a property without a type": facts(old='{"type": "string"}', new="{}"),
    "a keyword that no column can hold": facts(old='"properties"', new='"patternProperties": {}, "properties"'),
    "a property that is a column already": facts(old='"weight"', new='"model"'),
    "a path that is not in the schema": facts('grounded = ["wieght"]\n'),
    "a number where paths are needed": facts("max_words = 10\n"),
    "a pattern that does not parse": facts("pattern = { weight = '(' }\n"),
    "a condition that is none": facts("required_if = { weight = 'colors > 2' }\n"),
    "a model that cannot be imported": {FILE: OBJECT.replace('schema_file = "facts.json"', 'output = "shop:Facts"')},
    "passages that the text does not show": {FILE: LABEL + 'context = "passages"\n'},
}  # fmt: skip
"""What is wrong -> the files."""
