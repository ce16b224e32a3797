"""Asks the API what it can do, in each mode, and what a thousand records cost: `breakeven doctor --api`."""

from models.doctor import SetupCheck
from models.errors import UsageError
from models.settings import Settings
from tasks.setup.api_costs import cost_thousands
from tasks.setup.api_probe import AT_ONCE, choose_workload, probe_at_once
from tasks.setup.batch_probe import NO_BATCHES, probe_batches


def probe_api(settings: Settings) -> list[SetupCheck]:
    """Ask the API once at once and once in a batch, where it has batches, and price a thousand records of each workload.

    Nothing is sent where the API is off, and no batch where no request is answered.
    """
    if settings.api_mode == "off":
        return [SetupCheck(AT_ONCE, "fail", "off: nothing is sent", "set BREAKEVEN_API_MODE=sync, or batch")]
    try:
        name = choose_workload(settings)
    except UsageError as error:
        return [SetupCheck(AT_ONCE, "fail", "nothing is sent", str(error))]
    asked = probe_at_once(name, settings)
    if asked[0].state == "fail":
        return asked
    in_batches = probe_batches(name, settings)
    has_batches = in_batches.found != NO_BATCHES
    return [*asked, in_batches, *cost_thousands(name, settings, batches=has_batches)]
