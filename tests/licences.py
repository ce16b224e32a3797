"""`make audit`: under which licences the pinned packages come, and whether weaknesses of them are known.

Licences are read from the metadata of what is installed, which needs no network. One that is neither permissive nor in the table
of docs/dependencies.md fails, and so does one that a package does not tell. Known weaknesses are asked of PyPI by
pip-audit; where it cannot be reached a line says so, and nothing fails.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import Distribution, PackageMetadata, distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "dependencies.md"
PERMISSIVE = frozenset(
    [
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSL-1.0",
        "CC0-1.0",
        "CNRI-Python",
        "ISC",
        "MIT",
        "MIT-0",
        "MIT-CMU",
        "PSF-2.0",
        "Unlicense",
        "Zlib",
    ]
)
"""What asks for no more than that its text goes along."""
WORDS = {
    "3-clause bsd license": "BSD-3-Clause",
    "apache 2.0": "Apache-2.0",
    "apache 2.0 license": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "bsd license": "BSD-3-Clause",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense",
}
"""Licences as older metadata say them, by their SPDX names."""
_NO_LICENCE = ("DFSG approved", "OSI Approved")
_ROW = re.compile(r"^\| ([a-z0-9.*-]+(?:, [a-z0-9.*-]+)*) \| ([^|]+) \| [^|]+ \|$", re.MULTILINE)
PIP_AUDIT = "pip-audit==2.10.1"
NO_ADVISORIES = "advisories: not reached from here, so nothing is known of weaknesses"


def pinned(*names: str) -> set[str]:
    """Return the packages of requirement files such as `cpu`."""
    found: set[str] = set()
    for name in names:
        text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
        found.update(map(normal, re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==", text, re.MULTILINE)))
    return found


def normal(name: str) -> str:
    """Return a package's name as indexes write it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def licence(package: Distribution) -> str:
    """Return the licence that a package tells, as SPDX names it where that is known; empty: it tells none.

    Several classifiers without a word between them count as terms that all hold.
    """
    about = package.metadata
    if expression := _field(about, "License-Expression"):
        return expression
    classifiers = [
        one.split(" :: ")[-1] for one in about.get_all("Classifier") or () if one.startswith("License ::")
    ]
    if told := [one for one in classifiers if one not in _NO_LICENCE]:
        return " AND ".join(sorted({WORDS.get(one.lower(), one) for one in told}))
    line = _field(about, "License").strip().partition("\n")[0]
    return WORDS.get(line.lower(), line)


def _field(about: PackageMetadata, name: str) -> str:
    return next(iter(about.get_all(name) or ()), "")


def is_permissive(expression: str) -> bool:
    """Whether one may choose terms of an SPDX expression that are all permissive."""
    tokens = [one for one in re.split(r"\s*(\(|\)|\bAND\b|\bOR\b)\s*", expression) if one]

    def either() -> bool:
        found = both()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            found = both() or found
        return found

    def both() -> bool:
        found = one()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            found = one() and found
        return found

    def one() -> bool:
        name = tokens.pop(0) if tokens else ""
        if name == "(":
            found = either()
            return bool(tokens) and tokens.pop(0) == ")" and found
        return name.partition(" WITH ")[0] in PERMISSIVE

    return either() and not tokens


def named_on_page(page: str) -> dict[str, str]:
    """Return the packages of the page's table on images with their licences; a name may end in `*`."""
    table = page.partition("## In an image")[2]
    return {
        name: terms
        for names, terms in _ROW.findall(table)
        for name in names.split(", ")
        if name.strip("-") not in ("", "package")
    }


def find_unfit(packages: Mapping[str, Distribution], wanted: Iterable[str], page: str) -> Iterator[str]:
    """Yield what is wrong with the licences of the packages that are wanted and installed, and with the page's table."""
    named = named_on_page(page)
    patterns = {name: re.compile(name.replace(".", r"\.").replace("*", ".*")) for name in named}
    unused = set(named)
    for name in sorted(wanted):
        told = next((row for row, pattern in patterns.items() if pattern.fullmatch(name)), None)
        unused.discard(told or "")
        if name not in packages:
            continue
        terms = licence(packages[name])
        if told is None and not terms:
            yield f"{name}: its metadata tell no licence; read its own and name it in the table of {PAGE.name}"
        elif told is None and not is_permissive(terms):
            yield f"{name}: {terms} is not among the permissive licences; name it in the table of {PAGE.name}, or do without it"
        elif told is not None and terms and "*" not in told and terms != named[told]:
            yield f"{name}: {terms}, but {PAGE.name} says {named[told]}"
    for row in sorted(unused):
        yield f"{row}: in the table of {PAGE.name}, but no package that is pinned"


def ask_advisories(command: Sequence[str]) -> tuple[str, list[str]]:
    """Ask for known weaknesses; return a line on what could be asked, and the weaknesses."""
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
        packages = json.loads(run.stdout)["dependencies"]
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError):
        return NO_ADVISORIES, []
    asked = [one for one in packages if "skip_reason" not in one]
    if not asked:
        return NO_ADVISORIES, []
    found = [
        f"{one['name']} {one['version']}: {weakness['id']}, mended in {', '.join(weakness['fix_versions']) or 'no version yet'}"
        for one in asked
        for weakness in one["vulns"]
    ]
    return (
        f"advisories: {len(asked)} of {len(packages)} packages looked up, {len(found)} weaknesses known",
        found,
    )


def main(uv: str) -> int:
    """Print what is found; 1 where a licence does not fit or a weakness is known."""
    packages = installed()
    files = ("gpu" if "vllm" in packages else "cpu", "dev")
    wanted = pinned("cpu", "gpu", "dev", "four_bits", "ray")
    wrong = list(find_unfit(packages, wanted, PAGE.read_text(encoding="utf-8")))
    there = wanted & set(packages)
    left = f"{len(wanted - there)} that are pinned are not (those of the other kind of machine)"
    say(f"licences: {len(there)} packages are installed here, {left}; {len(wrong)} findings")
    requirements = [part for name in files for part in ("-r", str(ROOT / "requirements" / f"{name}.txt"))]
    audit = [
        uv,
        "tool",
        "run",
        "--quiet",
        "--from",
        PIP_AUDIT,
        "pip-audit",
        "--no-deps",
        "--disable-pip",
        "--format",
        "json",
    ]
    line, weaknesses = ask_advisories([*audit, "--progress-spinner", "off", *requirements])
    say(line)
    for one in (*wrong, *weaknesses):
        say(f"  {one}")
    return int(bool(wrong or weaknesses))


def installed() -> dict[str, Distribution]:
    """Return the packages that are installed beside this one, by name."""
    return {normal(one.metadata["Name"]): one for one in distributions()}


def say(line: str) -> None:
    """Write a line to standard output."""
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
