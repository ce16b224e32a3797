"""One window of the label page: a record, its labels as buttons and keys, undo and skip.

Texts and labels are handed to NiceGUI as text, never as HTML.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from nicegui import events, ui

from models.errors import BreakevenError, OutputError
from models.requests import JsonValue
from tasks.documents.amounts import plural
from tasks.label_page.desk import Desk

DIGITS = 9
"""Labels that have a key of their own."""
_KEYS = Path(__file__).with_name("keys.js")
_ONE_CLICK = "(event) => { if (event.detail < 2) emit() }"
"""The second click of a double one would fall on the next record."""


@dataclass(slots=True)
class LabelWindow:
    """What one window shows. `several`: a record has any number of the labels, which Enter confirms.

    `summary` says in lines what was labelled so far. `turn` counts the records that were shown, so that a key that was pressed before one was seen does not label it.
    """

    desk: Desk
    labels: Sequence[str]
    several: bool
    summary: Callable[[], Sequence[str]]
    place: int | None = None
    turn: int = 0
    at: int = 0
    chosen: list[str] = field(default_factory=list)
    wanted: str = ""
    said: str = ""
    body: ui.element | None = None

    def build(self, title: str) -> None:
        """Put the page together, and show the first record."""
        ui.page_title(title)
        with ui.element("header").classes("head"):
            ui.label(title).classes("name").props("role=heading aria-level=1")
            ui.label(f"labelled by {self.desk.by}").classes("who")
        if len(self.labels) > DIGITS:
            finder = ui.element("input").classes("find")  # keys.js tells what is typed
            finder.props["placeholder"] = finder.props["aria-label"] = "find a label ( / )"
        self.body = ui.element("section")
        self.body.props["id"] = "desk"
        ui.label(_help(several=self.several, many=len(self.labels) > DIGITS)).classes("keys")
        ui.add_body_html(f"<script>{_KEYS.read_text(encoding='utf-8')}</script>")
        ui.on("label_key", self._key)
        self._turn_to(self.desk.next())

    @property
    def shown(self) -> list[str]:
        """The labels that are offered: those that hold what was asked for."""
        wanted = self.wanted.casefold()
        return [one for one in self.labels if wanted in one.casefold()]

    def _turn_to(self, place: int | None) -> None:
        """Show a record anew."""
        self.place, self.chosen, self.at, self.wanted = place, [], 0, ""
        self.turn += 1
        self._show()

    def _show(self) -> None:
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
                self._show_record(self.place)
            with ui.element("div").classes("after"):
                _button("Undo (u)", self._undo)
                if self.place is not None:
                    _button("Skip (s)", self._skip)

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

    def _show_record(self, place: int) -> None:
        one = self.desk.records[place]
        if one.why:
            ui.label(one.why).classes("why")
        text = ui.label(_writable(one.text)).classes("record")
        text.props["id"] = "record"
        text.props["tabindex"] = "0"
        with ui.element("div").classes("labels").props("role=group aria-label=labels"):
            for number, label in enumerate(self.shown):
                key = f"{number + 1}  " if number < DIGITS else ""
                button = _button(f"{key}{_writable(label)}", partial(self._choose, label))
                button.classes("label")
                if number == self.at:
                    button.classes("at")
                if self.several:
                    button.props["aria-pressed"] = "true" if label in self.chosen else "false"
        if self.several:
            _button(_confirmation(self.chosen), self._confirm).classes("confirm")

    def _key(self, event: events.GenericEventArguments) -> None:
        """Do what a key asks for, if it was pressed over what is shown now."""
        key, turn = str(event.args.get("key", "")), str(event.args.get("turn", ""))
        if turn != str(self.turn):
            return
        if (typed := str(event.args.get("typed", ""))) != self.wanted:
            self.wanted, self.at = typed, 0
            self._show()
        if key == "u":
            self._undo()
        elif self.place is None:
            return
        elif key == "s":
            self._skip()
        elif key in {"ArrowDown", "ArrowRight", "ArrowUp", "ArrowLeft"} and self.shown:
            self.at = (self.at + (1 if key in {"ArrowDown", "ArrowRight"} else -1)) % len(self.shown)
            self._show()
        elif key == "Enter":
            self._enter()
        elif key.isdecimal() and 1 <= int(key) <= min(DIGITS, len(self.shown)):
            self._choose(self.shown[int(key) - 1])
        elif key == " " and self.several and self.shown:
            self._choose(self.shown[self.at])

    def _enter(self) -> None:
        """Take the label that the arrows have come to; of several labels, confirm those that are chosen."""
        if self.several and not self.wanted:
            self._confirm()
        elif self.shown:
            self._choose(self.shown[min(self.at, len(self.shown) - 1)])
        else:
            self._say(f"no label holds {self.wanted}")

    def _choose(self, label: str) -> None:
        if not self.several:
            self._give(label)
            return
        if label in self.chosen:
            self.chosen.remove(label)
        else:
            self.chosen.append(label)
        self.wanted = ""
        self._show()

    def _confirm(self) -> None:
        chosen: JsonValue = [label for label in self.labels if label in self.chosen]
        self._give(chosen)

    def _give(self, label: JsonValue) -> None:
        if self.place is None:
            return
        try:
            self.desk.give(self.place, label)
        except OutputError as error:
            self._say(f"not kept: {error}")
            return
        self.said = ""
        self._turn_to(self.desk.next())

    def _skip(self) -> None:
        if self.place is None:
            return
        try:
            self.desk.skip(self.place)
        except OutputError as error:
            self._say(f"not put off: {error}")
            return
        self.said = ""
        self._turn_to(self.desk.next())

    def _undo(self) -> None:
        try:
            place = self.desk.undo()
        except OutputError as error:
            self._say(f"not taken back: {error}")
            return
        if place is None:
            self._say("there is nothing to take back")
            return
        self.said = "the last label is taken back: label this record again"
        self._turn_to(place)

    def _say(self, line: str) -> None:
        self.said, self.wanted = line, ""
        self._show()


def _button(text: str, action: Callable[[], None]) -> ui.button:
    """Return a button that a double click presses once."""
    button = ui.button(text).props("no-caps outline dense color=primary")
    return button.on("click", lambda _: action(), args=[], js_handler=_ONE_CLICK)


def _confirmation(chosen: Sequence[str]) -> str:
    return f"Keep {plural(len(chosen), 'label')} (Enter)" if chosen else "Keep: none of them (Enter)"


def _writable(text: str) -> str:
    """Return a text as it can be sent: without halves of characters."""
    return text.encode("utf-8", "replace").decode()


def _help(*, several: bool, many: bool) -> str:
    keys = (
        ["1-9 choose a label", "arrows move, Enter takes"]
        if not several
        else ["1-9 or Space switch a label", "arrows move", "Enter keeps them"]
    )
    if many:
        keys.append("/ finds a label")
    return " · ".join([*keys, "u undo", "s skip"])
