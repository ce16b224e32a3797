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
from collections.abc import Iterable
from pathlib import Path

from models.secret_forms import folded_forms, forms_of, hide_folded

HIDDEN = "***"
"""Stands for a secret."""

_CREDENTIALS = re.compile(
    r"(?<![\w+.-])((?!abfs|wasb|adl:)[a-z][\w+.-]*:/{1,3})"
    r"(?:[^\s/?#@:'\"]*:[^\s/?#'\"]*@|[^\s/:?#@'\"]{1,200}:(?!\d{1,5}(?:[/?#\s]|$)|\s)[^@\n'\"<>]{0,200}@)"
    r"(?:[^\s/?#'\"]*@)?",
    re.IGNORECASE,
)
"""`scheme://user:password@`, also where the password holds a slash, an @ or a space as it stands.

An account of Azure's `abfss://container@account` is none.
"""
_NAME = re.compile(r"(https?:/{1,3})[^\s/?#'\"]+@", re.IGNORECASE)
"""A name before a web address's host, which may be a token."""
_QUERY = re.compile(r"(https?://[^\s?#]*)(?:[?#](?:[^\s)]*[^\s):;,'\"])?)?", re.IGNORECASE)
_OPTIONS = re.compile(r"(\w:/{1,3}[^\s?]*)(?:\?[\w.%-]+=(?:[^\s)'\"]*[^\s)'\":;,])?)?")
"""What stands behind the question mark of a web address, and the options of another one, such as a database's.

Both match an address without them as well, so that none is read again from each place within it.
"""
_SIGNED = re.compile(
    r"\?[^\s/?]*?(?:sig|token|key|secret|credential|pass|pwd|auth)[^\s=/?]{0,40}=(?:[^\s)]*[^\s):;,'\"])?",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"\b([\w-]{0,40}?(?:passw(?:or)?d|pwd|secret|token|signature|credentials?|(?:api|access|account|secret|server|shared|private)[_-]?key))"
    r"=(?![\s.…])(?:'[^']*'|\"[^\"]*\"|[^\s&;,)'\"]+)",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"\b(bearer|basic)\s+(?=\S*\d)[\w.~+/=-]{8,}", re.IGNORECASE)
_KEY = re.compile(
    r"\b(?:sk-[\w-]{12,}|AKIA[0-9A-Z]{16}|AIza[\w-]{30,}|hf_\w{20,}|gh[opsu]_\w{20,}|xox[a-z]-[\w-]{10,}"
    r"|eyJ[\w-]{8,}\.[\w.-]+)"
)
"""`password=…`, `Bearer …`, and keys that are known by their form."""
_LEAST_SECRET = 6
"""Characters of a secret that is known by its value; a shorter one is a word that may stand anywhere."""
LONGEST_MESSAGE = 2_000
"""Characters of a message: a file may have any number of columns, of names of any length."""
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\uffa0]"
    "|(?:(?<=[\ufe00-\ufe0f\U000e0100-\U000e01ef\\s])|^)[\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
"""What counts as printable and shows nothing: fillers, and more than one selector of a variation, which can hide a text."""
_HIDING = (
    (_CREDENTIALS, r"\1"),
    (_NAME, r"\1"),
    (_SIGNED, ""),
    (_QUERY, r"\1"),
    (_OPTIONS, r"\1"),
    (_NAMED, rf"\1={HIDDEN}"),
)
_LINE_END = re.compile(r"(?<!\s)[^\S\t\r\n]*+[\t\r\n]\s*+")
_known: tuple[str, ...] = ()
_folded: frozenset[str] = frozenset()


class BreakevenError(Exception):
    """Base of all expected failures.

    Its text is one line that says what to do, shows what no terminal shows, and holds no secret of an address.
    """

    exit_code = 1

    def __init__(self, *args: object) -> None:
        super().__init__(*(_told(arg) if isinstance(arg, str) else arg for arg in args))


class UsageError(BreakevenError):
    """Bad input or bad settings; found before anything was changed."""

    exit_code = 2


class InputError(UsageError):
    """The input cannot be read as asked (missing, empty, without the named column)."""


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


def remember_secrets(secrets: Iterable[str]) -> None:
    """Have `hide_secrets` hide these as well, wherever they stand; what could be any word is not taken up."""
    global _known, _folded  # noqa: PLW0603  what this process was given, once the settings are read
    telling = [one for one in secrets if _tells(one)]
    forms = {form for one in telling for form in forms_of(one)}
    _known = tuple(sorted({*_known, *forms}, key=len, reverse=True))
    _folded = _folded.union(*map(folded_forms, telling))


def hide_secrets(text: str) -> str:
    """Return a text without passwords, signatures and keys: those of the addresses in it, and those that are known."""
    for secret in _known:
        if secret in text:
            text = text.replace(secret, HIDDEN)
    text = hide_folded(text, _folded, HIDDEN)
    if ":" in text or "=" in text or "?" in text:
        for pattern, instead in _HIDING:
            text = pattern.sub(instead, text)
    return _KEY.sub(HIDDEN, _SCHEME.sub(rf"\1 {HIDDEN}", text))


def known_secrets() -> Iterable[str]:
    """Return the secrets that were given to `remember_secrets`."""
    return _known


def _tells(secret: str) -> bool:
    """Whether a secret is long and odd enough that it is no word of a message."""
    return len(secret) >= _LEAST_SECRET and (
        len(secret) > 2 * _LEAST_SECRET or not (secret.isalpha() or secret.isdecimal())
    )


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
    of writing, or bytes that are no UTF-8. Every message passes through here, and so do the cells of tables. One
    variation selector behind a character stays: it chooses how that one looks.
    """
    if text.isascii() and text.isprintable():
        return text
    return _UNSEEN.sub(lambda found: _escaped(found[0]), _shown(text))


def _shown(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one == "\n" else _escaped(one) for one in text)


def _told(message: str) -> str:
    """Return what an error says: one line of visible characters, without secrets, and no longer than people read."""
    return shorten(one_line(hide_secrets(shorten(message, 4 * LONGEST_MESSAGE))))


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte that is no UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def defect(error: BaseException) -> str:
    """Name an unexpected error by its kind and its place in the code; its own words may hold a record's text."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}, which is a defect: please report it"
