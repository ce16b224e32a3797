"""Groups of the `breakeven` command, one a file; `cli.py` puts them together."""
