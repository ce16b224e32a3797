"""The endpoint decides who sells a model; a setting where the address does not; a guess never."""

from decimal import Decimal
from typing import Any

import pytest

from models.economics.pricing import Price, nano_to_usd, price_on, prices_of
from models.economics.published_prices import api_prices
from models.errors import PriceUnknown
from models.settings import Settings
from tests.unit.economics.test_candidates import TODAY

LOCAL = "http://127.0.0.1:8000/v1"


def found(model: str, **given: Any) -> Price:  # noqa: ANN401  fields of Settings
    """Return the price today."""
    return price_on(prices_of(Settings.model_validate({"api_model": model, **given})), TODAY)


def asked(price: Price) -> tuple[str, Decimal, Decimal]:
    """Return seller and prices, in and out, dollars per million tokens."""
    amounts = (price.input_nano_per_mtok, price.output_nano_per_mtok)
    return price.provider, *(nano_to_usd(nano) for nano in amounts)  # type: ignore[return-value]  # two of them


@pytest.mark.parametrize(
    "url",
    [
        "https://api.cerebras.ai/v1",
        "https://api.cerebras.ai",
        "https://API.Cerebras.AI:443/v1/",
        "https://me:secret@api.cerebras.ai/v1?x=https://api.openai.com",
        " https://api.cerebras.ai/v1 ",
    ],
)
def test_the_address_decides(url: str) -> None:
    """The same open weights cost what this seller asks, however its address is written."""
    assert asked(found("gpt-oss-120b", api_base_url=url)) == ("cerebras", Decimal("0.35"), Decimal("0.75"))


@pytest.mark.parametrize(
    ("model", "url", "seller"),
    [
        ("openai/gpt-oss-120b", "https://api.groq.com/openai/v1", "groq"),
        ("openai/gpt-oss-120b", "https://openrouter.ai/api/v1", "openrouter"),
        ("openai/gpt-oss-120b:cerebras", "https://router.huggingface.co/v1", "huggingface_cerebras"),
        ("gpt-4o", "https://mine.openai.azure.com/openai/v1?api-version=2024-10-21", "azure"),
        ("gemini-3.5-flash-lite", "https://generativelanguage.googleapis.com/v1beta/openai/", "google"),
        ("claude-haiku-5-5", "https://api.anthropic.com/v1", "anthropic"),
        ("mistral-small-latest", "https://api.mistral.ai/v1", "mistral"),
        ("grok-4", "https://api.x.ai/v1", "x-ai"),
        ("gpt-6-luna", None, "openai"),
        ("claude-haiku-5-5", None, "anthropic"),
        ("gpt-6-luna", LOCAL, "openai"),
        ("gpt-6-luna", "https://gateway.example/v1", "openai"),
        ("o3", LOCAL, "openai"),
    ],
)
def test_each_seller_is_found(model: str, url: str | None, seller: str) -> None:
    """By the address; at one that nobody knows, and without one, a model of one maker is its maker's."""
    assert found(model, api_base_url=url).provider == seller


@pytest.mark.parametrize(
    ("model", "provider", "seller"),
    [
        ("gpt-oss-120b", "cerebras", "cerebras"),
        ("gpt-4o", "azure", "azure"),
        ("groq/openai/gpt-oss-120b", "litellm", "groq"),
        ("gpt-6-luna", "litellm", "openai"),
    ],
)
def test_a_setting_names_the_seller_behind_a_gateway(model: str, provider: str, seller: str) -> None:
    """It goes before the address, which is another's."""
    assert found(model, api_provider=provider, api_base_url=LOCAL).provider == seller
    assert found(model, api_provider=provider, api_base_url="https://api.mistral.ai/v1").provider == seller


def test_a_price_of_your_own_goes_before_all() -> None:
    """Whoever sells the model, and whether anybody is known to."""
    own = {"api_input_usd_per_mtok": "1", "api_output_usd_per_mtok": "2", "api_provider": "nobody"}
    price = found("gpt-oss-120b", api_base_url="https://api.cerebras.ai/v1", **own)
    assert asked(price) == ("settings", Decimal(1), Decimal(2))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"api_model": "gpt-oss-120b", "api_base_url": LOCAL},
            ["cerebras $0.35/$0.75", "openai $0.039/$0.18"],
        ),
        ({"api_model": "llama3.1-8b", "api_base_url": LOCAL}, ["a seller", "cerebras $0.1/$0.1"]),
        ({"api_model": "openai/gpt-oss-120b"}, ["groq", "novita $0.05/$0.25", "more"]),
        ({"api_base_url": "https://api.cerebras.ai/v1"}, ["cerebras, which BREAKEVEN_API_BASE_URL names"]),
        ({"api_provider": "cerebras"}, ["cerebras, which BREAKEVEN_API_PROVIDER names", "'gpt-6-luna'"]),
        ({"api_provider": "opnai"}, ["did you mean openai?"]),
        ({"api_model": "mine", "api_base_url": "http://[::1/secret"}, ["no API price is known for 'mine'"]),
    ],
)
def test_what_nothing_decides_is_one_line_that_names_the_setting(
    given: dict[str, str], words: list[str]
) -> None:
    """With the sellers and their prices; the settings that decide are named, and no address."""
    with pytest.raises(PriceUnknown) as caught:
        prices_of(Settings.model_validate(given))
    text = str(caught.value)
    assert "\n" not in text
    assert "secret" not in text
    assert all(word in text for word in words)
    names_price = "BREAKEVEN_API_INPUT_USD_PER_MTOK" in text
    assert names_price or "there are: " in text
    if "nothing says" in text:
        assert "BREAKEVEN_API_PROVIDER" in text


@pytest.mark.parametrize("policy", ["fastest", "cheapest"])
def test_a_router_that_chooses_the_host_itself_names_none(policy: str) -> None:
    """Hugging Face's policies are no sellers: the line names the setting to make, and blames none that is not set."""
    with pytest.raises(PriceUnknown, match="has several sellers, and nothing says which one") as caught:
        api_prices(f"openai/gpt-oss-120b:{policy}", url="https://router.huggingface.co/v1")
    assert "knows no seller" not in str(caught.value)
