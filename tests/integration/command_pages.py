"""Pages of docs/ that show commands and what they print: `python -m tests.integration.command_pages` writes them anew.

A command stands in a block of its own (`sh`), what it prints, on standard output and then on standard error, in the
block after it (`text`).
"""

import io
import os
import re
import shlex
import tempfile
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import cli

ROOT = Path(__file__).parents[2]
PAGES = tuple(ROOT / "docs" / name for name in ("forecast.md", "catalog.md"))
SHOWN = re.compile(
    r"(```sh\nbreakeven (?P<command>[^\n]+)\n```\n\n```text\n)(?P<printed>.*?)(?=```)", re.DOTALL
)


def printed(command: str) -> str:
    """Run a command in this process, from the project's folder, and return all that it prints."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            cli.main(shlex.split(command))
        except SystemExit as end:
            if end.code:
                msg = f"breakeven {command}: {err.getvalue()}"
                raise ValueError(msg) from end
    lines = (out.getvalue() + err.getvalue()).splitlines()
    return "\n".join(line.rstrip() for line in lines).strip("\n") + "\n"


def shown(page: Path) -> list[tuple[str, str]]:
    """Return the commands of a page and what it says that they print."""
    found = SHOWN.finditer(page.read_text(encoding="utf-8"))
    return [(match["command"], match["printed"]) for match in found]


def written_anew(page: Path, run: Callable[[str], str] = printed) -> str:
    """Return a page with what its commands print now."""
    text = page.read_text(encoding="utf-8")
    return SHOWN.sub(lambda match: match[1] + run(match["command"]), text)


def main() -> None:
    """Write the pages anew, without a ledger."""
    os.chdir(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BREAKEVEN_DATABASE_URL"] = f"sqlite:///{folder}/none.db"
        for page in PAGES:
            page.write_text(written_anew(page), encoding="utf-8")


if __name__ == "__main__":
    main()
