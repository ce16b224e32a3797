"""`breakeven infrastructure`: what it costs to own the machines, entered and listed."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal

from cyclopts import App, Parameter

from commands.numbers import Number
from tasks.display.formats import TableFormat

From = Annotated[date, Parameter(name="--from")]

infrastructure = App(
    name="infrastructure",
    help="Enter and list what it costs to own the machines. A correction is another entry; both stay.",
)


@infrastructure.command(name="set")
def set_(
    *,
    kind: str,
    billing: Literal["reserved", "on-demand", "spot"],
    from_: From,
    to: date | None = None,
    usd_per_hour: Number | None = None,
    usd_per_month: Number | None = None,
    increment: int = 1,
    gpus: int = 1,
    note: str | None = None,
) -> None:
    """Enter what a machine costs from a day on. Without a rate, the catalogue's is taken.

    Parameters
    ----------
    kind
        Machine, as `breakeven ledger runs` names it, such as A10G.
    billing
        reserved: paid around the clock; on-demand: paid while it is used; spot: the same, and it may be taken away.
    from_
        First day (UTC) on which it holds.
    to
        Last day (UTC) on which it holds, inclusive; default: until another entry holds.
    usd_per_hour
        Dollars for an hour of one machine.
    usd_per_month
        Dollars for a month of one machine, however long the month is; only for a reserved one.
    increment
        Seconds that time on demand or on spot is rounded up to, such as 3600.
    gpus
        How many of these machines there are, each serving one run at a time.
    note
        Free text of one line, kept with the entry.
    """
    from flows.environment import read_settings
    from tasks.ledger.ownership_costs import enter_terms

    mode: Literal["reserved", "on_demand", "spot"] = "on_demand" if billing == "on-demand" else billing
    given = {"since": from_, "until": to, "usd_per_hour": usd_per_hour, "usd_per_month": usd_per_month}
    more = {"increment_seconds": increment, "gpus": gpus, "note": note}
    print_messages(enter_terms(read_settings(), kind, mode, **given, **more))


@infrastructure.command
def end(*, kind: str, from_: From, note: str | None = None) -> None:
    """Enter that from a day on there is no machine of a kind any more.

    Parameters
    ----------
    kind
        Machine, as `breakeven ledger runs` names it, such as A10G.
    from_
        First day (UTC) without it.
    note
        Free text of one line, kept with the entry.
    """
    from flows.environment import read_settings
    from tasks.ledger.ownership_costs import enter_end

    print_messages(enter_end(read_settings(), kind, from_, note))


@infrastructure.command
def bill(*, month: str, usd: Number, note: str | None = None) -> None:
    """Enter what the machines of a month really cost; it wins over the rates.

    Parameters
    ----------
    month
        YYYY-MM.
    usd
        Dollars, of all machines together.
    note
        Free text of one line, kept with the entry.
    """
    from flows.environment import read_settings
    from tasks.ledger.ownership_costs import enter_bill

    print_messages(enter_bill(read_settings(), month, usd, note))


@infrastructure.command
def labour(
    *,
    from_: From,
    maintenance_hours: Number,
    setup_hours: Number,
    engineer_usd_per_hour: Number,
    note: str | None = None,
) -> None:
    """Enter what people's time costs from a day on.

    Parameters
    ----------
    from_
        First day (UTC) on which it holds.
    maintenance_hours
        Hours a month that the machines take.
    setup_hours
        Hours that the set-up took, once.
    engineer_usd_per_hour
        Dollars for an hour of those who do it.
    note
        Free text of one line, kept with the entry.
    """
    from flows.environment import read_settings
    from tasks.ledger.ownership_costs import enter_labour

    print_messages(
        enter_labour(
            read_settings(),
            from_,
            maintenance_hours=maintenance_hours,
            setup_hours=setup_hours,
            engineer_usd_per_hour=engineer_usd_per_hour,
            note=note,
        )
    )


@infrastructure.command(name="list")
def list_(*, format: TableFormat = "table") -> None:
    """List all that was entered, in the order of its entering, and which days each entry holds on."""
    from flows.environment import read_settings
    from tasks.ledger.ownership_costs import show

    show(read_settings(), format)


def print_messages(lines: Sequence[str]) -> None:
    """Tell on standard error what was done; standard output is for data."""
    from tasks.display.table_layout import tell

    for line in lines:
        tell(line)
