"""Records that share long prompt prefixes: messages to six airlines, each with instructions of its own."""

from dataclasses import replace
from functools import cached_property
from pathlib import Path

import polars as pl
from pydantic import BaseModel

from bench.passes import Sample
from bench.report import DATA
from models.requests import Choice, Completion, Message, OutputFormat
from models.workloads.base import Workload

FILE = "tickets_sentiment.parquet"
RECORDS = 192
LABELS = ("complaint", "question", "praise", "other")
_RULES = (
    "A message that reports a delay, a cancellation or a missed connection is a complaint, even where it ends with a question.",
    "A message that asks for a time, a price, a gate, a seat, a rule or a person to call is a question, if nothing else is wrong.",
    "A message that thanks somebody, names a member of the crew with kindness or praises food, seats or films is praise.",
    "Lost, late or damaged luggage is always a complaint; say so even where the customer stays friendly about it.",
    "Waiting on the telephone for longer than a few minutes is a complaint, whatever the call was about in the first place.",
    "Irony is common: thanks for a delay, for a broken seat or for a night at the airport are complaints and never praise.",
    "A message in which the customer only answers somebody else, quotes a headline or shares a picture is other.",
    "Competitions, frequent flyer games and marriage proposals are other, unless the customer is cross about one of them.",
    "Questions about refunds that were promised and have not arrived are complaints; questions how to ask for one are questions.",
    "Messages about the web site or the app are complaints where something does not work and questions where it is not found.",
    "Where a message holds praise for one thing and a complaint about another, the complaint counts.",
    "Never guess what the customer may have meant beyond the words; an unclear message is other.",
)
_FIRST_RULES = (
    5  # the first airline has so many rules, each further one has one more: no two are of one length
)


class ShopOutput(BaseModel):
    """What a record comes to."""

    label: str


class Shops(Workload):
    """Sorts messages by rules that differ from shop to shop. A record's first line names its shop."""

    name = "sentiment"  # it stands in for it: the ledger needs no workload of its own
    prompt_version = "bench"
    output = ShopOutput
    max_tokens = 8

    def messages(self, text: str) -> tuple[Message, ...]:
        """Render a record: long instructions, the same for all of a shop's records, then the message."""
        shop, _, message = text.partition("\n")
        return (self._instructions(shop), Message("user", message))

    @cached_property
    def output_format(self) -> OutputFormat:
        """One label."""
        return Choice(LABELS)

    def parse(self, text: str, completion: Completion) -> BaseModel:  # noqa: ARG002  the base's signature
        """Take the label."""
        return ShopOutput(label=str(completion.value))

    def _instructions(self, shop: str) -> Message:
        return self._known.setdefault(shop, Message("system", instructions(shop, len(self._known))))

    @cached_property
    def _known(self) -> dict[str, Message]:
        return {}


def instructions(shop: str, place: int) -> str:
    """Write one shop's instructions: 5 to 10 rules, in an order of its own."""
    rules = [_RULES[(place + number) % len(_RULES)] for number in range(_FIRST_RULES + place)]
    lines = [f"- {rule}" for rule in rules]
    task = f"You sort messages that customers wrote to {shop}. Answer with one of: {', '.join(LABELS)}."
    return "\n".join([task, f"The rules of {shop}:", *lines])


def sample(folder: Path, records: int = RECORDS, data: Path = DATA) -> Sample:
    """Write one stretch of messages in the order in which they arrived, which mixes the shops."""
    path = folder / "shops.parquet"
    (
        pl.scan_parquet(data / FILE)
        .unique("text", keep="first", maintain_order=True)
        .sort("created_at", maintain_order=True)
        .with_columns(
            id=pl.int_range(pl.len()).cast(pl.String), text=pl.col("text").str.replace_all("\n", " ")
        )
        .select("id", "company", "text")
        .slice(1000, records)
        .collect()
        .write_parquet(path)
    )
    return Sample("sentiment", path, ("company", "text"), lambda workload: Shops(workload.settings))


def shorter(whole: Sample, folder: Path, records: int) -> Sample:
    """Cut a sample to its first records, for warming up."""
    path = folder / f"shops-{records}.parquet"
    pl.read_parquet(whole.source).head(records).write_parquet(path)
    return replace(whole, source=path)
