"""The known name that is closest to a mistyped one, as the end of a message."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like `name`, None where none is alike. Case is ignored."""
    by_lower = {one.lower(): one for one in known}
    found = get_close_matches(name.lower(), list(by_lower), 1)
    return by_lower[found[0]] if found else None


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """Say that a name is not known, which one is closest, and which there are."""
    names = list(known)
    found = nearest(name, names)
    meant = "" if found is None else f"did you mean {found}? "
    return f"unknown {kind} {name!r}; {meant}there are: {', '.join(names)}"
