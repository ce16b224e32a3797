"""What a reply says of how it was served: another model, another tier, the provider's own cost."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.engines.api.answers.served import is_same_model, served_of
from models.requests import Served


def served(headers: dict[str, str] | None = None, **body: Any) -> Served | None:  # noqa: ANN401 - fields of a reply
    """Read a reply to a request for gpt-4o-mini."""
    return served_of(body, headers or {}, "gpt-4o-mini")


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ("gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
        ("openai/gpt-4o-mini", "gpt-4o-mini"),
        ("gpt-4o-mini", "openai/gpt-4o-mini-2024-07-18"),
        ("gpt-3.5-turbo", "gpt-3.5-turbo-0125"),
        ("claude-3-5-haiku-latest", "claude-3-5-haiku-20241022"),
        ("models/gemini-2.0-flash", "gemini-2.0-flash-001"),
        ("mistral-small-latest", "mistral-small-2506"),
        ("llama3", "llama3:latest"),
        ("meta-llama/Llama-3.3-70B-Instruct", "llama-3.3-70b-instruct"),
        ("x-ai/grok-4:nitro", "x-ai/grok-4"),
        ("command-r", "command-r-08-2024"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("claude-3-5-haiku@20241022", "claude-3-5-haiku-20241022"),
        ("claude-3-5-haiku", "us.anthropic.claude-3-5-haiku-20241022-v1:0"),
        ("llama-3-8b", "/models/llama-3-8b.gguf"),
        ("2024-05", "2024-05"),
    ],
)
def test_names_of_one_model(asked: str, named: str) -> None:
    """A snapshot, a provider's prefix, a route and the case of letters make no other model, whichever name has them."""
    assert is_same_model(asked, named)
    assert is_same_model(named, asked)


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ("gpt-4o-mini", "gpt-4o"),
        ("gpt-4o", "gpt-4o-mini-2024-07-18"),
        ("gpt-4o-2024-05-13", "gpt-4o-2024-08-06"),
        ("llama-3.3-70b", "llama-3.3-8b"),
        ("mistralai/mistral-small", "mistralai/mistral-small:free"),
        ("my-deployment", "gpt-4o-mini-2024-07-18"),
        ("gpt-5", "gpt-5-mini"),
    ],
)
def test_names_of_two_models(asked: str, named: str) -> None:
    """A size, two snapshots that differ, a free variant and a deployment's name are others."""
    assert not is_same_model(asked, named)
    assert served_of({"model": named}, {}, asked) == Served(model=named)


@pytest.mark.parametrize("named", [None, "", 7, "gpt-4o-mini", "Sorry, I cannot say", "x" * 300, ["gpt-4o"]])
def test_no_name_that_tells_of_another_model(named: object) -> None:
    """The model that was asked, no name at all, and what could be a text say nothing."""
    assert served(model=named) is None


@pytest.mark.parametrize(
    ("body", "tier"),
    [
        ({"service_tier": "priority"}, "priority"),
        ({"service_tier": "Flex"}, "flex"),
        ({"usage": {"service_tier": "priority"}}, "priority"),
        ({"service_tier": "default"}, None),
        ({"service_tier": "standard"}, None),
        ({"service_tier": "auto"}, None),
        ({"service_tier": "on_demand"}, None),
        ({"service_tier": None}, None),
        ({"service_tier": "a text of a record"}, None),
        ({"service_tier": 3}, None),
    ],
)
def test_tiers(body: dict[str, Any], tier: str | None) -> None:
    """The standard one has several names, and is said by None."""
    assert served(**body) == (None if tier is None else Served(tier=tier))


@pytest.mark.parametrize(
    ("usage", "nano"),
    [
        ({"cost": 0.00014}, 140_000),
        ({"cost": "0.00014"}, 140_000),
        ({"cost": 0}, 0),
        ({"cost": 1.5e-10}, 0),
        ({"cost": 0.95, "is_byok": False, "cost_details": {"upstream_inference_cost": 19}}, 950_000_000),
        ({"cost": 0.05, "is_byok": True, "cost_details": {"upstream_inference_cost": 1}}, 1_050_000_000),
        ({"cost": 0.05, "is_byok": True, "cost_details": {"upstream_inference_cost": None}}, 50_000_000),
        ({"cost": {"total_cost": 0.006, "request_cost": 0.005}}, 6_000_000),
        ({"estimated_cost": 0.000002}, 2_000),
        ({"cost_in_usd_ticks": 37_756_000}, 3_775_600),
        ({"cost": -1}, None),
        ({"cost": True}, None),
        ({"cost": "free"}, None),
        ({"cost": float("nan")}, None),
        ({"cost": float("inf")}, None),
        ({"cost": 10**12}, None),
        ({"cost": None}, None),
    ],
)
def test_costs(usage: dict[str, Any], nano: int | None) -> None:
    """In nano-dollars, whichever way the provider says it; what cannot be a cost is none."""
    assert served(usage=usage) == (None if nano is None else Served(cost_nano=nano))


@pytest.mark.parametrize(
    ("value", "nano"), [("0.000415", 415_000), ("0.0", None), ("None", None), ("", None)]
)
def test_cost_of_litellm(value: str, nano: int | None) -> None:
    """It comes in a header, which is 0 for a model whose price LiteLLM does not know."""
    assert served({"X-LiteLLM-Response-Cost": value}) == (None if nano is None else Served(cost_nano=nano))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["model", "service_tier", "usage", "cost", "cost_details"]), inner)
    ),
)


@given(body=JSON, header=st.text())
def test_no_reply_breaks_the_reading(body: object, header: str) -> None:
    """Whatever a server sends, the reading ends, with a cost that the ledger can hold."""
    said = served_of(body, {"x-litellm-response-cost": header}, "gpt-4o-mini")
    assert said is None or said.cost_nano is None or 0 <= said.cost_nano < 2**63
