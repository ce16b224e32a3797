"""Writes the file of a new workload, commented and ready to be tried once prompt and labels are one's own."""

from collections.abc import Mapping
from pathlib import Path

from models import workloads
from models.errors import UsageError
from models.nearest import unknown_name
from models.private_files import create_file, make_folder
from models.settings import Settings
from models.settings.check import describe_unusable_name
from models.settings.inherit import preset, preset_names
from models.settings.workload import Kind

_HEAD = """\
# The workload {name}: {what}.
#   breakeven workload show {name} --record 'a text'              its exact prompt, tokens and cost
#   breakeven workload try {name} --limit 5 --input FILE          a few records, input beside output
#   breakeven run {name} --input FILE --date YYYY-MM-DD           one day's records, published
# All settings of a workload: docs/workloads.md
"""
_ABOUT: Mapping[Kind, str] = {
    "label": "one label of a set for each record",
    "labels": "all labels of a set that apply to a record",
    "object": "a JSON object for each record, by a schema",
    "text": "a text for each record",
}
_DESCRIPTION: Mapping[Kind, str] = {
    "label": "Says what a customer's message is.",
    "labels": "Says which topics a customer's message is about.",
    "object": "Takes the facts out of a customer's message.",
    "text": "Sums a text up in one sentence.",
}
_LABELS = """
# Each label with its meaning; a plain list, or labels_file, will do as well.
labels = { complaint = "something went wrong", question = "asks for something", praise = "is content", other = "anything else" }
"""
_PROMPTS: Mapping[Kind, str] = {
    "label": '''
# What the model is told. {{ labels }} stands for the labels with their meanings, one a line.
prompt = """
Say what the customer's message is. Answer with one of these words:
{{ labels }}"""
''',
    "labels": '''
# What the model is told. {{ labels }} stands for the labels with their meanings, one a line.
prompt = """
Say which of these the customer's message is; several may apply:
{{ labels }}"""
# min_labels = 1
# max_labels = 3
''',
    "object": '''
# What the model is told. The schema decides the form of the answer; the prompt says what belongs where.
prompt = """
Turn the customer's message into a JSON object: a short title, the mood (bad, neutral or good), and the products
that it names. Use only what the text says."""

# JSON Schema of the answer; its properties become the columns of what is published.
schema_file = "{schema}"
# grounded = ["products[]"]      # values that must stand in the text; others are taken out
# max_words = { title = 12 }
''',
    "text": """
# What the model is told.
prompt = "Sum the text up in one sentence. Use only what the text says."
max_tokens = 96
max_sentences = 2
# max_words = 40
# same_language = true
""",
}
_TAIL = """
# Where its records are: Parquet, CSV, JSON lines, a folder with date=YYYY-MM-DD, a glob or an object store.
# input = "data/{name}.jsonl"
# id_column = "id"
# text_columns = ["subject", "body"]          # joined to the record's text; default: {columns}
# text = "{{{{ subject }}}}\\n\\n{{{{ body }}}}"      # or a Jinja template over the columns
# schedule = "30 2 * * *"                     # UTC; `make deploy` then runs it each night
# data_residency = "local"                    # its records never go to an API
# version = "1"                               # a name of this wording, for people
"""
_EXAMPLES: Mapping[Kind, str] = {
    "label": """
# Examples make a small model better. They stand below all other settings.
# [[examples]]
# text = "My parcel came with a broken screen"
# answer = "complaint"
""",
    "labels": """
# Examples make a small model better. They stand below all other settings.
# [[examples]]
# text = "The screen is broken, how do I send it back?"
# answer = ["complaint", "question"]
""",
    "object": """
# Examples make a small model better. They stand below all other settings.
# [[examples]]
# text = "The kettle is great, the toaster broke after a day."
# [examples.answer]
# title = "Kettle fine, toaster broken"
# mood = "neutral"
# products = ["kettle", "toaster"]
""",
    "text": """
# Examples make a small model better. They stand below all other settings.
# [[examples]]
# text = "The meeting moves to Monday since two of us are ill. Please bring the figures of October."
# answer = "The meeting is on Monday, with October's figures."
""",
}
SCHEMA = """\
{
  "type": "object",
  "properties": {
    "title": { "type": "string", "minLength": 1, "maxLength": 80 },
    "mood": { "enum": ["bad", "neutral", "good"] },
    "products": { "type": "array", "items": { "type": "string", "maxLength": 60 }, "maxItems": 5 }
  },
  "required": ["title", "mood", "products"],
  "additionalProperties": false
}
"""
_CHANGED = """
# It takes everything over from the preset {base} that it does not change. What the preset says:
#   breakeven workload show {base}
extends = "{base}"
description = "As {base}, in our own words."
# prompt = \"\"\"…\"\"\"
"""
_OWN_LABELS = '# labels = { complaint = "something went wrong", other = "anything else" }\n'


