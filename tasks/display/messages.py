"""Messages for people, on standard error: standard output is for data."""

from rich.console import Console


def message_console() -> Console:
    """Return a console on which each message is one line, printed as it is."""
    return Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)
