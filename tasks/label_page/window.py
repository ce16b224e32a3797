"""What every window of the label page has: a record at a time, keys that count for what was seen, undo and skip.

Texts are handed to NiceGUI as text, never as HTML.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nicegui import events, ui

from models.errors import BreakevenError, OutputError
from models.requests import JsonValue
from tasks.documents.amounts import plural
from tasks.label_page.desk import Desk

_KEYS = Path(__file__).with_name("keys.js")
_ONE_CLICK = "(event) => { if (event.detail < 2) emit() }"
"""The second click of a double one would fall on the next record."""


@dataclass(slots=True)
class DeskWindow(ABC):
    """What one window shows of a desk.

    `summary` says in lines what was labelled so far. `turn` counts the records that were shown, so that a key that was pressed before one was seen does not label it.
    """

    desk: Desk
    summary: Callable[[], Sequence[str]]
    place: int | None = None
    turn: int = 0
    at: int = 0
    said: str = ""
    body: ui.element | None = None

    def build(self, title: str) -> None:
        """Put the page together, and show the first record."""
        ui.page_title(title)
        with ui.element("header").classes("head"):
            ui.label(title).classes("name").props("role=heading aria-level=1")
            ui.label(f"labelled by {self.desk.by}").classes("who")
        self.show_tools()
        self.body = ui.element("section")
        self.body.props["id"] = "desk"
        ui.label(" · ".join([*self.keys, "u undo", "s skip"])).classes("keys")
        ui.add_body_html(f"<script>{_KEYS.read_text(encoding='utf-8')}</script>")
        ui.on("label_key", self._key)
        self.turn_to(self.desk.next())

    @property
    @abstractmethod
    def keys(self) -> Sequence[str]:
        """What keys do, beside those that every window has."""

    @abstractmethod
    def forget(self) -> None:
        """Forget what was begun on the record that was shown."""

    @abstractmethod
    def show_record(self, place: int) -> None:
        """Show a record and what can be said of it."""

    @abstractmethod
    def act(self, key: str, pressed: Mapping[str, JsonValue]) -> None:
        """Do what a key asks for of the record that is shown. `pressed`: what keys.js sends."""

    @abstractmethod
    def show_tools(self) -> None:
        """Show what stands above all records."""

    @abstractmethod
    def typed(self, pressed: Mapping[str, JsonValue]) -> None:
        """Take note of what is typed into what stands above the records."""

    def turn_to(self, place: int | None) -> None:
        """Show a record anew."""
        self.place, self.at = place, 0
        self.forget()
        self.turn += 1
        self.show()

    def show(self) -> None:
        """Show the record as far as it has come."""
        assert self.body is not None  # noqa: S101  built first
        self.body.clear()
        self.body.props["data-turn"] = str(self.turn)
        self.body.update()
        with self.body:
            done, every = len(self.desk.given), len(self.desk.records)
            ui.label(f"{done} of {plural(every, 'record')} labelled").classes("done").props("role=status")
            if self.said:
                ui.label(self.said).classes("note").props("role=alert")
            if self.place is None:
                self._show_end()
            else:
                self.show_record(self.place)
            with ui.element("div").classes("after"):
                make_button("Undo (u)", self._undo)
                if self.place is not None:
                    make_button("Skip (s)", self._skip)

    def show_text(self, place: int) -> None:
        """Show a record's text, and why it is among the first."""
        one = self.desk.records[place]
        if one.why:
            ui.label(one.why).classes("why")
        text = ui.label(writable(one.text)).classes("record")
        text.props["id"] = "record"
        text.props["tabindex"] = "0"

    def give(self, label: JsonValue, *, right: bool | None = None) -> None:
        """Keep what was said of the record, and show the next one."""
        if self.place is None:
            return
        try:
            self.desk.give(self.place, label, right=right)
        except OutputError as error:
            self.say(f"not kept: {error}")
            return
        self.said = ""
        self.turn_to(self.desk.next())

    def say(self, line: str) -> None:
        """Show a line above the record."""
        self.said = line
        self.show()

    def _show_end(self) -> None:
        """Say that nothing is left, and what all labellers said so far."""
        ui.label("All records are labelled. Close this window, and end the command with Ctrl-C.").classes(
            "end"
        )
        try:
            lines = self.summary()
        except BreakevenError as error:
            lines = [str(error)]
        for line in lines:
            ui.label(line)

    def _key(self, event: events.GenericEventArguments) -> None:
        """Do what a key asks for, if it was pressed over what is shown now."""
        key, turn = str(event.args.get("key", "")), str(event.args.get("turn", ""))
        if turn != str(self.turn):
            return
        self.typed(event.args)
        if key == "u":
            self._undo()
        elif self.place is None:
            return
        elif key == "s":
            self._skip()
        else:
            self.act(key, event.args)

    def move(self, key: str, of: int) -> bool:
        """Move the mark over so many choices, if it is a key for that."""
        if key not in {"ArrowDown", "ArrowRight", "ArrowUp", "ArrowLeft"} or not of:
            return False
        self.at = (self.at + (1 if key in {"ArrowDown", "ArrowRight"} else -1)) % of
        self.show()
        return True

    def _skip(self) -> None:
        if self.place is None:
            return
        try:
            self.desk.skip(self.place)
        except OutputError as error:
            self.say(f"not put off: {error}")
            return
        self.said = ""
        self.turn_to(self.desk.next())

    def _undo(self) -> None:
        try:
            place = self.desk.undo()
        except OutputError as error:
            self.say(f"not taken back: {error}")
            return
        if place is None:
            self.say("there is nothing to take back")
            return
        self.said = "the last label is taken back: label this record again"
        self.turn_to(place)


def make_button(text: str, action: Callable[[], None]) -> ui.button:
    """Return a button that a double click presses once."""
    button = ui.button(text).props("no-caps outline dense color=primary")
    return button.on("click", lambda _: action(), args=[], js_handler=_ONE_CLICK)


def writable(text: str) -> str:
    """Return a text as it can be sent: without halves of characters."""
    return text.encode("utf-8", "replace").decode()
