"""Names of columns, as options give them."""


def split_columns(text: str) -> list[str]:
    """Take a list of names with commas apart; a name that is there twice counts once."""
    return list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
