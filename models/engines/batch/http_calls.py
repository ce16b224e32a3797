"""Asking an OpenAI-compatible endpoint with the official client: retries, and errors that hold no text.

The client's own errors quote the reply, and their request holds the key. Ours are raised outside of the
handlers, so that they drag neither along, not even as their context.
"""

import logging
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TypeVar

import httpx2
import stamina
from openai import APIConnectionError, APIStatusError, APITimeoutError, DefaultHttpxClient, OpenAIError
from openai import BaseModel as ReplyModel

from models.catalogue.model_ends import end_note
from models.engines.api.deadline_transport import DeadlineTransport
from models.engines.api.endpoint_address import split_address
from models.engines.api.errors.error_codes import is_id, keep_secret
from models.engines.api.fetch import certificates_for
from models.engines.api.options import ApiOptions
from models.engines.api.own_client import OwnClient, no_cookies, secrets_of
from models.engines.api.rate_limits import retry_after
from models.engines.api.replies import NO_ACCESS_CODES, RETRY_STATUSES
from models.engines.api.reply_limits import ReplyTooLarge, limit_replies
from models.engines.batch.provider_words import fault_code
from models.engines.batch.status import BatchApiRefused, BatchApiUnavailable, BatchResultsTooLarge
from models.errors import ApiAccessError, BreakevenError

T = TypeVar("T")

GET_ATTEMPTS = 4
MOST_LISTED = 100_000
"""A list of more is taken for one without end."""
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0

DOWNLOAD = "download the results"
MOST_VALUES = 100_000
"""Of one reply about files or batches: of a thousand files there are some twenty thousand."""
OVERLONG = b"\0"
_FAULTS = (OpenAIError, httpx2.HTTPError, ValueError)
_NO_ACCESS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


def attempts() -> Iterator[stamina.Attempt]:
    """Yield a few attempts, each a context manager: after a fault the next comes when the endpoint asked for it, or later each time."""

    def pause(error: Exception) -> bool | float:
        if not isinstance(error, BatchApiUnavailable):
            return False
        return True if error.wait_seconds is None else min(error.wait_seconds, LONGEST_PAUSE_SECONDS)

    return iter(
        stamina.retry_context(
            on=pause,
            attempts=GET_ATTEMPTS,
            timeout=None,
            wait_initial=FIRST_PAUSE_SECONDS,
            wait_max=LONGEST_PAUSE_SECONDS,
            wait_jitter=0,
        )
    )


def split_lines(chunks: Iterable[bytes], longest: int) -> Iterator[bytes]:
    """Yield lines without their line feeds; one of more than `longest` bytes is not held: `OVERLONG` stands for it."""
    pieces: list[bytes] = []
    size = 0
    for chunk in chunks:
        *whole, rest = chunk.split(b"\n")
        for end in whole:
            yield b"".join([*pieces, end]) if size + len(end) <= longest else OVERLONG
            pieces, size = [], 0
        size += len(rest)
        if size <= longest:
            pieces.append(rest)
        else:
            pieces.clear()
    if size:
        yield b"".join(pieces) if size <= longest else OVERLONG


def _client(options: ApiOptions, most_bytes: int, seconds: float, values: int | None = None) -> OwnClient:
    """Make a client whose replies have at most so many bytes, and so many seconds to come as a whole."""
    keep_secret(secrets_of(options.base_url, options.sent_key, options.headers))
    base_url, query = split_address(options.base_url)
    sender = httpx2.AsyncClient(
        cookies=no_cookies(),
        follow_redirects=False,
        verify=certificates_for(base_url),
        event_hooks={
            "response": [limit_replies(most_bytes, of_errors=options.max_reply_bytes, values=values)]
        },
    )
    client = OwnClient(
        base_url=base_url,
        default_query=query,
        api_key=options.sent_key.get_secret_value(),
        timeout=options.timeout_seconds,
        max_retries=0,
        http_client=DefaultHttpxClient(
            transport=DeadlineTransport(sender, seconds),
            cookies=no_cookies(),
            follow_redirects=False,
            trust_env=False,
        ),
    )
    client.own_headers, client.bearer = options.headers, options.sends_key
    return client


