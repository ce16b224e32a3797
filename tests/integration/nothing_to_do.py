"""Runs commands one after the other in this process; writes what they imported and started, as JSON, to a file.

`python -m tests.integration.nothing_to_do FILE` reads the commands, a JSON list of argument lists, from standard input.
"""

import json
import sys
from pathlib import Path

HEAVY = ("prefect", "vllm", "torch", "transformers", "openai")
"""What takes seconds to import, and only what is to be done can need."""

started: list[str] = []


def note(event: str, arguments: tuple[object, ...]) -> None:
    """Take note of a program that is started."""
    if event in {"subprocess.Popen", "os.posix_spawn", "os.exec", "os.fork", "os.forkpty", "os.system"}:
        started.append(str(arguments[0]) if arguments else event)


def main() -> None:
    """Run the commands."""
    import cli  # noqa: PLC0415  what it imports is what is looked at

    codes = []
    for arguments in json.loads(sys.stdin.read()):
        try:
            cli.main(arguments)
        except SystemExit as end:
            codes.append(end.code)
    imported = [name for name in HEAVY if name in sys.modules]
    found = {"codes": codes, "imported": imported, "started": started}
    Path(sys.argv[1]).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    sys.addaudithook(note)
    main()
