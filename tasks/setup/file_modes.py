"""Who else on this machine can read what lies there: a ledger, outputs and caches of earlier versions, or opened by hand."""

import os
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from models.doctor import SetupCheck
from models.private_files import read_by_others
from models.settings import Settings

_BESIDE = ("-wal", "-shm", "-journal")


def check_file_modes(settings: Settings) -> SetupCheck:
    """See that nobody else can read what holds texts, answers or costs, except a group that the settings name."""
    open_to = {str(path): who for path in _private_places(settings) if (who := read_by_others(path))}
    if settings.group_access != "none":
        open_to = {path: who for path, who in open_to.items() if who == "everybody"}
    if not open_to:
        return SetupCheck(
            "files", "ok", "for this user alone" if settings.group_access == "none" else "for a group"
        )
    found = "; ".join(f"{path}: {who}" for path, who in open_to.items())
    advice = f"others can read that: chmod -R go= {' '.join(open_to)}"
    if set(open_to.values()) != {"everybody"}:
        advice += ", or BREAKEVEN_GROUP_ACCESS=read for a group that may read what is published"
    return SetupCheck("files", "warn", found, advice)


def _private_places(settings: Settings) -> list[Path]:
    """Return what holds texts, answers or costs, or secrets: where a run, a report or Prefect's own server writes."""
    home = Path(os.environ.get("PREFECT_HOME") or Path(".breakeven", "prefect"))
    places = [settings.output_dir, settings.archive_dir, settings.cache_dir / "inputs", home]
    try:
        url = make_url(settings.database_url.get_secret_value())
    except (ArgumentError, ValueError):
        return places
    if url.drivername.startswith("sqlite") and url.database:
        places += [Path(url.database), *(Path(url.database + end) for end in _BESIDE)]
    return places