class Caller:
    """One endpoint's client, and the one place that retries it.

    Raises `ApiAccessError`, `BatchApiUnavailable` and `BatchApiRefused`, nothing of the client's.
    """

    def __init__(self, options: ApiOptions) -> None:
        for name in ("openai", "httpx2"):  # below that, some releases log whole requests and addresses
            logging.getLogger(name).setLevel(logging.WARNING)
        logging.getLogger("stamina").addFilter(_is_of_others)
        self._options = options
        self.client = _client(options, options.max_reply_bytes, options.timeout_seconds, MOST_VALUES)
        self._downloads = _client(options, options.max_batch_result_bytes, options.batch_download_seconds)

    @property
    def host(self) -> str:
        """The endpoint's name, for messages."""
        return self._options.host

    def close(self) -> None:
        """Close the connections."""
        self.client.close()
        self._downloads.close()

    def get(self, what: str, ask: Callable[[], T]) -> T:
        """Ask for something that can be asked for twice: again after a pause, a few times."""
        for attempt in attempts():
            with attempt:
                return self.ask(what, ask)
        raise AssertionError  # pragma: no cover  the loop returns or raises

    def ask(self, what: str, ask: Callable[[], T]) -> T:
        """Ask once. Our own error is raised outside of the handler, so that it drags no reply along."""
        try:
            return ask()
        except _FAULTS as error:
            fault = self._fault(what, error)
        raise fault

    def lines(self, file_id: str) -> Generator[bytes]:
        """Stream a file once, within its deadline. Raises `BatchResultsTooLarge` as well.

        Splits at line feeds alone: JSON may hold other line separators. `OVERLONG` stands for a line that is longer than a reply may be.
        """
        fault = None
        try:
            with self._downloads.files.with_streaming_response.content(file_id) as response:
                yield from split_lines(response.iter_bytes(), self._options.max_reply_bytes)
        except _FAULTS as error:
            fault = self._fault(DOWNLOAD, error)
        if fault is not None:
            raise fault

    def _fault(self, what: str, error: Exception) -> BreakevenError:
        if isinstance(error, APIStatusError):
            return self._status_fault(what, error)
        if isinstance(error.__cause__ or error, ReplyTooLarge) and what == DOWNLOAD:
            return BatchResultsTooLarge(self.host, self._options.max_batch_result_bytes)
        failure = "garbled_reply"
        if isinstance(error, APITimeoutError | httpx2.TimeoutException):
            failure = "timeout"
        elif isinstance(error, APIConnectionError | httpx2.HTTPError):
            failure = "no_connection"
        return BatchApiUnavailable(what, self.host, failure, sent=True)

    def _status_fault(self, what: str, error: APIStatusError) -> BreakevenError:
        host, status = self.host, error.status_code
        fault = fault_code({"code": error.code, "message": error.body})
        said = f"http_{status}" if fault == "unknown" else fault
        wait = retry_after(error.response.headers, time.time())
        if said in NO_ACCESS_CODES or status == HTTPStatus.PAYMENT_REQUIRED:
            return ApiAccessError(f"{host}: the account's quota is used up ({said}); see to its billing")
        if said == "model_not_found":
            model = self._options.model
            note = end_note(model, datetime.now(UTC).date())
            return ApiAccessError(f"{host} has no model {model}; set BREAKEVEN_API_MODEL{note}")
        if status < HTTPStatus.BAD_REQUEST or status in _NO_ACCESS:  # the records' texts follow no redirect
            found = "refuses the key or the account" if status in _NO_ACCESS else "answers with a redirect"
            setting = "KEY" if status in _NO_ACCESS else "BASE_URL"
            return ApiAccessError(f"{host} {found} ({said}); set BREAKEVEN_API_{setting}")
        if status == HTTPStatus.TOO_MANY_REQUESTS or _not_there_yet(error):
            return BatchApiUnavailable(what, host, said, sent=False, wait_seconds=wait)
        if status in RETRY_STATUSES or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return BatchApiUnavailable(what, host, said, sent=True, wait_seconds=wait)
        return BatchApiRefused(what, host, said, status)


def _is_of_others(record: logging.LogRecord) -> bool:
    """Whether stamina's warning is not about a call here: it says of each retry that there is one, not of what."""
    return not str(getattr(record, "stamina.caused_by", "")).startswith(BatchApiUnavailable.__name__)


def _not_there_yet(error: APIStatusError) -> bool:
    """Whether a file is unknown that was uploaded a moment ago (bespokelabsai/curator #116)."""
    return error.status_code == HTTPStatus.BAD_REQUEST and error.param in {"file_id", "input_file_id"}


def parse_reply(model: object) -> Mapping[str, object]:
    """Return a reply as plain values. Raises `ValueError` for one that is no JSON object."""
    if not isinstance(model, ReplyModel):
        msg = "the reply is no JSON object"
        raise ValueError(msg)  # noqa: TRY004  a fault of the endpoint, not of the program
    return model.to_dict(mode="json", warnings=False)


def parse_page(ask: Callable[[], object]) -> tuple[list[Mapping[str, object]], bool]:
    """Return what is on a page of a list, as plain values, and whether there is more. Raises `ValueError` where it is none.

    The client takes any reply for a list. Taken for an empty one, it would make a second batch.
    """
    try:
        page = parse_reply(ask())
    except (AttributeError, TypeError):
        page = {}
    data = page.get("data")
    if not isinstance(data, list) or not all(isinstance(one, Mapping) for one in data):
        msg = "this is no list"
        raise ValueError(msg)
    return data, bool(data) and page.get("has_more") is not False


def listed(ask: Callable[[], Iterable[object]]) -> Iterator[Mapping[str, object]]:
    """Yield what is in a list, over all its pages, until it begins again. Raises `ValueError` where it is none, or has no end."""
    seen: set[str] = set()
    try:
        for model in ask():
            found = parse_reply(model)
            if (name := str(found.get("id"))) in seen:
                return
            if len(seen) >= MOST_LISTED:
                break
            seen.add(name)
            yield found
        else:
            return
    except (AttributeError, TypeError):
        pass
    msg = "this is no list"
    raise ValueError(msg)


def parse_id(reply: Mapping[str, object]) -> str:
    """Return the id in a reply. Raises `ValueError` where there is none."""
    found = reply.get("id")
    if not is_id(found):
        msg = "the reply names no id"
        raise ValueError(msg)
    return found
