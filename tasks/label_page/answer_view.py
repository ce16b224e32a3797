"""One window of the label page for objects and texts: a record and what was published of it, which a person finds right or wrong, and may mend."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from nicegui import ui

from models.errors import InputError
from models.requests import JsonValue
from models.workloads.base import Workload
from tasks.label_page.answer_form import FormField, form_fields, read_form, written
from tasks.label_page.window import DeskWindow, make_button, writable

_Action = Callable[[], None]
_LINES = 12
"""Lines of a field at most that are seen without scrolling."""
_A_LINE = 80
"""Characters of a line, roughly."""


@dataclass(slots=True)
class AnswerWindow(DeskWindow):
    """What one window shows. `mending`: what is typed into the form, by field; None: there is no form now."""

    workload: Workload | None = None
    mending: dict[str, str] | None = field(default=None, repr=False)

    @property
    def keys(self) -> Sequence[str]:
        """What keys do."""
        return [
            "1 right",
            "2 wrong",
            "3 write what is right",
            "arrows move, Enter takes",
            "then Ctrl-Enter keeps it, Escape does not",
        ]

    def show_tools(self) -> None:
        """Show nothing above all records."""

    def typed(self, pressed: Mapping[str, JsonValue]) -> None:
        """Take no note: what is written goes with the key that keeps it."""

    def forget(self) -> None:
        """Forget what was written."""
        self.mending = None

    def show_record(self, place: int) -> None:
        """Show a record, what was published of it, and what can be said of that."""
        self.show_text(place)
        self._show_answer(self._fields(place))
        if self.mending is not None:
            self._show_form(place, self.mending)
            return
        with ui.element("div").classes("labels").props("role=group aria-label=verdict"):
            for number, (word, action) in enumerate(self._verdicts):
                button = make_button(f"{number + 1}  {word}", action).classes("label")
                if number == self.at:
                    button.classes("at")

    def act(self, key: str, pressed: Mapping[str, JsonValue]) -> None:
        """Judge the answer, or keep what is written in its place."""
        if self.mending is not None:
            if key == "Keep":
                self._keep(pressed.get("fields"))
            elif key == "Escape":
                self._close()
        elif self.move(key, len(self._verdicts)):
            return
        elif key == "Enter":
            self._verdicts[self.at][1]()
        elif key.isdecimal() and 1 <= int(key) <= len(self._verdicts):
            self._verdicts[int(key) - 1][1]()

    @property
    def _verdicts(self) -> tuple[tuple[str, _Action], ...]:
        return (
            ("right", self._find_right),
            ("wrong", self._find_wrong),
            ("wrong: write what is right", self._mend),
        )

    def _find_right(self) -> None:
        if self.place is not None:
            self.give(self.desk.records[self.place].answer, right=True)

    def _find_wrong(self) -> None:
        self.give(None, right=False)

    def _mend(self) -> None:
        if self.place is not None:
            self.mending = {one.name: one.text for one in self._fields(self.place)}
            self.show()

    def _close(self) -> None:
        self.mending, self.said = None, ""
        self.show()

    def _keep(self, fields: JsonValue) -> None:
        """Keep what is written, as far as it is an answer and another one than was published."""
        if self.place is None or self.workload is None or not isinstance(fields, dict):
            return
        self.mending = {name: str(text) for name, text in fields.items()}
        shown = self.desk.records[self.place].answer
        try:
            right = read_form(self.workload, shown, self.mending)
        except InputError as error:
            self.say(str(error))
            return
        if right == shown:
            self.say("that is what was published: if it is right, Escape and 1 say so")
            return
        self.give(right, right=False)

    def _fields(self, place: int) -> list[FormField]:
        assert self.workload is not None  # noqa: S101  set when the window is made
        return form_fields(self.workload, self.desk.records[place].answer)

    def _show_answer(self, fields: Sequence[FormField]) -> None:
        with ui.element("dl").classes("answer").props("aria-label=published") as shown:
            shown.props["id"] = "answer"
            for one in fields:
                with ui.element("dt"):
                    ui.label(writable(one.name))
                with ui.element("dd"):
                    ui.label(writable(one.text) or "(nothing)")

    def _show_form(self, place: int, typed: Mapping[str, str]) -> None:
        """Show one text area a field; keys.js fills them, and tells what is in them when it is to be kept."""
        with ui.element("div").classes("form") as form:
            form.props["id"] = "answer-form"
            for one in self._fields(place):
                ui.label(f"{writable(one.name)}: {one.meant}").classes("why")
                area = ui.element("textarea")
                text = written(typed.get(one.name, ""))
                area.props["name"] = one.name
                area.props["aria-label"] = one.name
                area.props["data-value"] = text  # as a value, each drawing of the page would put it back
                area.props["rows"] = str(min(_LINES, 1 + text.count("\n") + len(text) // _A_LINE))
            with ui.element("div").classes("after"):
                keep = ui.button("Keep (Ctrl-Enter)").props("no-caps outline dense color=primary")
                keep.props["data-key"] = "Keep"
                make_button("Close (Escape)", self._close)
