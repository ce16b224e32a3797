"""Code that comes with a model: it runs only where a setting says so, and nobody is asked on the terminal."""

from pathlib import Path

from models.errors import UsageError

_SAID_OF_CODE = ("trust_remote_code", "trust-remote-code", "custom code", "requires you to execute")
"""Words of transformers and vLLM about a model whose code they did not run."""


def ask_nobody() -> None:
    """Let transformers refuse a model's code where it would ask on the terminal. Imports transformers, which takes seconds."""
    from transformers import dynamic_module_utils  # noqa: PLC0415

    dynamic_module_utils.TIME_OUT_REMOTE_CODE = 0  # the library's own way of being used where nobody sits


def refuse_code(name: str, path: str, error: Exception) -> None:
    """Raise `UsageError` with what to do, if an error says that a model needs code which was not run."""
    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    said = "\n".join(map(str, causes))
    unknown = "architectures" in said and names_code(Path(path))
    if unknown or any(word in said for word in _SAID_OF_CODE):
        msg = (
            f"{name} comes with Python code of its own, which would run with all your rights: take a model that needs none, or "
            "read that code and set trust_remote_code = true"
        )
        raise UsageError(msg) from error


def names_code(folder: Path) -> bool:
    """Whether a local model's configuration names classes in code of its own."""
    try:
        return '"auto_map"' in (folder / "config.json").read_text("utf-8")
    except (OSError, ValueError):
        return False
