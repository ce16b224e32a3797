"""The exception tree. Every failure a user can cause or must hear of is one of these.

BreakevenError                 one clear line; the command exits with `exit_code`
├── UsageError                 bad input or settings (exit code 2); nothing was changed
│   ├── InputError             the input cannot be read as asked
│   ├── PromptTooLong          a workload's prompt alone is longer than the model takes
│   ├── PriceUnknown           a model or a machine has no price: an error before the run starts
│   └── ResidencyError         data that must stay in the house were to go to an API
├── EngineError
│   ├── EngineStartError       the engine could not be loaded
│   └── EngineDied             the engine stopped answering; what had finished is kept
├── ApiAccessError             the API refuses the key, the account or the model: no request can succeed
├── NoAnswerFits               none of the API's first answers can be used: a setting is at fault, not the records
├── TooManyQuarantined     more of a day's records were set aside than may be: nothing is published
├── BatchApiUnavailable        the Batch API did not do what it was asked; the same call may succeed later
├── BatchApiRefused            the Batch API refuses what it was asked, and would again
├── PartitionLocked            another run owns the partition
├── LeaseLost                  this run no longer owns its partition: it may not commit any more
├── LedgerLost                 the ledger's file was deleted, replaced or damaged while it was in use
├── OutputError                the output folder cannot be written, or what lies there is damaged
│   └── OutputUnusable         the same, found before anything was changed (exit code 2)
├── DeliveryError              a report did not reach, or may not have reached, a recipient
│   ├── DeliveryFailed         it was surely not taken: refused, or nobody was reached; it may be tried again
│   └── DeliveryUnknown        it may have arrived or not, so nothing sends it again by itself
├── DatabaseUnavailable        the ledger could not be reached within the patience that is set
└── Interrupted                the run was asked to stop (SIGTERM, SIGINT); what had finished is committed
"""

import re
import traceback
from pathlib import Path

_PASSWORD = re.compile(r"(\w://)[^/@\s]*:[^/@\s]*@")
_SIGNED = re.compile(r"\?[^\s/]*?(?:sig|token|key|secret|credential)[^\s=/]*=[^\s)]*", re.IGNORECASE)
_QUERY = re.compile(r"(https?://[^\s?]*)\?[^\s)]*")
LONGEST_MESSAGE = 2_000
"""Characters of a message: a file may have any number of columns, of names of any length."""
_LINE_END = re.compile(r"\s*[\t\r\n]\s*")


class BreakevenError(Exception):
    """Base of all expected failures. Its text is one line that says what to do, not too long, and shows what no terminal shows."""

    exit_code = 1

    def __init__(self, *args: object) -> None:
        super().__init__(*(shorten(one_line(arg)) if isinstance(arg, str) else arg for arg in args))


class UsageError(BreakevenError):
    """Bad input or bad settings; found before anything was changed."""

    exit_code = 2


class InputError(UsageError):
    """The input cannot be read as asked (missing, empty, without the named column). Its text shows no secret of an address."""

    def __init__(self, *args: object) -> None:
        super().__init__(*(hide_secrets(arg) if isinstance(arg, str) else arg for arg in args))


class PromptTooLong(UsageError):
    """A workload's prompt, before any record, leaves no room in what the model takes."""


class PriceUnknown(UsageError):
    """A model or a machine has no price, so its cost would be invented."""


class ResidencyError(UsageError):
    """A workload's data must stay in the house, and something asked to send them to an API."""


class EngineError(BreakevenError):
    """The local engine failed as a whole; single requests never raise, they are rejected."""


class EngineStartError(EngineError):
    """The engine could not be loaded."""


class EngineDied(EngineError):
    """The engine stopped in mid-stream."""


class ApiAccessError(BreakevenError):
    """The API refuses the key, the account or the model, so that no request of the run can succeed."""


class NoAnswerFits(BreakevenError):
    """None of the first answers of the API can be used: a setting is at fault, and no record is set aside for it."""


class TooManyQuarantined(BreakevenError):
    """More of a day's records were set aside than `max_quarantined_share` lets pass; what was answered is kept."""


class PartitionLocked(BreakevenError):
    """Another living run owns the partition."""


class LeaseLost(BreakevenError):
    """The run's lease expired and was taken over; it must not commit or publish any more."""


class LedgerLost(BreakevenError):
    """The ledger's file was deleted, replaced or damaged while it was in use; nothing more is written."""


class OutputError(BreakevenError):
    """The output cannot be written or read back; nothing half-written stands under a final name."""


class OutputUnusable(OutputError):
    """The output folder cannot be made or written; found before anything was changed."""

    exit_code = 2


class DeliveryError(BreakevenError):
    """A report did not reach its recipients; each of its messages is in the ledger, with what became of it."""


class DeliveryFailed(DeliveryError):
    """A message was surely not taken: refused, or the server was not reached. Trying it again repeats nothing."""


class DeliveryUnknown(DeliveryError):
    """Nobody knows whether a message arrived. Sending it again could send it twice, so a person decides."""


class DatabaseUnavailable(BreakevenError):
    """The ledger's database did not answer within the patience that is set."""


class Interrupted(BreakevenError):
    """The run was asked to stop; everything that had finished is committed.

    `exit_code` follows the shell's convention of 128 + signal number.
    """

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.signal_number = signal_number

    @property
    def exit_code(self) -> int:  # type: ignore[override]
        """128 + signal number."""
        return 128 + self.signal_number


def hide_secrets(text: str) -> str:
    """Return a text without the passwords and signatures of the addresses in it."""
    return _QUERY.sub(r"\1", _SIGNED.sub("", _PASSWORD.sub(r"\1", text)))


def one_line(text: str) -> str:
    """Return a text as one line of visible characters."""
    return visible(_LINE_END.sub(" ", text.strip()))


def shorten(text: str, longest: int = LONGEST_MESSAGE) -> str:
    """Return a text that is too long without its middle: its beginning says what is wrong, its end what to do."""
    if len(text) <= longest:
        return text
    end = longest // 3
    return f"{text[: longest - end - 3]} … {text[-end:]}"


def visible(text: str) -> str:
    r"""Return a text in which characters that nobody sees are escaped: \x1b, \u202e; only spaces and line feeds stay.

    A name of a file or a column, or what a server said, may hold control characters, marks that turn the direction
    of writing, or bytes that are no UTF-8. Every message passes through here, and so do the cells of tables.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one == "\n" else _escaped(one) for one in text)


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte that is no UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def defect(error: BaseException) -> str:
    """Name an unexpected error by its kind and its place in the code; its own words may hold a record's text."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}, which is a defect: please report it"
