"""All settings: their schema, their names, and what is said of a mistake in one."""

from models.settings.engine import EngineSettings
from models.settings.files import ENV_PREFIX, SETTINGS_FILE, in_file
from models.settings.schema import ENV_DELIMITER, Settings
from models.settings.workload import Caps, WorkloadSettings

__all__ = [
    "ENV_DELIMITER",
    "ENV_PREFIX",
    "SETTINGS_FILE",
    "Caps",
    "EngineSettings",
    "Settings",
    "WorkloadSettings",
    "in_file",
]
