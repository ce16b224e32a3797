"""How often a drop of agreement is seen in the month in which it comes: `python -m bench.audits`.

Six months at an agreement of 0.9, then one at another; at the look of that month's end. Seeded.
"""

from random import Random

from models.evaluation.audited import CHANCE, chance_of_so_few

YEARS = 2000
MONTHS = 6
BEFORE = 0.9


def share_seen(audited: int, agreement: float, random: Random) -> float:
    """Return the share of made-up years in which the drop is seen."""
    seen = 0
    for _ in range(YEARS):
        before = sum(random.random() < BEFORE for _ in range(MONTHS * audited))
        now = sum(random.random() < agreement for _ in range(audited))
        seen += chance_of_so_few(now, audited, before, MONTHS * audited) <= CHANCE
    return seen / YEARS


def main() -> None:
    """Print one row for each number of audited records a month."""
    random, levels = Random(19), (0.9, 0.85, 0.8, 0.7, 0.6)  # noqa: S311  no secret is made of it
    print("audited a month   " + "".join(f"to {level:<6}" for level in levels))
    for audited in (30, 100, 300, 1000):
        shares = (share_seen(audited, level, random) for level in levels)
        print(f"{audited:<18}" + "".join(f"{share:<9.3f}" for share in shares))


if __name__ == "__main__":
    main()
