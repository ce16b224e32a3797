"""The `breakeven` command with the scripted engine, for tests that start and stop it as a user would."""

import os
from pathlib import Path

import cli
from flows.environment import read_settings
from tasks.runtime.shared_engine import shared_engine
from tests.fakes import ScriptedEngine

if __name__ == "__main__":
    calls = Path(os.environ.pop("SCRIPTED_CALLS"))
    delay = float(os.environ.pop("SCRIPTED_DELAY"))
    with shared_engine(read_settings(), lambda _: ScriptedEngine(delay=delay, calls=calls)):
        cli.main()
