"""A pydantic model that a user's own package holds, by its name."""

import importlib
import inspect
import sys
from pathlib import Path

from pydantic import BaseModel

from models.errors import UsageError


def import_model(name: str) -> type[BaseModel]:
    """Return the model `package.module:Model`, looked for in installed packages and in the folder of the settings.

    Raises `UsageError` in one line: no such module, an import that fails, or something else than a model.
    """
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        msg = f"{name!r} names no model: write package.module:Model"
        raise UsageError(msg)
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)  # behind all others, so that no module of the product is covered
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (Exception, SystemExit) as error:
        # A user's module can fail with anything when it is imported.
        said = (str(error).strip().splitlines() or [""])[0]
        msg = f"{name} cannot be imported ({type(error).__name__}: {said})"
        raise UsageError(msg) from error
    if not (isinstance(found, type) and issubclass(found, BaseModel)):
        msg = f"{name} is no pydantic model: derive it from pydantic.BaseModel"
        raise UsageError(msg)
    return found


def source_of(model: type[BaseModel]) -> str:
    """Return the source of a model, whose validators decide what is an answer; its name where no source is to be had."""
    try:
        return inspect.getsource(model)
    except (OSError, TypeError):
        return f"{model.__module__}:{model.__qualname__}"
