"""Templates of prompts and of records' texts: Jinja in its sandbox, where a name that is not there is an error."""

from collections.abc import Mapping
from functools import lru_cache

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, meta, nodes
from jinja2.exceptions import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

ROW = "row"
"""Name of the whole row in a template, for columns whose names are no words: `row["Product Name"]`."""


class TemplateMistake(ValueError):
    """A template that cannot be used. Its text says why; `line` is the line in the template, from 1, if it is known."""

    def __init__(self, text: str, line: int | None = None) -> None:
        super().__init__(text)
        self.line = line


def _environment() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, finalize=_or_nothing, keep_trailing_newline=False
    )


def _or_nothing(value: object) -> object:
    """Render what is not there as no text."""
    return "" if value is None else value


class TextTemplate:
    """A template over names. Raises `TemplateMistake` for one that does not parse.

    `names` are the variables that it needs, in alphabetical order: columns of a row, where it makes a record's text.
    """

    def __init__(self, source: str) -> None:
        environment = _environment()
        try:
            tree = environment.parse(source)
            self._template: Template = environment.from_string(tree)
        except TemplateSyntaxError as error:
            raise TemplateMistake(error.message or "it does not parse", error.lineno) from error
        except (TemplateError, RecursionError, SyntaxError) as error:
            text = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise TemplateMistake(text) from error
        if taken_in := next(
            tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)), None
        ):
            text = "it takes in another template, of which there is none: write it out here"
            raise TemplateMistake(text, taken_in.lineno)
        self.source = source
        names = meta.find_undeclared_variables(tree) - environment.globals.keys()
        self.names = tuple(sorted((names - {ROW}) | _named_of_row(tree)))
        self._whole_row = ROW in names

    def render(self, values: Mapping[str, object]) -> str:
        """Fill the template in. Raises `TemplateMistake` where a value does not suit it; the text names no value."""
        row = {ROW: values} if self._whole_row and ROW not in values else {}
        try:
            return self._template.render(values, **row)
        except Exception as error:
            # A filter or an operator raises whatever it likes, with the record's text in it.
            raise TemplateMistake(type(error).__name__) from error


def _named_of_row(tree: nodes.Template) -> set[str]:
    """Return the columns that are named as `row["…"]` or `row.…`."""
    found: set[str] = set()
    for item in tree.find_all(nodes.Getitem):
        if _is_row(item.node) and isinstance(item.arg, nodes.Const):
            found.add(str(item.arg.value))
    for attribute in tree.find_all(nodes.Getattr):
        if _is_row(attribute.node):
            found.add(attribute.attr)
    return found


def _is_row(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Name) and node.name == ROW


@lru_cache(maxsize=64)
def text_template(source: str) -> TextTemplate:
    """Return the template of a text, parsed once. Raises `TemplateMistake`."""
    return TextTemplate(source)
