"""Says ahead that the API's model leaves: once in a process, wherever a run or a quote begins."""

import logging
from datetime import UTC, date, datetime
from functools import cache

from models.catalogue.model_ends import describe_end, find_end
from models.settings import Settings

log = logging.getLogger(__name__)


def warn_of_model_end(settings: Settings) -> None:
    """Warn where the API's model ends within 90 days, or has ended."""
    _warn(settings.api_model, datetime.now(UTC).date())


@cache
def _warn(model: str, today: date) -> None:
    end = find_end(model)
    if end is not None and end.is_near(today):
        log.warning("%s", describe_end(end, today))
