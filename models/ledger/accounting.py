"""From finished requests to ledger lines: the part of a commit that only computes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Literal, NamedTuple
from uuid import UUID

from models.economics.calibration import TokenCalibration
from models.economics.pricing import Price, request_cost_nano
from models.engines.base import served_by
from models.engines.classifier.request import TriageRequest
from models.gpu_time import GpuTime, MachineTime, gpu_cost_nano, split_exactly
from models.ledger.counterfactual import CounterfactualTokens
from models.ledger.line import EngineName, LedgerLine
from models.requests import Completion, Request, Usage

ANSWER_HASH_BYTES = 8
"""Enough to compare answers of one record; short, because every line carries it."""
NOTHING = Usage(0, 0, 0)
NOT_SERVED = ("escalated", "triage", "invalid_output")
"""Outcomes of attempts that an API pipeline would not have made, or whose record nobody knows that it would have served."""


@dataclass(frozen=True, slots=True)
class ApiKeys:
    """Keys of the API's model and of the price that its attempts are charged at, and that price."""

    model_id: int
    price_id: int
    price: Price


@dataclass(frozen=True, slots=True)
class LineKeys:
    """Keys of the rows that every line of a run refers to, and the prices behind them.

    `counterfactual_price` is the API's price for an answer at once, `api_batch` holds the Batch API's.
    `calibration` corrects the estimated tokens of the counterfactual. `requested` is the engine that records are first sent
    to, `classifier_id` the model of a classifier before the others, `triage_id` that of a trained triage. `local_prompt_id` names what the local engine is told, where that is
    not the prompt of the workload.
    """

    run_id: UUID
    prompt_id: int
    model_id: int
    infrastructure_id: int
    nano_usd_per_hour: int
    counterfactual_price_id: int
    counterfactual_price: Price
    api: ApiKeys | None = None
    api_batch: ApiKeys | None = None
    calibration: TokenCalibration | None = None
    requested: EngineName = "vllm"
    classifier_id: int | None = None
    triage_id: int | None = None
    local_prompt_id: int | None = None

    def prompt_of(self, request: Request) -> int:
        """Return the key of the prompt that a request was made with."""
        local = served_by(request) == "vllm" and self.local_prompt_id is not None
        return self.local_prompt_id if local and self.local_prompt_id is not None else self.prompt_id

    def model_of(self, request: Request) -> int:
        """Return the key of the model that a request is for."""
        if isinstance(request, TriageRequest) and self.triage_id is not None:
            return self.triage_id
        match served_by(request):
            case "classifier" if self.classifier_id is not None:
                return self.classifier_id
            case "openai" if self.api is not None:
                return self.api.model_id
        return self.model_id


class TierPrice(NamedTuple):
    """The price of a tier of service, and its key."""

    price_id: int
    price: Price


@dataclass(frozen=True, slots=True)
class LinePrices:
    """The prices that a line of an API's attempt refers to: its own, and that of the same answer at once.

    `opened_at` is when the line was opened: its hour decides where a price differs by the hour; None: the highest of
    the day. `tier` is the price of the tier that the attempt was served in, where that is not the line's own. `bound_nano` is the most
    that the attempt can cost, nano-dollars.
    """

    own: Price
    counterfactual: Price
    opened_at: datetime | None = None
    tier: TierPrice | None = None
    bound_nano: int = 0

    def cost_nano(self, usage: Usage) -> int:
        """Return what the attempt cost, nano-dollars."""
        price = self.own if self.tier is None else self.tier.price
        return request_cost_nano(price, usage, self.opened_at)

    def counterfactual_nano(self, usage: Usage) -> int:
        """Return what the same answer costs at once, nano-dollars."""
        return request_cost_nano(self.counterfactual, usage, self.opened_at)


class Finished(NamedTuple):
    """A request that an engine answered, and what became of the answer.

    `reason` is why the record went on to the API, or went there at once; None where it did not.
    `prices` are those that its line was opened at, maybe days ago and in a batch; None: this run's own. `came`: why the
    record came from the classifier, where it did.
    """

    completion: Completion
    at: datetime
    outcome: Literal["ok", "invalid_output", "escalated", "triage"]
    reason: str | None = None
    prices: LinePrices | None = None
    came: str | None = None

    @property
    def engine(self) -> EngineName:
        """Who spent time on it: nobody, where an earlier answer was reused."""
        return served_by(self.completion.request) if self.completion.reuses is None else "reuse"

    @property
    def would_be_served(self) -> bool:
        """Whether an API pipeline would have made the attempt, and it is known that it would have served its record."""
        return self.completion.reuses is None and self.outcome not in NOT_SERVED


def came_because(held: Sequence[Finished]) -> str | None:
    """Return why the classifier passed a record on, by the attempts before; None where none did."""
    for one in held:
        if served_by(one.completion.request) == "classifier":
            return one.reason
    return None


class Lap(NamedTuple):
    """Time of a machine, nanoseconds, and what it costs, nano-dollars."""

    ns: int = 0
    nano: int = 0


