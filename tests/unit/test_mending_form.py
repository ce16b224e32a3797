"""The form in which people write what is right: what it shows, and what becomes of what is typed."""

import json
from pathlib import Path

import pytest

from models import workloads
from models.errors import InputError
from models.requests import JsonValue
from models.settings import Settings
from models.workloads.base import Workload
from tasks.label_page.answer_form import form_fields, read_form
from tests.integration.audit.answers import SCHEMA

SHOWN: JsonValue = {"name": " two\r\nlines\ud800 ", "price": 5.5, "colours": ["red", "a|b"]}


@pytest.fixture
def thing(tmp_path: Path) -> Workload:
    """Make a workload of objects."""
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(SCHEMA), encoding="utf-8")
    return make({"kind": "object", "prompt": "What?", "schema_file": str(path)})


def make(own: dict[str, object]) -> Workload:
    """Make a workload."""
    return workloads.build("own", Settings.model_validate({"workloads": {"own": own}}))


def typed(workload: Workload, **changed: str) -> dict[str, str]:
    """Return what the form holds once these fields are changed; a browser has its own ends of lines."""
    fields = {one.name: one.text.replace("\r\n", "\n") for one in form_fields(workload, SHOWN)}
    return fields | changed


def test_a_field_that_nobody_changed_is_what_it_was(thing: Workload) -> None:
    """With its blanks, its lines, and characters that cannot be sent."""
    assert read_form(thing, SHOWN, typed(thing)) == SHOWN


def test_fields_are_read_as_the_schema_says(thing: Workload) -> None:
    """Numbers, lists in two ways, nothing where nothing may be."""
    found = read_form(thing, SHOWN, typed(thing, name="lamp", price="7", colours="red | blue"))
    assert found == {"name": "lamp", "price": 7, "colours": ["red", "blue"]}
    assert read_form(thing, SHOWN, typed(thing, price="", colours='["a|b"]')) == {
        "name": SHOWN["name"],  # type: ignore[index,call-overload]
        "price": None,
        "colours": ["a|b"],
    }


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("price", "much", "price"),
        ("name", " ", "name: "),
        ("colours", '["red"', "colours: that is not a list as JSON"),
        ("colours", "[" * 5000, "colours: that is not a list as JSON"),
    ],
)
def test_what_is_no_answer_names_its_field(thing: Workload, field: str, text: str, said: str) -> None:
    """In one line."""
    with pytest.raises(InputError) as error:
        read_form(thing, SHOWN, typed(thing, **{field: text}))
    assert str(error.value).startswith(said)
    assert "\n" not in str(error.value)


def test_a_text_is_one_field() -> None:
    """Blanks alone are none."""
    workload = make({"kind": "text", "prompt": "Say it shortly."})
    (field,) = form_fields(workload, "short")
    assert read_form(workload, "short", {field.name: " shorter\n"}) == "shorter"
    with pytest.raises(InputError, match="write the right text first"):
        read_form(workload, "short", {field.name: " \n"})
