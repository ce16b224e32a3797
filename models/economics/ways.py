"""The ways of serving what is forecast: the API, a machine of one's own, and a machine of one's own with the API beside it."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from models.economics.break_even import KEPT
from models.economics.figures_outlook import ApiWay

OwnWay = Literal["reserved", "on_demand", "spot"]
OWN_WAYS: tuple[OwnWay, ...] = ("reserved", "on_demand", "spot")
API_WAYS: tuple[ApiWay, ...] = ("api_sync", "api_batch")


@dataclass(frozen=True, slots=True)
class ServingWay:
    """Who serves: the own model `kept` of the records on a machine of this mode, the API the rest in this one.

    `own` None: the API serves all; `api` None: the own model does. What goes to the API is not tried before.
    """

    own: OwnWay | None
    api: ApiWay | None
    kept: Fraction

    @property
    def name(self) -> str:
        """Name for programs: `api_batch`, `reserved`, `reserved_80_api_batch`."""
        if self.own is None or self.api is None:
            return str(self.own or self.api)
        return f"{self.own}_{100 * self.kept}_{self.api}"


PURE: tuple[ServingWay, ...] = (
    *(ServingWay(None, api, Fraction(0)) for api in API_WAYS),
    *(ServingWay(own, None, Fraction(1)) for own in OWN_WAYS),
)
HYBRIDS: tuple[ServingWay, ...] = tuple(
    ServingWay(own, api, kept) for own in OWN_WAYS for kept in reversed(KEPT) for api in API_WAYS
)
WAYS = (*PURE, *HYBRIDS)
