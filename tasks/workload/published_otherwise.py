"""What is published of a workload with another wording, and what answering it again would take and cost."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from db.published_prompts import AnswerSums, PublishedPrompt, list_published_prompts, sum_answers
from models.errors import PriceUnknown
from models.workloads.base import Workload
from tasks.documents.amounts import plural, unit_usd
from tasks.workload.cost import RecordCosts


@dataclass(frozen=True, slots=True)
class PublishedOtherwise:
    """The published partitions of a workload that were answered with another prompt, and what that took."""

    partitions: Sequence[PublishedPrompt]
    published: int
    sums: AnswerSums

    @property
    def records(self) -> int:
        """Published records in them."""
        return sum(one.records for one in self.partitions)


def find_published_otherwise(workload: Workload, session: Session | None) -> PublishedOtherwise:
    """Look up what the ledger knows of published partitions with another fingerprint of the prompt."""
    if session is None:
        return PublishedOtherwise((), 0, AnswerSums())
    every = list_published_prompts(session, workload.name)
    others = [one for one in every if one.fingerprint != workload.fingerprint]
    versions = [key for one in others for key in one.versions]
    return PublishedOtherwise(others, len(every), sum_answers(session, versions))


def describe_published(workload: Workload, found: PublishedOtherwise, costs: RecordCosts) -> list[str]:
    """Return lines on what is published, and what it takes to have all of it in the present wording."""
    if not found.published:
        return ["published: nothing so far"]
    if not found.partitions:
        return [f"published: {plural(found.published, 'partition')}, all with this wording"]
    first, last = found.partitions[0], found.partitions[-1]
    versions = sorted({one.prompt_version for one in found.partitions})
    since = min(one.published_at for one in found.partitions)
    said = f"version {', '.join(versions)}; {first.partition} to {last.partition}, published from {since:%Y-%m-%d} on"
    return [
        f"published: {len(found.partitions)} of {plural(found.published, 'partition')} with another wording ({said})",
        *_again(found, costs),
        f"  in full: breakeven backfill {workload.name} --from {first.partition} --to {last.partition} --quote",
        f"  an input without dates: breakeven run {workload.name} --date {last.partition} --rerun",
    ]


def _again(found: PublishedOtherwise, costs: RecordCosts) -> list[str]:
    """Price the tokens that these partitions took at today's rates."""
    sums = found.sums
    took = f"{found.records:,} records"
    here = "here unknown: the local engine answered none of them"
    if sums.requests:
        own = costs.own(sums.requests, sums.input_tokens, sums.output_tokens)
        took += f", {sums.input_tokens:,} tokens in and {sums.output_tokens:,} out"
        here = f"here {unit_usd(own.nano)} ({own.basis})"
    try:
        at_once, in_batch = costs.on_api(sums.api_input_tokens, sums.api_output_tokens)
        there = f"{unit_usd(at_once)} at once, {unit_usd(in_batch)} in a batch"
    except PriceUnknown as error:
        there = f"unknown ({error})"
    return [
        f"  running them again, by what they took before: {took}",
        f"  {here}; all of it on the API {there}",
    ]
