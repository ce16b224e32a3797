"""What is logged, by this program and by its libraries: visible characters, and no secret."""

import logging
import traceback
from typing import Any

from models.errors import hide_secrets, one_line, visible

_OURS = ("commands", "db", "flows", "models", "tasks")


class VisibleRecord(logging.LogRecord):
    """A record whose message and traceback hold no control character and no secret that is known.

    What this program says is one line; a library may say several.
    """

    def __init__(self, *args: Any, **named: Any) -> None:  # noqa: ANN401  as logging calls it
        super().__init__(*args, **named)
        if isinstance(self.exc_info, tuple) and self.exc_info[0] is not None:
            # a formatter takes this text, where there is one, instead of making its own
            self.exc_text = visible(
                hide_secrets("".join(traceback.format_exception(*self.exc_info)).rstrip())
            )

    def getMessage(self) -> str:  # noqa: N802  logging's own name
        """Return the message with its arguments."""
        said = hide_secrets(super().getMessage())
        return one_line(said) if str(self.name).partition(".")[0] in _OURS else visible(said)


def show_what_is_logged() -> None:
    """Make every log record of this process, whoever logs it and wherever it goes, a `VisibleRecord`."""
    logging.setLogRecordFactory(VisibleRecord)
