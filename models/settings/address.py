"""Addresses in settings: texts whose representation shows no password and no signature."""

from typing import Annotated

from pydantic import AfterValidator

from models.errors import hide_secrets


class SecretAddress(str):
    """A file's path or URL, exact where it is used; its representation holds no secret."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return what may be shown."""
        return repr(hide_secrets(str(self)))


AddressText = Annotated[str, AfterValidator(SecretAddress)]
"""How settings take an address."""
