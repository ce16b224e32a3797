"""Counts what a record needs: requests and tokens of the local engine, and of the API."""

from collections.abc import Sequence
from typing import NamedTuple

from models.engines.api.token_count import ApiTokenCounter
from models.engines.server.token_estimate import EstimatedModel
from models.engines.vllm.tokenizer import LocalModel
from models.records import Record
from models.routing import rules
from tasks.planning.checks import Checked


class TextTokens(NamedTuple):
    """What one text needs: requests to the local engine and their tokens, and the API's tokens.

    `api_cached_tokens`: the part of the API's that another request of the kind has left in its cache. `rejected`: the local engine will not take it, and nobody else does. `sent`: it goes to the API at once.
    """

    requests: int
    input_tokens: int
    api_input_tokens: int
    api_cached_tokens: int
    rejected: bool
    sent: bool


class ApiInput(NamedTuple):
    """Input tokens of one request to the API, and the part of them that is in its cache."""

    input_tokens: int
    cached_tokens: int


class PromptCounter:
    """Counts the tokens of records as the engines would see them, by the workload and the policy in force."""

    def __init__(self, checked: Checked, local: LocalModel | EstimatedModel | None) -> None:
        self._workload = checked.workload
        self._policy = checked.policy
        self._api = ApiTokenCounter(checked.counter, checked.settings.api_structured_output)
        self._output = checked.workload.output_format
        self._local = local
        lost = rules.find_reason(checked.policy, rejection="too_long", valid=False, confidence=None) is None
        self._rejects = lost

    def __call__(self, records: Sequence[Record]) -> list[TextTokens]:
        """Count one request to the API for each record, and what goes to the local engine before."""
        prompts = [self._workload.messages(record.text) for record in records]
        api = [
            ApiInput(
                self._api.input_tokens(messages, self._output),
                self._api.cached_tokens(messages, self._output),
            )
            for messages in prompts
        ]
        if self._local is None:
            return [TextTokens(0, 0, *tokens, rejected=False, sent=True) for tokens in api]
        local = self._local.tokenizer.count([self._workload.local_messages(one.text) for one in records])
        asked = self._triage(records, self._local)
        return [self._counted(*one) for one in zip(records, local, asked, api, strict=True)]

    def _counted(self, record: Record, tokens: int, triage: int, api: ApiInput) -> TextTokens:
        if rules.find_complex_reason(record, self._policy) is not None:  # goes to the API at once
            return TextTokens(0, 0, *api, rejected=False, sent=True)
        longest = None if self._local is None else self._local.max_model_len
        if longest is not None and tokens + self._workload.max_tokens > longest:
            return TextTokens(0, 0, *api, rejected=self._rejects, sent=not self._rejects)
        return TextTokens(1 + (triage > 0), tokens + triage, *api, rejected=False, sent=False)

    def _triage(self, records: Sequence[Record], local: LocalModel | EstimatedModel) -> list[int]:
        """Return the tokens of the question whether a record is complex; 0 where it is not asked."""
        if not rules.asks_triage(self._policy):
            return [0] * len(records)
        return local.tokenizer.count([rules.triage_messages(record.text) for record in records])
