"""One window of the label page: a record, its labels as buttons and keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from nicegui import ui

from models.requests import JsonValue
from tasks.documents.amounts import plural
from tasks.label_page.window import DeskWindow, make_button, writable

DIGITS = 9
"""Labels that have a key of their own."""


@dataclass(slots=True)
class LabelWindow(DeskWindow):
    """What one window shows. `several`: a record has any number of the labels, which Enter confirms."""

    labels: Sequence[str] = ()
    several: bool = False
    chosen: list[str] = field(default_factory=list)
    wanted: str = ""

    @property
    def keys(self) -> Sequence[str]:
        """What keys do."""
        keys = (
            ["1-9 choose a label", "arrows move, Enter takes"]
            if not self.several
            else ["1-9 or Space switch a label", "arrows move", "Enter keeps them"]
        )
        return [*keys, "/ finds a label"] if len(self.labels) > DIGITS else keys

    @property
    def shown(self) -> list[str]:
        """The labels that are offered: those that hold what was asked for."""
        wanted = self.wanted.casefold()
        return [one for one in self.labels if wanted in one.casefold()]

    def show_tools(self) -> None:
        """Show what finds a label among many; keys.js tells what is typed."""
        if len(self.labels) > DIGITS:
            finder = ui.element("input").classes("find")
            finder.props["placeholder"] = finder.props["aria-label"] = "find a label ( / )"

    def forget(self) -> None:
        """Forget what was chosen."""
        self.chosen, self.wanted = [], ""

    def typed(self, pressed: Mapping[str, JsonValue]) -> None:
        """Narrow the labels to those that hold what is typed."""
        if (typed := str(pressed.get("typed", ""))) != self.wanted:
            self.wanted, self.at = typed, 0
            self.show()

    def show_record(self, place: int) -> None:
        """Show a record and its labels."""
        self.show_text(place)
        with ui.element("div").classes("labels").props("role=group aria-label=labels"):
            for number, label in enumerate(self.shown):
                key = f"{number + 1}  " if number < DIGITS else ""
                button = make_button(f"{key}{writable(label)}", partial(self._choose, label))
                button.classes("label")
                if number == self.at:
                    button.classes("at")
                if self.several:
                    button.props["aria-pressed"] = "true" if label in self.chosen else "false"
        if self.several:
            make_button(_confirmation(self.chosen), self._confirm).classes("confirm")

    def act(self, key: str, pressed: Mapping[str, JsonValue]) -> None:  # noqa: ARG002  a label is said by a key alone
        """Choose a label, move, or confirm."""
        if self.move(key, len(self.shown)):
            return
        if key == "Enter":
            self._enter()
        elif key.isdecimal() and 1 <= int(key) <= min(DIGITS, len(self.shown)):
            self._choose(self.shown[int(key) - 1])
        elif key == " " and self.several and self.shown:
            self._choose(self.shown[self.at])

    def say(self, line: str) -> None:
        """Show a line above the record."""
        self.wanted = ""
        DeskWindow.say(self, line)

    def _enter(self) -> None:
        """Take the label that the arrows have come to; of several labels, confirm those that are chosen."""
        if self.several and not self.wanted:
            self._confirm()
        elif self.shown:
            self._choose(self.shown[min(self.at, len(self.shown) - 1)])
        else:
            self.say(f"no label holds {self.wanted}")

    def _choose(self, label: str) -> None:
        if not self.several:
            self.give(label)
            return
        if label in self.chosen:
            self.chosen.remove(label)
        else:
            self.chosen.append(label)
        self.wanted = ""
        self.show()

    def _confirm(self) -> None:
        chosen: JsonValue = [label for label in self.labels if label in self.chosen]
        self.give(chosen)


def _confirmation(chosen: Sequence[str]) -> str:
    return f"Keep {plural(len(chosen), 'label')} (Enter)" if chosen else "Keep: none of them (Enter)"
