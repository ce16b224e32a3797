"""The program's command, run in the process of a test."""

import pytest

import cli


def run_command(*arguments: object) -> int:
    """Run the command and return its exit code; an error that is no exit is raised."""
    with pytest.raises(SystemExit) as end:
        cli.main(tuple(map(str, arguments)))
    return int(end.value.code or 0)
