"""Settings: breakeven.toml, workload files, the catalogue, and variables, damaged as people and programs damage them."""

import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import strategies as st

from models import workloads
from models.engines.api.options import ApiOptions
from models.settings.check import load
from tests.fuzz.judge import SECRET
from tests.fuzz.mutate import TEXTS, Mutated, as_json, mutated
from tests.fuzz.mutate import VALUES as ANY_VALUES

_TOML = (
    f'api_key = "{SECRET}"\napi_model = "gpt-4o-mini"\nmax_quarantined_share = 0.5\n[caps]\nday_usd = 5\n\n'
    f'[workloads.sentiment]\ninput = "in.csv"\nwhere = "n > 1"\nmodel = "m"\n[mail]\nhost = "h"\npassword = "{SECRET}"\n'
).encode()
_WORKLOAD = (
    b'kind = "label"\nprompt = "Which? {{ x }}"\nlabels = ["a", "b"]\ntext = "{{ title }} {% if body %}{{ body }}{% endif %}"\nmax_tokens = 16\n'
    b'[[examples]]\ntext = "t"\nlabel = "a"\n'
)
_OBJECT = b'kind = "object"\nprompt = "Read it."\nschema_file = "schema.json"\n[max_words]\nsummary = 5\n[pattern]\nsummary = "^a+$"\n'
_SCHEMA = as_json({
    "type": "object",
    "properties": {"summary": {"type": "string", "maxLength": 80}, "n": {"anyOf": [{"type": "integer"}, {"type": "null"}]}},
    "required": ["summary", "n"],
    "additionalProperties": False,
})  # fmt: skip
_NAMES = st.sampled_from([
    "API_KEY", "API_BASE_URL", "WORKLOADS", "WORKLOADS__SENTIMENT__WHERE", "WORKLOADS__SENTIMENT__TEXT_COLUMNS", "WORKLOADS__X__LABELS", "ENGINE", "ENGINE__MAX_MODEL_LEN",
    "MAIL", "MAIL__TO", "CHATS", "ALERTS", "API_EXTRA_BODY", "API_EXTRA_HEADERS", "CACHE_DIR", "API_CONCURRENCY", "DATABASE_URL", "SERVER_URL", "SERVER_HOSTS", "API_MODELL",
    "WORKLOADS__", "__", "WORKLOADS__A B__INPUT",
])  # fmt: skip
_GIVEN = TEXTS.filter(lambda text: "\x00" not in text) | st.sampled_from([
    "[", "{", '{"a":', "[" * 3_000, '["a", 1, null]', '{"a": {"b": "c"}}', "NaN", "1e999", "9" * 5_000, "true", f'{{"password": "{SECRET}"', "http://[::1", "http://h:99999", "0x1",
])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Written:
    """The files that a person wrote, and the variables that are set."""

    toml: Mutated
    schema: Mutated
    workload: Mutated | None = None
    variables: tuple[tuple[str, str], ...] = ()


CASES = st.builds(
    Written,
    mutated([_TOML, _TOML, b""]),
    mutated([_SCHEMA]),
    st.none() | mutated([_WORKLOAD, _OBJECT]),
    st.lists(st.tuples(_NAMES, _GIVEN | ANY_VALUES.map(lambda one: as_json(one).decode())), max_size=2).map(
        tuple
    ),
)


@contextmanager
def open_room(folder: Path) -> Iterator[Callable[[Written], None]]:
    """Give what plays a case."""
    yield lambda case: _play(case, folder)


def _play(case: Written, folder: Path) -> None:
    before = Path.cwd()
    with TemporaryDirectory(dir=folder) as name, contextlib.ExitStack() as stack:
        os.chdir(name)
        stack.callback(os.chdir, before)
        Path("breakeven.toml").write_bytes(case.toml.content())
        if case.workload is not None:
            Path("workloads").mkdir()
            Path("workloads/own.toml").write_bytes(case.workload.content())
            for place in ("schema.json", "workloads/schema.json"):
                Path(place).write_bytes(case.schema.content())
        for variable, value in case.variables:
            full = f"BREAKEVEN_{variable}"
            os.environ[full] = value.encode("utf-8", "replace").decode()
            stack.callback(os.environ.pop, full, None)
        settings = load()
        for one in ("sentiment", *settings.workloads):
            workloads.build(one, settings).messages("a text")
        _ = repr(settings)
        ApiOptions.from_settings(settings)
