"""What one record of a workload costs here and on the API, and what each of these figures stands on."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction

from sqlalchemy.orm import Session

from db.throughput import HistoryFilter, list_earlier_runs
from models.catalogue.entries import gpu_called
from models.catalogue.rates import engine_machine
from models.default_model import model_name
from models.economics.demand import Lengths
from models.economics.pricing import batch_prices, cost_nano, price_on, prices_of
from models.economics.throughput import OutputLength, measure_api_output, measure_output
from models.engines.api.token_count import ApiTokenCounter
from models.engines.server.token_estimate import EstimatedModel
from models.engines.vllm.tokenizer import LocalModel
from models.errors import UsageError
from models.gpu_time import gpu_cost_nano
from models.machine import gpu_name
from models.requests import Message, Usage
from models.settings import Settings
from models.tokens import ChatTokenCounter, counter_of
from models.workloads.base import Workload
from tasks.backfill.quote import assume_output, known_model
from tasks.forecast.own_machine import Machine, model_of
from tasks.forecast.serving_speed import EngineLimits, ServingSpeed, find_speed


@dataclass(frozen=True, slots=True)
class PromptTokens:
    """Tokens of one prompt on one side, and the usual length of an answer; `None` where nothing tells, and `why`."""

    input: int | None
    output: OutputLength
    why: str = ""


@dataclass(frozen=True, slots=True)
class OwnCost:
    """What records cost on this machine, nano-dollars, None where nothing tells. `basis` says what it stands on, or why not."""

    nano: int | None
    basis: str


class RecordCosts:
    """Prices records of one workload: what is looked up once for all of them."""

    def __init__(self, workload: Workload, settings: Settings, session: Session | None) -> None:
        self._workload = workload
        self._settings = settings
        self._session = session
        self._machine = engine_machine(settings, gpu_name())
        self.counter: ChatTokenCounter = counter_of(
            settings.api_tokenizer or settings.api_model, settings.cache_dir
        )
        self._on_wire = ApiTokenCounter(self.counter, settings.api_structured_output)
        self.local, self._why_not = _load(settings, self.counter)
        self._like = HistoryFilter(
            workload.name,
            workload.fingerprint,
            model_name(settings),
            self._machine.kind,
            settings.api_model,
        )
        self._answers = self._measure()

    def here(self, messages: tuple[Message, ...]) -> PromptTokens:
        """Count a prompt as the local model reads it."""
        if self.local is None:
            return PromptTokens(None, self._answers[0], self._why_not)
        return PromptTokens(self.local.tokenizer.count([messages])[0], self._answers[0])

    def there(self, messages: tuple[Message, ...]) -> PromptTokens:
        """Count a prompt as the API's tokenizer would."""
        given = self._on_wire.input_tokens(messages, self._workload.output_format)
        return PromptTokens(given, self._answers[1])

    def own(self, requests: int, input_tokens: int, output_tokens: int) -> OwnCost:
        """Price requests with so many tokens on this machine, without the load of the engine."""
        try:
            speed = self._speed(requests, input_tokens, output_tokens)
        except UsageError:
            known = f"no run of {model_name(self._settings)} on {self._machine.kind} so far, and the catalogue does not tell"
            return OwnCost(None, known)
        time = speed.throughput.time(requests, input_tokens, output_tokens)
        nano = gpu_cost_nano(time.total_ns, self._machine.nano_usd_per_hour)
        return OwnCost(nano, f"{speed.basis}, on {self._machine.kind}")

    def on_api(self, input_tokens: int, output_tokens: int) -> tuple[int, int]:
        """Price tokens at what the API asks today, at once and in a batch, nano-dollars. Raises `PriceUnknown`."""
        today, usage = datetime.now(UTC).date(), Usage(input_tokens, 0, output_tokens)
        prices = prices_of(self._settings)
        discounted = batch_prices(prices, self._settings.batch_discount)
        return cost_nano(price_on(prices, today), usage), cost_nano(price_on(discounted, today), usage)

    def _measure(self) -> tuple[OutputLength, OutputLength]:
        own, api = assume_output(self._workload, self._on_wire, self.local)
        if self._session is None:
            return own, api
        runs = list_earlier_runs(self._session, self._like, any_machine=True)
        return measure_output(runs) or own, measure_api_output(runs) or api

    def _speed(self, requests: int, input_tokens: int, output_tokens: int) -> ServingSpeed:
        """Look at earlier runs of this prompt, then at those of any, then into the catalogue."""
        settings = self._settings
        model = model_of(settings)
        gpu = settings.gpu_kind or gpu_name()
        machine = Machine(self._machine.kind, None if gpu is None else gpu_called(gpu), "this machine's")
        lengths = Lengths(1, Fraction(input_tokens, requests), Fraction(output_tokens, requests), None)
        like, other = self._like, ""
        if self._session is not None and not list_earlier_runs(self._session, like, limit=1):
            like, other = replace(like, workload=None, prompt_fingerprint=None), " of other prompts"
        found = find_speed(machine, model, EngineLimits.of(settings), lengths, like, self._session)
        measured = found.throughput.runs > 0
        return replace(found, basis=f"{found.basis}{other}") if measured else found


def _load(settings: Settings, counter: ChatTokenCounter) -> tuple[LocalModel | EstimatedModel | None, str]:
    """Load the local model's tokenizer; where it is not there, say why."""
    try:
        return known_model(settings, counter), ""
    except UsageError as error:
        return None, str(error)
