"""Asks on the terminal before something is done that costs money or moves data."""

import sys

from rich.console import Console
from rich.prompt import Confirm
from rich.text import Text

from models.errors import UsageError, visible


def confirm(console: Console, question: str, unattended: str) -> bool:
    """Ask whether to go on. Raises `UsageError` with the text `unattended` where nobody can answer."""
    if not sys.stdin.isatty():
        raise UsageError(unattended)
    return Confirm.ask(Text(visible(question)), console=console, default=False)