def write_new_workload(name: str, kind: Kind | None, base: str | None, settings: Settings) -> list[Path]:
    """Write the file of a new workload, and a schema beside it for objects. Returns what was written, the workload first.

    `base`: the preset that it changes, whose kind it has. Raises `UsageError` before anything is written: a name that
    cannot be or is taken, an unknown preset, a kind that is not the preset's, a folder that cannot be written to.
    """
    if (fault := describe_unusable_name(name)) is not None:
        raise UsageError(fault)
    file = settings.workloads_dir / f"{name}.toml"
    _check_free(file)
    if name in workloads.names(settings):
        msg = f"there is a workload {name} already: choose another name (`breakeven workload list` shows all)"
        raise UsageError(msg)
    texts = {file: _of_preset(name, base, kind) if base is not None else _plain(name, kind)}
    if base is None and kind == "object":
        texts[_schema_of(file)] = SCHEMA
    for path in texts:
        _check_free(path)
    for path, text in texts.items():
        _write(path, text)
    return list(texts)


def _plain(name: str, kind: Kind | None) -> str:
    if kind is None:
        msg = "say what it answers: --kind label, labels, object or text, or --from PRESET"
        raise UsageError(msg)
    head = _HEAD.format(name=name, what=_ABOUT[kind])
    labels = _LABELS if kind in ("label", "labels") else ""
    prompt = _PROMPTS[kind].replace("{schema}", _schema_of(Path(f"{name}.toml")).name)
    said = f'\nkind = "{kind}"\ndescription = "{_DESCRIPTION[kind]}"\n'
    return f"{head}{said}{prompt}{labels}{_TAIL.format(name=name, columns='text')}{_EXAMPLES[kind]}"


def _of_preset(name: str, base: str, kind: Kind | None) -> str:
    if base not in preset_names():
        raise UsageError(unknown_name("preset", base, preset_names()))
    given = preset(base)
    if kind not in (None, given.kind):
        msg = f"the preset {base} is of kind {given.kind}, not {kind}: leave --kind out, or --from"
        raise UsageError(msg)
    what = _ABOUT[given.kind or "object"]
    columns = ", ".join(given.text_columns or ("text",))
    labels = _OWN_LABELS if given.kind in ("label", "labels") else ""
    tail = _TAIL.format(name=name, columns=columns)
    return f"{_HEAD.format(name=name, what=what)}{_CHANGED.format(base=base)}{labels}{tail}"


def _schema_of(file: Path) -> Path:
    return file.with_name(f"{file.stem}.schema.json")


def _check_free(path: Path) -> None:
    if path.exists():
        msg = f"{path} is there already: edit it, or choose another name"
        raise UsageError(msg)


def _write(path: Path, text: str) -> None:
    """Write a new file. Raises `UsageError` for one that somebody made meanwhile, and for a folder that cannot be written to."""
    try:
        make_folder(path.parent)
        with create_file(path) as file:
            file.write(text.encode())
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror}"
        raise UsageError(msg) from error
