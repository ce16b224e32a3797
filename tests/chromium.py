"""Chromium for the tests: the one that is there, or one that is fetched into `.cache/chromium`.

`python -m tests.chromium` looks for a Chromium that starts and fetches one where there is none: Debian's headless
build with the libraries this machine lacks, unpacked inside the project's folder (nothing is installed on the
system, no root is needed), or, where apt has none, the build that Playwright brings.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent.parent / ".cache" / "chromium"
PROGRAM = FOLDER / "chromium"
NAMES = ("chromium", "chromium-headless-shell", "google-chrome", "google-chrome-stable", "chrome")
PACKAGES = ("chromium-headless-shell", "fonts-liberation")
SECONDS_TO_START = 60

# Fonts of our own, so that pages look the same on every machine, then those of the system.
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>{root}/usr/share/fonts</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir>{folder}/fonts</cachedir>
  <alias><family>Arial</family><prefer><family>Liberation Sans</family></prefer></alias>
  <alias><family>system-ui</family><prefer><family>Liberation Sans</family></prefer></alias>
  <alias><family>sans-serif</family><prefer><family>Liberation Sans</family></prefer></alias>
  <alias><family>monospace</family><prefer><family>Liberation Mono</family></prefer></alias>
</fontconfig>
"""


def find() -> Path | None:
    """Return a Chromium that starts: of the variable CHROMIUM, fetched by us, or on PATH; None where there is none."""
    named = os.environ.get("CHROMIUM")
    found = [Path(named)] if named else [PROGRAM, *map(Path, filter(None, map(shutil.which, NAMES)))]
    return next((program for program in found if _starts(program)), None)


def fetch() -> Path:
    """Fetch a Chromium into the project's folder and return it; exit with one line where none can be had."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for way in (_from_apt, _from_playwright):
        program = way()
        if program is not None:
            _write_starter(program)
            if _starts(PROGRAM):
                return PROGRAM
    sys.exit("error: no Chromium for the tests of pages; install one, or name it in the variable CHROMIUM")


def _starts(program: Path) -> bool:
    """Tell whether a program loads a page: a build that lacks a library, or is a mere pointer to a store, does not."""
    command = [str(program), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--dump-dom"]
    try:
        done = subprocess.run(
            [*command, "data:text/html,<p>ready"], capture_output=True, timeout=SECONDS_TO_START, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and b"ready" in done.stdout


def _from_apt() -> Path | None:
    """Unpack Debian's packages with all they need that is not installed; apt's lists and files stay in our folder."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return None
    state, cache, root = FOLDER / "apt", FOLDER / "debs", FOLDER / "root"
    (state / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (cache / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    options = {
        "Dir::State": state,
        "Dir::State::status": "/var/lib/dpkg/status",
        "Dir::Cache": cache,
        "Debug::NoLocking": "1",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
    }
    apt = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in options.items())]
    wanted = ["install", "--yes", "--download-only", "--no-install-recommends", *PACKAGES]
    if not (_ran([*apt, "update"]) and _ran([*apt, *wanted])):
        return None
    for package in sorted((cache / "archives").glob("*.deb")):
        _ran(["dpkg-deb", "--extract", str(package), str(root)])
    shutil.rmtree(cache)
    shutil.rmtree(state)
    return next(iter(sorted(root.glob("usr/lib/chromium/*headless*shell"))), None)


def _from_playwright() -> Path | None:
    """Let Playwright fetch the build it was made with."""
    environment = os.environ | {"PLAYWRIGHT_BROWSERS_PATH": str(FOLDER / "playwright")}
    if not _ran([sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"], environment):
        return None
    return next((FOLDER / "playwright").glob("*/*/*headless*shell"), None)


def _write_starter(program: Path) -> None:
    """Write the script that starts Chromium with the libraries and fonts that were unpacked beside it."""
    root = FOLDER / "root"
    libraries = [
        str(path)
        for pattern in ("usr/lib/*-linux-*", "usr/lib/*-linux-*/*", "lib/*-linux-*")
        for path in sorted(root.glob(pattern))
        if path.is_dir()
    ]
    (FOLDER / "fonts.conf").write_text(FONTS.format(root=root, folder=FOLDER), encoding="utf-8")
    lines = [
        "#!/bin/sh",
        f'export LD_LIBRARY_PATH="{":".join(libraries)}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}"',
        f'export FONTCONFIG_FILE="{FOLDER}/fonts.conf"',
        f'exec "{program}" "$@"',
    ]
    PROGRAM.write_text("\n".join(lines) + "\n", encoding="utf-8")
    PROGRAM.chmod(0o755)


def _ran(command: list[str], environment: dict[str, str] | None = None) -> bool:
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        sys.stderr.write(f"{' '.join(command[:1])}: {done.stderr.strip()[-500:]}\n")
    return done.returncode == 0


if __name__ == "__main__":
    print(f"set-up: Chromium for tests: {find() or fetch()}")  # noqa: T201  a command prints
