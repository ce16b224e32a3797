"""Reference rows are added once and never changed."""

from dataclasses import replace
from datetime import date, datetime

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from db import reference
from db.tables import PriceRow
from models.economics.pricing import ALWAYS
from models.economics.published_prices import api_prices
from models.errors import PriceUnknown
from tests.integration.db.ledger_lines import DAY, MACHINE, MINI

Sessions = sessionmaker[Session]


def test_keys_are_found_again(make_session: Sessions) -> None:
    """The same thing has the same key, another thing another."""
    with make_session.begin() as session:
        prompt = reference.ensure_prompt(session, "sentiment", "1", "f")
        assert reference.ensure_prompt(session, "sentiment", "1", "f") == prompt
        assert reference.ensure_prompt(session, "sentiment", "1", "g") != prompt
        model = reference.ensure_model(session, "vllm", "small")
        assert reference.ensure_model(session, "vllm", "small") == model
        assert reference.ensure_model(session, "openai", "small") != model
        machine = reference.ensure_infrastructure(session, MACHINE)
        assert reference.ensure_infrastructure(session, MACHINE) == machine
        dearer = replace(MACHINE, nano_usd_per_hour=MACHINE.nano_usd_per_hour + 1)
        assert reference.ensure_infrastructure(session, dearer) != machine


def test_looking_up_uses_no_numbers_up(make_session: Sessions) -> None:
    """Keys are two bytes: a thousand look-ups must not use a thousand of them."""
    with make_session.begin() as session:
        for _ in range(50):
            reference.ensure_model(session, "vllm", "small")
        assert reference.ensure_model(session, "vllm", "other") == 2


def test_prices_are_never_changed_in_place(make_session: Sessions) -> None:
    """A corrected price is a new row; the old row keeps its key and its figures."""
    dearer = replace(MINI, input_nano_per_mtok=200_000_000)
    with make_session.begin() as session:
        assert reference.sync_prices(session, [MINI]) == 1
        assert reference.sync_prices(session, [replace(MINI, source="another release")]) == 0
        old, price = reference.find_price(session, "openai", "gpt-4o-mini", DAY)
        assert price == MINI
        assert reference.sync_prices(session, [dearer]) == 1
        new, price = reference.find_price(session, "openai", "gpt-4o-mini", DAY)
        assert (price, new != old) == (dearer, True)
        kept = session.execute(select(PriceRow.input_nano_per_mtok).where(PriceRow.id == old)).scalar_one()
        assert kept == MINI.input_nano_per_mtok
        assert reference.sync_prices(session, [MINI]) == 1  # and back again is a third row
        assert session.execute(select(func.count()).select_from(PriceRow)).scalar_one() == 3


def test_a_later_price_begins_on_its_day(make_session: Sessions) -> None:
    """The open old row stays as it was, yet the new price holds from its first day."""
    change = date(2026, 11, 1)
    later = replace(MINI, effective_from=change, input_nano_per_mtok=1)
    with make_session.begin() as session:
        reference.sync_prices(session, [MINI])
        reference.sync_prices(session, [replace(MINI, effective_to=change), later])
        before = reference.find_price(session, "openai", "gpt-4o-mini", date(2026, 10, 31))[1]
        assert before == replace(MINI, effective_to=change)
        assert reference.find_price(session, "openai", "gpt-4o-mini", change)[1] == later


def test_a_day_without_a_price_is_unknown(make_session: Sessions) -> None:
    """Neither an unknown model nor a day after the last price is free."""
    ended = replace(MINI, effective_to=date(2026, 1, 1))
    with make_session.begin() as session:
        reference.sync_prices(session, [ended])
        with pytest.raises(PriceUnknown, match="openai/gpt-4o-mini is known for 2026-01-01"):
            reference.find_price(session, "openai", "gpt-4o-mini", date(2026, 1, 1))
        with pytest.raises(PriceUnknown, match="openai/other"):
            reference.find_price(session, "openai", "other", DAY)
        with pytest.raises(PriceUnknown):
            reference.find_price(session, "openai", "gpt-4o-mini", date(1969, 12, 31))


def test_the_package_prices_can_be_kept(make_session: Sessions) -> None:
    """What genai-prices says of a model with a dated change is stored and found by day."""
    with make_session.begin() as session:
        assert reference.sync_prices(session, api_prices("o3")) == 2
        assert reference.sync_prices(session, api_prices("o3")) == 0
        assert reference.find_price(session, "openai", "o3", ALWAYS)[1].input_nano_per_mtok == 10 * 10**9
        assert reference.find_price(session, "openai", "o3", DAY)[1].input_nano_per_mtok == 2 * 10**9


def test_a_time_is_priced_by_its_day(make_session: Sessions) -> None:
    """`datetime` is a `date` to Python: its day counts."""
    with make_session.begin() as session:
        reference.sync_prices(session, [replace(MINI, effective_from=DAY)])
        at = datetime(DAY.year, DAY.month, DAY.day, 23, 59)  # noqa: DTZ001 - only its day is used
        assert reference.find_price(session, "openai", "gpt-4o-mini", at.date())[0]


def test_prices_of_long_prompts_come_back(make_session: sessionmaker[Session]) -> None:
    """The price above a prompt's length is kept with the price, and a change of it alone is a new version."""
    (price,) = api_prices("gpt-6-luna")
    assert price.long_prompts
    with make_session.begin() as session:
        assert reference.sync_prices(session, [price]) == 1
        assert reference.sync_prices(session, [price]) == 0
        _, found = reference.find_price(session, "openai", "gpt-6-luna", date(2026, 11, 30))
        assert found.long_prompts == price.long_prompts
        dearer = (price.long_prompts[0]._replace(input_nano_per_mtok=300_000_000),)
        assert reference.sync_prices(session, [replace(price, long_prompts=dearer)]) == 1
