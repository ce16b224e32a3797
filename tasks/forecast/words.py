"""The ways of serving in words."""

from models.economics.figures_outlook import ApiWay
from models.economics.ways import OwnWay, ServingWay
from tasks.documents.amounts import percent
from tasks.forecast.make import Made

APIS: dict[ApiWay, str] = {"api_sync": "the API at once", "api_batch": "the API in batches"}
OWN: dict[OwnWay, str] = {"reserved": "reserved", "on_demand": "on demand", "spot": "spot"}
COLUMNS: dict[str, str] = {
    "api_sync": "API, at once",
    "api_batch": "API, in batches",
    "reserved": "Own, reserved",
    "on_demand": "Own, on demand",
    "spot": "Own, spot",
}


def machines(made: Made, way: ServingWay) -> str:
    """Name the machines of a way: `one reserved A10G`, `up to 3 A10G on demand`."""
    gpus = next(one.gpus for one in made.answer.ways if one.way == way)
    many, kind = "one" if gpus <= 1 else f"up to {gpus}", made.machine.kind
    return f"{many} {kind} on demand" if way.own == "on_demand" else f"{many} {way.own} {kind}"


def name_way(made: Made, way: ServingWay) -> str:
    """Name a way: who serves, and where."""
    api = f"{made.price.model} {'in batches' if way.api == 'api_batch' else 'at once'}"
    if way.own is None:
        return api
    own = f"{made.model.name} on {machines(made, way)}"
    if way.api is None:
        return own
    return f"{own} for {percent(way.kept)} of the records, and {api} for the rest"


def label_way(way: ServingWay) -> str:
    """Name a way in a cell of a table."""
    if way.own is None:
        return COLUMNS[str(way.api)]
    if way.api is None:
        return COLUMNS[way.own]
    rest = "in batches" if way.api == "api_batch" else "at once"
    return f"Own, {OWN[way.own]}, {percent(way.kept)} kept; rest {rest}"
