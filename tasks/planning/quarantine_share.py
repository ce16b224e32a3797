"""How many records of a day may be set aside before it is not published (settings `max_quarantined_share`, `min_quarantined`)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from db.partitions import PartitionVersion
from models.errors import InputError, TooManyQuarantined
from models.settings import Settings
from tasks.planning.checks import Checked
from tasks.planning.input_facts import InputFacts, count_all_rows


@dataclass(frozen=True, slots=True)
class QuarantineLimit:
    """What may be set aside of one partition, with the words for more than that.

    `replaced` is the published version whose place the new one takes, `continues`: the new one takes its rows over, so
    that it may set aside the same share. `settings` are the workload's.
    """

    settings: Settings
    workload: str
    partition: str
    replaced: PartitionVersion | None = None
    continues: bool = False

    def is_exceeded(self, aside: int, records: int) -> bool:
        """Whether so many of these records are too many: or all, where readers would lose what they have."""
        share = Fraction(self.settings.max_quarantined_share).limit_denominator(10**6)
        least, before = self.settings.min_quarantined, self.replaced
        if before is not None and before.records and aside == records:
            least = 1
        if before is not None and self.continues and before.quarantined:
            share = max(share, Fraction(before.quarantined, before.quarantined + (before.records or 0)))
        return aside >= least and aside > share * records

    def check_input(self, checked: Checked, facts: InputFacts) -> None:
        """See that reading sets few enough rows aside. Raises `InputError`, before anything is begun or paid.

        Rows that may belong to any date are held against all rows of the input, the others against those of the day.
        """
        if self.is_exceeded(facts.own_faults, facts.own_rows):
            example = "" if facts.first is None else f" Record {facts.first[0]:,}: {facts.first[1]}."
            raise self._bad_input(facts, facts.own_faults, facts.own_rows, "records", example)
        if self.is_exceeded(facts.dateless, facts.rows):
            every = count_all_rows(checked.reader, lambda rows: not self.is_exceeded(facts.dateless, rows))
            if self.is_exceeded(facts.dateless, every):
                raise self._bad_input(facts, facts.dateless, every, "rows of the whole input", "")

    def check_answers(self, aside: int, records: int, reasons: Mapping[str, int]) -> None:
        """See that few enough records are set aside in the end. Raises `TooManyQuarantined`.

        `aside` of `records` count, `reasons` are those of all that were set aside.
        """
        if not self.is_exceeded(aside, records):
            return
        msg = (
            f"{self._found(aside, records, 'records', 'are', reasons)}: nothing is published, and what was published "
            f"stays. What was answered is kept: {self._name}={_enough(aside, records)} publishes it with the same command; "
            "with another prompt or model it is inferred anew"
        )
        raise TooManyQuarantined(msg)

    def _bad_input(self, facts: InputFacts, aside: int, records: int, what: str, example: str) -> InputError:
        return InputError(
            f"{self._found(aside, records, what, 'would be', facts.faults)}: nothing was begun, and what was published "
            f"stays.{example} Correct the input, or the columns that are set for it; "
            f"{self._name}={_enough(aside, records)} publishes the rest as it is"
        )

    def _found(self, aside: int, records: int, what: str, verb: str, reasons: Mapping[str, int]) -> str:
        listed = sorted(reasons.items(), key=lambda one: (-one[1], one[0]))
        counted = ", ".join(f"{count:,} {reason}" for reason, count in listed)
        share = f"{100 * self.settings.max_quarantined_share:g} %"
        return (
            f"{self.workload} {self.partition}: {aside:,} of {records:,} {what} {verb} set aside ({counted}), more than "
            f"max_quarantined_share ({share}) lets pass"
        )

    @property
    def _name(self) -> str:
        """The variable that sets the share where it is set now."""
        own = self.settings.workload(self.workload).max_quarantined_share is not None
        return f"BREAKEVEN_{f'WORKLOADS__{self.workload.upper()}__' if own else ''}MAX_QUARANTINED_SHARE"


def _enough(aside: int, records: int) -> str:
    """Return the least share, to a hundredth, that lets so many pass."""
    return f"{math.ceil(Fraction(100 * aside, records)) / 100:g}"
