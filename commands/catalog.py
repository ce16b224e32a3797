"""`breakeven catalog`: which model fits which GPU, and what it costs there."""

from typing import Annotated, Literal

from cyclopts import Parameter, validators

from tasks.display.formats import TableFormat


def catalog(
    *,
    gpu: Annotated[list[str] | None, Parameter(negative=())] = None,
    model: Annotated[list[str] | None, Parameter(negative=())] = None,
    bits: Annotated[list[Literal[16, 8, 4]] | None, Parameter(negative=())] = None,
    context: Annotated[int, Parameter(validator=validators.Number(gte=1))] = 2048,
    prices: Annotated[bool, Parameter(negative=())] = False,
    format: TableFormat = "table",
) -> None:
    """Say which small model fits which GPU, at which precision, how fast it is there and what a token costs.

    Parameters
    ----------
    gpu
        GPU, such as A10G or "RTX 4090"; can be given several times; default: all.
    model
        Model by name, a part of it, its id on Hugging Face, or a local folder; can be given several times; default: all.
    bits
        Bits of a weight: 16, 8 or 4; can be given several times; default: all three.
    context
        Tokens of a sequence, input and output together, half of them each.
    prices
        List every price of a machine instead, those that are not used too, each with its date and source.
    format
        A table for people, or every figure for programs.
    """
    from flows.environment import read_settings
    from tasks.setup.catalog import show_catalog, show_prices

    if prices:
        show_prices(format)
        return
    show_catalog(
        read_settings(),
        gpus=gpu or (),
        models=model or (),
        bits=bits or (),
        context=context,
        output_format=format,
    )
