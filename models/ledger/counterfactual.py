"""What the same records would have used on the API: estimated, and corrected by what the API reported of others."""

from collections.abc import Callable
from dataclasses import replace

from models.economics.calibration import TokenCalibration, TokenEstimate
from models.economics.pricing import Price
from models.engines.api.token_count import ApiTokenCounter, is_cached_by_itself
from models.requests import Completion, Message, OutputFormat, Usage


class CounterfactualTokens:
    """Estimates the tokens of finished requests on the API. For one run and one thread.

    With a calibration an estimate is corrected by it. Without one, the first request with a prompt long enough is
    taken to write the prompt to the cache and the others to read it there, where the `price` knows cached input.
    `calibrates`: whether its attempts on the API tell of others; a judge's question is another than the workload's. `asked_there`: what the API
    would be sent in the place of the messages that a local engine was.
    """

    def __init__(
        self,
        counter: ApiTokenCounter,
        calibration: TokenCalibration | None = None,
        price: Price | None = None,
        *,
        calibrates: bool = True,
        asked_there: Callable[[tuple[Message, ...]], tuple[Message, ...]] = lambda asked: asked,
    ) -> None:
        self._counter = counter
        self._calibration = calibration
        self._calibrates = calibrates
        self._asked_there = asked_there
        self._caches = price is not None and is_cached_by_itself(price)
        self._written: set[tuple[tuple[Message, ...], OutputFormat]] = set()

    def of(self, completion: Completion) -> Usage:
        """Return what a completion's record would have used on the API, at once."""
        usage = self._count(completion)
        if self._calibration is not None:
            return self._calibration.apply(usage)
        if not usage.cached_tokens:
            return usage
        if not self._caches:
            return replace(usage, cached_tokens=0)
        key = self._asked_there(completion.request.messages)[:-1], completion.request.output
        if key in self._written:
            return usage
        self._written.add(key)
        return replace(usage, cached_tokens=0, cache_write_tokens=usage.cached_tokens)

    def of_unreported(self, completion: Completion) -> Usage:
        """Return what an attempt on the API used that reported no usage: nothing of it counts as cached.

        It is counted as it was sent and received, where that is known: a schema may have been told in the prompt.
        """
        exchange = None if completion.attempt is None else completion.attempt.exchange
        usage = self._count(completion) if exchange is None else self._counter.count_exchange(exchange)
        corrected = usage if self._calibration is None else self._calibration.apply(usage)
        return replace(corrected, cached_tokens=0, cache_write_tokens=0)

    def of_local(self, completion: Completion) -> Usage:
        """Return what the local engine used where it reports nothing, by the API's vocabulary."""
        chat = self._counter.chat
        return Usage(chat.input_tokens(completion.request.messages), 0, chat.output_tokens(completion.text))

    def estimate(self, completion: Completion) -> TokenEstimate | None:
        """Return the plain estimate of an attempt, to be held against what the API reports of it; None where it tells nothing."""
        if not self._calibrates:
            return None
        usage = self._count(completion)
        return TokenEstimate(usage.input_tokens, usage.output_tokens, self._counter.name)

    def _count(self, completion: Completion) -> Usage:
        request = completion.request
        there = self._asked_there(request.messages)
        asked = request if there is request.messages else replace(request, messages=there)
        return self._counter.count(asked, completion.text, completion.value)
