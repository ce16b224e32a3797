"""Files of labelled records, as people bring them back from spreadsheets, and samples that are drawn to be labelled."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import strategies as st

from models.errors import BreakevenError
from models.settings import WorkloadSettings
from tasks.labelling.labelled_file import read_labelled
from tests.fuzz.judge import SECRET, check_error, fail
from tests.fuzz.mutate import Mutated, mutated
from tests.workloads import Enrichment, Sentiment

_CSV = (
    "id,text,label,second\n"
    + "".join(
        f'{number},"{SECRET} text {number}",{("positive", "negative", "")[number % 3]},positive\n'
        for number in range(8)
    )
).encode()
_JSON = b"".join(
    b'{"id": %d, "text": "%b text %d", "label": "Neutral", "answer": {"category": "billing"}}\n'
    % (number, SECRET.encode(), number)
    for number in range(8)
)
_WORKLOADS = {"sentiment": Sentiment(WorkloadSettings()), "enrichment": Enrichment(WorkloadSettings())}


@dataclass(frozen=True, slots=True)
class Labelled:
    """A file, and how it is read."""

    name: str
    content: Mutated
    workload: str = "sentiment"
    column: str | None = None
    second: str | None = None
    limit: int | None = None


CASES = st.builds(
    Labelled,
    st.sampled_from(["in.csv", "in.csv", "in.jsonl", "in.json"]),
    mutated([_CSV, _CSV, _JSON]),
    st.sampled_from(sorted(_WORKLOADS)),
    st.sampled_from([None, None, "label", "answer", "gone\x1b", "text"]),
    st.sampled_from([None, None, None, "second", "label"]),
    st.sampled_from([None, None, 2, 5, 10**30, -1]),
)


@contextmanager
def open_room(folder: Path) -> Iterator[Callable[[Labelled], None]]:
    """Give what plays a case."""

    def play(case: Labelled) -> None:
        with TemporaryDirectory(dir=folder) as name:
            _play(case, Path(name))

    yield play


def _play(case: Labelled, folder: Path) -> None:
    path = folder / case.name
    path.write_bytes(case.content.content())
    try:
        found = read_labelled(
            path,
            workload=_WORKLOADS[case.workload],
            label_column=case.column,
            second_column=case.second,
            limit=case.limit,
            seed=1,
        )
    except BreakevenError as error:
        check_error(error, may_quote=True)  # it names labels and columns, which may be any words here
        return
    if len(found.records) > found.distinct or found.distinct > found.rows:
        fail("records out of nowhere", (len(found.records), found.distinct, found.rows))
