"""What the setting `api_candidates` names, at which prices, and what is said of a name without a price."""

from datetime import date
from decimal import Decimal

import pytest

from models.economics.candidates import Candidate, candidates_of
from models.economics.pricing import nano_to_usd, price_on, prices_of
from models.economics.published_prices import published_batch_prices
from models.errors import PriceUnknown, UsageError
from models.settings import Settings

TODAY = date(2026, 11, 30)


def find(*names: str, **settings: str) -> list[Candidate]:
    """Return the candidates of these names."""
    return candidates_of(Settings.model_validate({"api_candidates": names, **settings}), TODAY)


def usd(candidate: Candidate) -> tuple[Decimal, ...]:
    """Return what a million tokens cost today: in and out at once, then in batches."""
    lists = [candidate.prices, *([] if candidate.batch_prices is None else [candidate.batch_prices])]
    prices = [price_on(one, TODAY) for one in lists]
    return tuple(
        nano_to_usd(nano) for one in prices for nano in (one.input_nano_per_mtok, one.output_nano_per_mtok)
    )


def test_the_default_candidates_stand_at_their_published_prices() -> None:
    """The four of the default cost what their sellers publish; DeepInfra is not known to take this one in batches."""
    found = {one.name: usd(one) for one in candidates_of(Settings(), TODAY)}
    expected = {
        "gpt-6-luna": ("0.10", "0.50", "0.05", "0.25"),
        "claude-haiku-5-5": ("0.10", "0.50", "0.05", "0.25"),
        "gemini-3.5-flash-lite": ("0.30", "2.50", "0.15", "1.25"),
        "deepinfra/llama-3.1-8b": ("0.02", "0.04"),
    }
    assert found == {name: tuple(map(Decimal, prices)) for name, prices in expected.items()}


def test_bedrock_takes_the_same_model_in_batches() -> None:
    """Bedrock's Llama costs $0.22 and $0.22, half of it in batches; its long name finds the same offer."""
    short, long = find("bedrock/llama-3.1-8b", "aws/meta.llama3-1-8b-instruct-v1:0")
    assert usd(short) == usd(long) == tuple(map(Decimal, ("0.22", "0.22", "0.11", "0.11")))


def test_the_apis_own_model_stands_at_the_settings() -> None:
    """A price and a batch discount of the settings hold for the API's model, by either of its names."""
    own = {"api_model": "mine", "api_input_usd_per_mtok": "1", "api_output_usd_per_mtok": "2"}
    for name in ("mine", "settings/mine"):
        (one,) = find(name, batch_discount="0.25", **own)
        assert usd(one) == tuple(map(Decimal, ("1", "2", "0.75", "1.5")))
    (other,) = find("openai/gpt-4o-mini", api_model="gpt-4o-mini", batch_discount="0.1")
    assert usd(other)[2] == Decimal("0.135")


def test_a_price_can_be_given_with_the_name() -> None:
    """NAME=IN/OUT stands at that price and has no batches."""
    (one,) = find("my-host/llama=0.015/0.03")
    assert (one.name, one.provider, one.model) == ("my-host/llama", "my-host", "llama")
    assert usd(one) == (Decimal("0.015"), Decimal("0.03"))


def test_each_name_stands_once_in_the_order_of_the_setting() -> None:
    """A name that is there twice is one candidate."""
    assert [one.name for one in find("o3", "gpt-6-luna", "o3")] == ["o3", "gpt-6-luna"]


@pytest.mark.parametrize("name", ["no-such-model", "openai/no-such-model", "deepinfra/unheard", "", "/"])
def test_a_name_without_a_price_says_what_to_do(name: str) -> None:
    """The message is one line, and names the candidate, the setting and how a price is given."""
    with pytest.raises(PriceUnknown, match="api_candidates") as caught:
        find(name)
    assert repr(name) in str(caught.value)
    assert f"{name}=IN/OUT" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["x=", "x=1", "x=a/b", "x=-1/2", "=1/2"])
def test_a_price_that_cannot_be_read_says_so(text: str) -> None:
    """A mistyped price of a candidate is an error and no free model."""
    with pytest.raises(UsageError):
        find(text)


def test_batches_of_earlier_times_cost_the_same_share() -> None:
    """o3 was dearer before June 2025; its batches were verified later and cost half then as well."""
    batched = published_batch_prices("o3")
    assert batched is not None
    for day in (date(2025, 6, 9), date(2025, 6, 10), TODAY):
        at_once = price_on(prices_of(Settings(api_model="o3")), day)
        assert 2 * price_on(batched, day).input_nano_per_mtok == at_once.input_nano_per_mtok
        assert 2 * price_on(batched, day).output_nano_per_mtok == at_once.output_nano_per_mtok


def test_no_batches_are_unknown_and_not_free() -> None:
    """A model without published batches has none."""
    assert published_batch_prices("llama3.1-8b", "cerebras") is None
