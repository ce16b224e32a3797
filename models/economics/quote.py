"""What partitions will take and cost, before they are run; quotes add up.

Counts are what the local engine and the API's tokenizer would see; money is integer nano-dollars. What is not
known is None, and so is every sum that it belongs to: nothing is free by accident.
"""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from heapq import heapreplace
from math import ceil, sqrt

from models.economics.pricing import nano_to_usd
from models.economics.sharding import ShardedWork
from models.gpu_time import NS_PER_HOUR, GpuTime, gpu_cost_nano

INTERVAL = 1.96
"""Standard errors on each side of an estimate that make its 95 % interval."""
HOURS = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A count, and the variance with which it was estimated from a sample: 0 where it was counted."""

    value: int
    variance: int = 0

    @property
    def margin(self) -> int:
        """Half the width of the 95 % interval; 0 for a count that is exact."""
        return ceil(INTERVAL * sqrt(self.variance))

    def __add__(self, other: "Estimate") -> "Estimate":
        """Add two estimates that were made independently."""
        return Estimate(self.value + other.value, self.variance + other.variance)


def estimate_total(values: Sequence[int], population: int) -> Estimate:
    """Estimate the sum over `population` items from the values of a uniform sample of them, without repeats.

    Exact where the sample holds all of them. Variance of a total under simple random sampling, with the
    correction for a finite population: N² (1 - n/N) s²/n (Cochran, Sampling Techniques, 1977, theorem 2.2).
    Raises `ValueError` for a sample that is larger than the population, or too small to show a spread.
    """
    size, total = len(values), sum(values)
    if size == population:
        return Estimate(total)
    if not 2 <= size < population:  # noqa: PLR2004  a spread needs two values
        msg = f"{size} values are no sample of {population}"
        raise ValueError(msg)
    spread = Fraction(sum(value * value for value in values) * size - total * total, size * (size - 1))
    variance = Fraction(population * (population - size), size) * spread
    return Estimate(round(Fraction(total * population, size)), ceil(variance))


@dataclass(frozen=True, slots=True)
class Sent:
    """What surely goes to the API, and costs `nano` at its price in the mode that is set."""

    requests: Estimate = Estimate(0)
    input_tokens: Estimate = Estimate(0)
    output_tokens: int = 0
    nano: int = 0

    def __add__(self, other: "Sent") -> "Sent":
        return Sent(
            self.requests + other.requests,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.nano + other.nano,
        )


@dataclass(frozen=True, slots=True)
class PartitionQuote:
    """What one partition will take. `requests`, `input_tokens` and `output_tokens` are the local engine's, `sent` the API's.

    `records`: rows that are to be done. `quarantined`: those of them that will be set aside, as far as it
    can be seen before they are answered. `api_requests` and its tokens: if the API answered everything.
    Identical texts are asked once, by either. `time`: busy and idle GPU time; `load_ns`: one load of the
    engine, nanoseconds; both None where no earlier run tells. `basis` says what the figures stand on.
    `sends_on`: the policy can send more to the API after a local answer, which nobody knows before. `sharded`: the same as it could be
    cut into shards; None where it is not, whatever is set, or the time is not known.
    """

    partition: date
    records: int
    quarantined: Estimate
    requests: Estimate
    input_tokens: Estimate
    output_tokens: int
    api_requests: int
    api_input_tokens: Estimate
    api_output_tokens: int
    time: GpuTime | None
    load_ns: int | None
    nano_usd_per_hour: int
    api_nano: int
    batch_nano: int
    basis: str
    sent: Sent = Sent()
    sends_on: bool = False
    sharded: ShardedWork | None = None

    @property
    def gpu_ns(self) -> int | None:
        """GPU time without the engine's load, nanoseconds."""
        return None if self.time is None else self.time.total_ns

    @property
    def gpu_nano(self) -> int | None:
        """Cost of the GPU time without the engine's load."""
        return None if self.gpu_ns is None else gpu_cost_nano(self.gpu_ns, self.nano_usd_per_hour)

    def row(self) -> dict[str, object]:
        """Return the quote as a row of a table."""
        return _row(str(self.partition), self, self.basis)


def empty_quote(partition: date) -> PartitionQuote:
    """Return the quote of a partition in which nothing is to be done."""
    nothing, no_time = Estimate(0), GpuTime()
    return PartitionQuote(
        partition, 0, nothing, nothing, nothing, 0, 0, nothing, 0, no_time, 0, 0, 0, 0, "nothing to do"
    )


