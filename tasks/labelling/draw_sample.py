"""A stratified sample of a workload's records to label by hand: drawn from its input, written to a file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import polars as pl

from models.errors import InputError, UsageError
from models.evaluation.sample import Stratum, allocate
from models.settings import Settings
from models.workloads.base import Workload
from tasks.labelling.distinct_texts import CHARS, DRAWN, HASH, DistinctTexts
from tasks.labelling.labelled_file import keys_in
from tasks.labelling.published_labels import published_labels
from tasks.labelling.sample_file import Sheet
from tasks.reading.dates import partitions_between
from tasks.reading.input_cache import InputCache
from tasks.reading.partition import RawPartition, open_raw
from tasks.reading.source import Source
from tasks.reading.whole import open_all, records_of

_LABEL = "label"
_STRATUM = "stratum"


@dataclass(frozen=True, slots=True)
class SampleDrawn:
    """What was written: `path`, and for each stratum its distinct texts and how many were drawn of them.

    Less than what was `asked` for where there is less. `left_out`: distinct texts that were drawn before. `to_fill`: the
    columns for the right answers.
    """

    path: Path
    asked: int
    left_out: int
    strata: tuple[Stratum, ...]
    to_fill: tuple[str, ...] = ()

    @property
    def written(self) -> int:
        """Records in the file."""
        return sum(one.drawn for one in self.strata)


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """Which records are drawn, and where they are written to.

    `input` None: the workload's own. `dates`: from the first to the last; None: the whole input. `out` None:
    `<workload>-to-label.csv`. `without`: a file of records whose texts are left out, those that were drawn before.
    """

    size: int
    seed: int = 0
    input: str | None = None
    dates: tuple[date, date] | None = None
    out: Path | None = None
    without: str | Path | None = None


def draw_sample(workload: Workload, settings: Settings, asked: SampleRequest) -> SampleDrawn:
    """Draw records to label from a workload's input, and write them to a CSV or JSON lines file to fill in.

    Only distinct texts are drawn, in proportion to strata, so that the sample weighs itself: the label that was last
    published for a text, else a third of the others by length. The input is read twice; memory is some 20 bytes a
    distinct text.

    The file has the id, the text columns as they are in the input and empty columns for the right answer, one, or one for each
    field of an object: filled in, `read_labelled` takes it as it is. Its rows come in the order of drawing, so that the
    first ones are a sample too. Raises `UsageError`: a size below 1, a file that exists or of another kind, a query
    without dates; `InputError`: the input cannot be read, or holds no text; `OutputError`.
    """
    if asked.size < 1:
        msg = f"--sample {asked.size} is too small: draw at least 1 record, better 50 to 100"
        raise UsageError(msg)
    source = Source.of(
        workload.settings,
        workload.text_columns,
        workload=workload.name,
        location=asked.input,
        cache=InputCache.of(settings),
    )
    sheet = Sheet.plan(asked.out, workload, source)
    if asked.dates is None and source.query:
        msg = f"{workload.name} reads a query, which is asked by date: say which with --from and --to"
        raise UsageError(msg)
    before = frozenset() if asked.without is None else keys_in(asked.without, workload)
    survey = DistinctTexts(asked.seed, before)
    for raw in _partitions(source, asked.dates):
        for chunk in raw.chunks():
            survey.add(records_of(chunk, chunk.texts, source.text_columns, source.template))
    texts = survey.texts()
    if texts.is_empty():
        raise _nothing(source, survey.left_out)
    texts = _with_strata(texts, published_labels(workload, settings, texts.get_column(HASH)))
    strata, chosen = _choose(texts, asked.size)
    found = dict(_rows(source, asked.dates, set(chosen)))
    if len(found) < len(chosen):
        msg = f"{source.name} changed while it was read: run this again"
        raise InputError(msg)
    sheet.write([found[number] for number in chosen])
    return SampleDrawn(sheet.path, asked.size, survey.left_out, strata, sheet.to_fill)


def _partitions(source: Source, dates: tuple[date, date] | None) -> Iterator[RawPartition]:
    """Open what is drawn from, one partition after the other."""
    if dates is None:
        yield from open_all(replace(source, timestamp_column=""))
        return
    days = partitions_between(source, *dates)
    if not days:
        msg = f"{source.name} holds no record from {dates[0]} to {dates[1]}"
        raise InputError(msg)
    for day in days:
        yield open_raw(source, day)


def _nothing(source: Source, left_out: int) -> InputError:
    if left_out:
        return InputError(
            f"all {left_out:,} distinct texts of {source.name} were drawn before: nothing is left"
        )
    return InputError(f"{source.name} holds no record with text in {', '.join(source.text_columns)}")


def _with_strata(texts: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """Say of each text to which stratum it belongs: by its published label, else by its length."""
    joined = texts.join(labels, on=HASH, how="left", maintain_order="left")
    lengths = joined.filter(pl.col(_LABEL).is_null()).get_column(CHARS).sort()
    by_length = pl.lit(None, pl.String)
    if count := len(lengths):
        short, medium = int(lengths[(count - 1) // 3]), int(lengths[(2 * count - 1) // 3])
        by_length = (
            pl.when(pl.col(CHARS) <= short)
            .then(pl.lit(f"short: up to {short:,} characters"))
            .when(pl.col(CHARS) <= medium)
            .then(pl.lit(f"medium: up to {medium:,} characters"))
            .otherwise(pl.lit(f"long: more than {medium:,} characters"))
        )
    answered = pl.concat_str(pl.lit("answered "), _LABEL)
    return joined.select(HASH, DRAWN, pl.coalesce(answered, by_length).alias(_STRATUM))


def _choose(texts: pl.DataFrame, size: int) -> tuple[tuple[Stratum, ...], list[int]]:
    """Share the sample out among the strata and draw in each; return what each got, and the texts' hashes in order."""
    counted = texts.group_by(_STRATUM).len().sort(pl.col("len"), _STRATUM, descending=[True, False])
    sizes: Mapping[str, int] = dict(counted.iter_rows())
    parts = allocate(sizes, size)
    drawn = pl.concat(
        texts.filter(pl.col(_STRATUM) == name).bottom_k(part, by=(DRAWN, HASH))
        for name, part in parts.items()
    )
    order: list[int] = drawn.sort(DRAWN, HASH).get_column(HASH).to_list()
    return tuple(Stratum(name, count, parts[name]) for name, count in sizes.items()), order


def _rows(
    source: Source, dates: tuple[date, date] | None, wanted: set[int]
) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Yield the first row of each wanted text, by its hash: id and text columns as they are."""
    names = (source.id_column, *source.text_columns)
    for raw in _partitions(source, dates):
        for chunk in raw.chunks():
            for place, record in enumerate(
                records_of(chunk, chunk.texts, source.text_columns, source.template)
            ):
                if record is None or record.text_hash not in wanted:
                    continue
                wanted.discard(record.text_hash)
                values = (column[place] for column in (chunk.ids, *chunk.texts))
                yield record.text_hash, dict(zip(names, values, strict=True))
            if not wanted:
                return
