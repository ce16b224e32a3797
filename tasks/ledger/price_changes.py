"""Which prices in use have changed since a day: what the ledger knew then, against what is asked now."""

from datetime import date

from sqlalchemy.orm import Session

from db import reference
from models.economics.price_changes import PriceChange, find_price_changes, prices_in_force
from models.settings import Settings
from tasks.setup.update_prices import prices_in_use


def list_price_changes(session: Session, settings: Settings, since: date, today: date) -> list[PriceChange]:
    """Return the changes of prices of the API's model and of the candidates from the end of one UTC day to another.

    The prices before are those that the ledger knew at the end of `since`, in force on it; a model that it did not
    know has not changed. Raises `PriceUnknown` and `UsageError` for a model or a candidate without a price.
    """
    before = prices_in_force(reference.read_prices_known(session, since), since)
    return find_price_changes(before, prices_in_force(prices_in_use(settings), today))
