"""`breakeven prices`: what API models cost by the prices that hold now, and newer prices."""

from typing import Annotated

from cyclopts import App, Parameter

from tasks.display.formats import TableFormat

prices = App(name="prices", help="Published prices of API models: show them, fetch newer ones.")


@prices.command
def update(*, from_: Annotated[str | None, Parameter(name="--from")] = None) -> None:
    """Fetch newer prices of genai-prices; every later command uses them.

    They are checked first: where they are not fit, or cannot be had, what was known stays. Ledger lines keep the
    prices that they were written at.

    Parameters
    ----------
    from_
        A file, or an http(s) address; default: genai-prices' own address.
    """
    from flows.environment import read_settings
    from tasks.setup.published_prices import show_update

    show_update(read_settings(), from_)


@prices.command(name="list")
def list_prices(model: str | None = None, /, *, format: TableFormat = "table") -> None:
    """Show what a model costs today, in every tier that is published, with source and date.

    Parameters
    ----------
    model
        MODEL or PROVIDER/MODEL; default: the API's model and the candidates.
    format
        How rows are written to standard output.
    """
    from flows.environment import read_settings
    from tasks.setup.published_prices import show_published

    show_published(read_settings(), model, format)
