"""A chat template of the user's own: given as text, or as a file that holds it."""

import re
from pathlib import Path

from models.errors import UsageError
from models.text_files import read_text

_JINJA = re.compile(r"\{[{%#]|\n")
"""What a template has and the name of a file has not."""


def read_template(given: str | None) -> str | None:
    """Return the template that a setting holds or names; None for the model's own. Raises `UsageError`."""
    if given is None or _JINJA.search(given):
        return given
    path = Path(given)
    if not path.is_file():
        msg = (
            f"chat_template: no file {given}; give a file that holds a Jinja template, or the template itself"
        )
        raise UsageError(msg)
    return read_text(path)