NO_TIME = Lap()


def divide_lap(time: MachineTime, nano: int) -> tuple[Lap, Lap]:
    """Divide what a machine's time costs between the local engine and the classifier, to the nano-dollar."""
    parts = (time.local.total_ns, time.classifier.total_ns)
    local, classifier = split_exactly(nano, parts)
    return Lap(parts[0], local), Lap(parts[1], classifier)


class GpuMeter:
    """Turns laps of GPU time into nano-dollars so that their sum is the run's total, rounded once."""

    def __init__(self, nano_usd_per_hour: int) -> None:
        self._rate = nano_usd_per_hour
        self.time = GpuTime()
        self.cost_nano = 0

    def add(self, lap: GpuTime) -> int:
        """Add a lap and return what it costs."""
        self.time += lap
        total = gpu_cost_nano(self.time.total_ns, self._rate)
        lap_cost, self.cost_nano = total - self.cost_nano, total
        return lap_cost


def ledger_lines(
    finished: Sequence[Finished],
    lap_ns: int,
    lap_nano: int,
    keys: LineKeys,
    counter: CounterfactualTokens,
    classified: Lap = NO_TIME,
) -> list[LedgerLine]:
    """Account for the requests of one commit that an engine of this machine answered, and for all that were reused.

    The lines of an API's attempts are there already; `api_accounting.closings` says how they end. The lap's GPU time
    and cost are split over the attempts of the local engine in proportion to the time each spent in it,
    to the nanosecond and the nano-dollar, and what was `classified` over those of the classifier; a reuse costs nothing (I10, I11). Without a reported usage the
    tokens are estimated, and the line says so (I4).
    """
    own = [item for item in finished if item.completion.attempt is None]
    times = _split_laps(own, {"vllm": Lap(lap_ns, lap_nano), "classifier": classified})
    instead = [counter.of(item.completion) if item.would_be_served else NOTHING for item in own]
    asked = {type(item.completion.request): item.completion.request for item in own}
    ways = {kind: _Way(keys.prompt_of(one), keys.model_of(one)) for kind, one in asked.items()}
    return [
        _line(item, keys, ways[type(item.completion.request)], time, usage, counter)
        for item, time, usage in zip(own, times, instead, strict=True)
    ]


def _split_laps(items: Sequence[Finished], laps: Mapping[EngineName, Lap]) -> list[Lap]:
    """Split each engine's lap over the attempts that it answered; the others have no time."""
    engines = [item.engine for item in items]
    times = [NO_TIME] * len(items)
    for engine, lap in laps.items():
        places = [place for place, one in enumerate(engines) if one == engine]
        if places:
            weights = [items[place].completion.engine_ns for place in places]
            shares = map(Lap, split_exactly(lap.ns, weights), split_exactly(lap.nano, weights))
            for place, share in zip(places, shares, strict=True):
                times[place] = share
    return times


class _Way(NamedTuple):
    """Keys of what the requests of one kind have in common."""

    prompt_id: int
    model_id: int


def _line(
    item: Finished,
    keys: LineKeys,
    way: _Way,
    time: Lap,
    instead: Usage,
    counter: CounterfactualTokens,
) -> LedgerLine:
    """Make the line of an attempt; `instead` is what its record would have used on the API."""
    completion, request, engine = item.completion, item.completion.request, item.engine
    reused = engine == "reuse"
    usage = NOTHING if reused else completion.usage or counter.of_local(completion)
    passed_on = item.reason if item.outcome in NOT_SERVED else None
    return LedgerLine(
        id=request.id,
        run_id=keys.run_id,
        record_key=request.record_key,
        attempt=request.attempt,
        at=item.at,
        requested=keys.requested,
        engine=engine,
        reason="identical" if reused else passed_on or item.came,
        outcome=item.outcome,
        prompt_id=way.prompt_id,
        model_id=way.model_id,
        input_tokens=usage.input_tokens,
        cached_tokens=usage.cached_tokens,
        output_tokens=usage.output_tokens,
        estimated=not reused and completion.usage is None,  # a server of one's own need not report it
        gpu_ns=time.ns,
        cost_nano=time.nano,
        price_id=None,
        infrastructure_id=keys.infrastructure_id,
        counterfactual_input_tokens=instead.input_tokens,
        counterfactual_output_tokens=instead.output_tokens,
        counterfactual_nano=request_cost_nano(keys.counterfactual_price, instead, item.at),
        counterfactual_price_id=keys.counterfactual_price_id,
        request_hash=request.digest(),
        answer_hash=answer_hash(completion.text),
        reuses=completion.reuses,
        reasoning_tokens=usage.reasoning_tokens or None,
        cache_write_tokens=usage.cache_write_tokens or None,
        counterfactual_cached_tokens=instead.cached_tokens or None,
        counterfactual_cache_write_tokens=instead.cache_write_tokens or None,
    )


def answer_hash(text: str) -> bytes:
    """Hash an answer; the ledger never holds its text (I7)."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=ANSWER_HASH_BYTES).digest()