@dataclass(frozen=True, slots=True)
class Quote:
    """What some partitions will take together, and `loads` loads of the engine beside them."""

    partitions: tuple[PartitionQuote, ...]
    loads: int = 1

    @classmethod
    def of(cls, partitions: Iterable[PartitionQuote], loads: int = 1) -> "Quote":
        """Put quotes together. `loads`: how often the engine is loaded for all of them: once on one machine."""
        return cls(tuple(partitions), loads)

    def __add__(self, other: "Quote") -> "Quote":
        """Put two quotes together that share an engine load."""
        return Quote(self.partitions + other.partitions, max(self.loads, other.loads))

    @property
    def records(self) -> int:
        """Rows that are to be done."""
        return sum(one.records for one in self.partitions)

    @property
    def quarantined(self) -> Estimate:
        """Rows that will be set aside."""
        return _sum(one.quarantined for one in self.partitions)

    @property
    def requests(self) -> Estimate:
        """Requests to the local engine."""
        return _sum(one.requests for one in self.partitions)

    @property
    def input_tokens(self) -> Estimate:
        """Input tokens of the local engine."""
        return _sum(one.input_tokens for one in self.partitions)

    @property
    def output_tokens(self) -> int:
        """Output tokens of the local engine."""
        return sum(one.output_tokens for one in self.partitions)

    @property
    def api_requests(self) -> int:
        """Requests to an API that answered everything."""
        return sum(one.api_requests for one in self.partitions)

    @property
    def api_input_tokens(self) -> Estimate:
        """Input tokens of an API that answered everything."""
        return _sum(one.api_input_tokens for one in self.partitions)

    @property
    def api_output_tokens(self) -> int:
        """Output tokens of an API that answered everything."""
        return sum(one.api_output_tokens for one in self.partitions)

    @property
    def load_ns(self) -> int | None:
        """Time of all loads of the engine; none is needed where it has nothing to do."""
        known = [one.load_ns for one in self._local if one.load_ns is not None]
        return self.loads * max(known, default=0) if len(known) == len(self._local) else None

    @property
    def load_nano(self) -> int | None:
        """Cost of all loads of the engine."""
        rate = max((one.nano_usd_per_hour for one in self._local), default=0)
        return None if self.load_ns is None else gpu_cost_nano(self.load_ns, rate)

    @property
    def gpu_ns(self) -> int | None:
        """GPU time with the loads."""
        return _known([self.load_ns, *(one.gpu_ns for one in self.partitions)])

    @property
    def gpu_nano(self) -> int | None:
        """Cost of the GPU time with the loads: the partitions' and the loads', to the nano-dollar."""
        return _known([self.load_nano, *(one.gpu_nano for one in self.partitions)])

    def elapsed_ns(self, workers: int) -> int | None:
        """Time from start to end on so many workers: whichever is free takes the next partition, and loads the engine for it."""
        free = [0] * workers
        for one in self._local:
            if one.gpu_ns is None or one.load_ns is None:
                return None
            heapreplace(free, free[0] + one.load_ns + one.gpu_ns)
        return max(free)

    @property
    def sent(self) -> Sent:
        """What surely goes to the API."""
        return sum((one.sent for one in self.partitions), Sent())

    @property
    def sends_on(self) -> bool:
        """Whether more than `sent` can go to the API, after a local answer."""
        return any(one.sends_on for one in self.partitions)

    @property
    def cost_nano(self) -> int | None:
        """What is to be paid: GPU time with the loads, and the API for what surely goes there."""
        return _known([self.gpu_nano, self.sent.nano])

    def only(self, partitions: Container[date]) -> "Quote":
        """Return the quote of some of the partitions."""
        return Quote(tuple(one for one in self.partitions if one.partition in partitions), self.loads)

    @property
    def api_nano(self) -> int:
        """Cost of an API that answered everything at once."""
        return sum(one.api_nano for one in self.partitions)

    @property
    def batch_nano(self) -> int:
        """Cost of an API that answered everything in batches."""
        return sum(one.batch_nano for one in self.partitions)

    def rows(self) -> list[dict[str, object]]:
        """Return one row a partition, for tables. Money and hours are `Decimal`, None where unknown."""
        return [one.row() for one in self.partitions]

    def total(self) -> dict[str, object]:
        """Return the row that sums up the others; its GPU time has the engine's loads in it as well."""
        load = "load unknown" if self.load_ns is None else f"{self.loads} x load"
        return _row("total", self, f"with {load}" if self._local else "")

    @property
    def _local(self) -> list[PartitionQuote]:
        return [one for one in self.partitions if one.requests.value]


def _row(name: str, of: PartitionQuote | Quote, basis: str) -> dict[str, object]:
    """Render a quote: requests and tokens are those of the local engine and of what surely goes to the API."""
    return {
        "partition": name,
        "records": of.records,
        "requests": of.requests.value + of.sent.requests.value,
        "input_tokens": of.input_tokens.value + of.sent.input_tokens.value,
        "output_tokens": of.output_tokens + of.sent.output_tokens,
        "gpu_hours": None if of.gpu_ns is None else (Decimal(of.gpu_ns) / NS_PER_HOUR).quantize(HOURS),
        "gpu_usd": None if of.gpu_nano is None else nano_to_usd(of.gpu_nano),
        "api_usd": nano_to_usd(of.api_nano),
        "batch_usd": nano_to_usd(of.batch_nano),
        "basis": basis,
    }


def _known(values: Sequence[int | None]) -> int | None:
    """Sum values; None if any is unknown."""
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _sum(estimates: Iterable[Estimate]) -> Estimate:
    total = Estimate(0)
    for one in estimates:
        total += one
    return total
