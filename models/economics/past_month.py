"""What later months need to know of an earlier one."""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class UnitCosts:
    """Nano-dollars for 1,000 records and for a million tokens (input + output) of the local engine.

    Marginal: its busy time at the effective hourly rate (bill / billed time). Loaded: the whole bill and
    maintenance. API: the same records and tokens on the API at once, by the API's own token counts.
    None where there are no records or tokens, or a rate is not known.
    """

    marginal_per_1000_records: int | None
    marginal_per_mtok: int | None
    loaded_per_1000_records: int | None
    loaded_per_mtok: int | None
    api_per_1000_records: int | None
    api_per_mtok: int | None


@dataclass(frozen=True, slots=True)
class PastMonth:
    """What each scenario cost in an earlier month, whole; None where it is not known.

    Made by `models.economics.break_even.past_month` from that month's inputs. `complete`: nothing is
    missing in the API's costs. `machine`: there was one, so that self-hosting and API can be compared. `load`: how
    many machines its busy and idle time filled around the clock, None where nothing was measured. `unit_costs`:
    what 1,000 records and a million tokens cost, of the days that are covered.
    """

    month: date
    records: int
    api_sync_nano: int
    api_batch_nano: int
    reserved_nano: int | None
    on_demand_nano: int | None
    hybrid_nano: int | None
    complete: bool = True
    machine: bool = True
    load: Fraction | None = None
    unit_costs: UnitCosts | None = None
    spot_nano: int | None = None
