"""Messages for people, on standard error: standard output is for data."""

from typing import Any

from rich.console import Console

from models.errors import visible


class MessageConsole(Console):
    """A console whose messages are printed as they are, without markup, in visible characters."""

    def print(self, *objects: Any, **options: Any) -> None:  # noqa: ANN401  rich's own
        """Print as `Console` does; texts show what no terminal shows."""
        super().print(*(visible(one) if isinstance(one, str) else one for one in objects), **options)


def message_console() -> Console:
    """Return a console on which each message is one line, printed as it is."""
    return MessageConsole(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)
