"""The address of an endpoint: where a path below it lies, and the query that goes with every request."""

from urllib.parse import parse_qs, urlsplit, urlunsplit

COMPLETIONS = "/chat/completions"
"""Where requests go, below the base address. One that names it already is taken as it is meant."""


def split_address(base_url: str) -> tuple[str, dict[str, object]]:
    """Return the address below which paths lie, without a slash at its end, and its query.

    Azure's addresses of deployments end in `?api-version=…`: a path belongs before it
    (learn.microsoft.com/azure/ai-services/openai/reference, read 2026-11-30). A fragment is never sent.
    """
    parts = urlsplit(base_url.strip())
    path = parts.path.rstrip("/").removesuffix(COMPLETIONS).rstrip("/")
    query = parse_qs(parts.query, keep_blank_values=True)
    given: dict[str, object] = {
        name: values[0] if len(values) == 1 else values for name, values in query.items()
    }
    return urlunsplit((parts.scheme, parts.netloc, path, "", "")), given


def address_below(base_url: str, path: str) -> str:
    """Return the whole address of a path such as `models` below a base address, with the base's query behind it."""
    parts = urlsplit(base_url.strip())
    base, _ = split_address(base_url)
    return f"{base}/{path.lstrip('/')}" + (f"?{parts.query}" if parts.query else "")
