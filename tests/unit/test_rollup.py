"""Lines are grouped and summed by column as they would be one by one."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from models.ids import new_id
from models.ledger.line import LedgerLine
from models.ledger.rollup import Firsts, group_lines, key_of, sum_first_attempts, sum_line

RUN = new_id()
AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
COUNT = st.none() | st.integers(0, 10**6)
LINE = LedgerLine(
    id=RUN,
    run_id=RUN,
    record_key="r",
    attempt=1,
    at=AT,
    requested="vllm",
    engine="vllm",
    reason=None,
    outcome="ok",
    prompt_id=1,
    model_id=1,
    input_tokens=1,
    cached_tokens=1,
    output_tokens=1,
    estimated=False,
    gpu_ns=1,
    cost_nano=1,
    price_id=None,
    infrastructure_id=1,
    counterfactual_input_tokens=1,
    counterfactual_output_tokens=1,
    counterfactual_nano=1,
    counterfactual_price_id=1,
    request_hash=b"x",
    answer_hash=None,
    reuses=None,
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "run_id": st.sampled_from([RUN, UUID(int=RUN.int), UUID(int=7)]),
    "at": st.sampled_from(
        [AT, AT + timedelta(hours=13), AT.astimezone(timezone(timedelta(hours=9))), AT + timedelta(hours=1)]
    ),
    "engine": st.sampled_from(["vllm", "openai"]),
    "reason": st.sampled_from([None, "", "low_confidence"]),
    "price_id": st.sampled_from([None, 1, 2]),
    "batch_id": st.sampled_from([None, RUN]),
    "estimated": st.booleans(),
    **dict.fromkeys(
        (
            "input_tokens",
            "cached_tokens",
            "output_tokens",
            "reasoning_tokens",
            "cache_write_tokens",
            "gpu_ns",
            "cost_nano",
            "counterfactual_input_tokens",
            "counterfactual_output_tokens",
            "counterfactual_nano",
        ),
        COUNT,
    ),
}
LINES = st.lists(st.fixed_dictionaries(FIELDS).map(lambda fields: LINE._replace(**fields)), max_size=20)


@given(LINES)
def test_columns_sum_to_what_lines_add(lines: list[LedgerLine]) -> None:
    """Each way has its lines, also where equal keys are different objects, and the sums of its lines' sum_line."""
    expected: defaultdict[object, list[tuple[int, ...]]] = defaultdict(list)
    for line in lines:
        expected[key_of(line)].append(sum_line(line, Firsts(of_record=True, on_engine=True)))
    assert {way: sum_first_attempts(own) for way, own in group_lines(lines).items()} == {
        way: tuple(map(sum, zip(*own, strict=True))) for way, own in expected.items()
    }
