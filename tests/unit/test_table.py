"""Tables fit the width they are given; figures are never broken, and what is left out is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tasks.display.table_layout import Column, fit_table, fold_text, lay_out, output_width, print_table

FIGURES = Column("counterfactual_usd", ("0.000012", "1,234.567890", "unknown"))
MODELS = Column("model", ("HuggingFaceTB/SmolLM2-135M-Instruct",) * 3)
TEXTS = Column("error", ("the engine died while it loaded the model: " * 3, "-", "-"))
EMPTY = Column("reused", ("0", "0", "0"), spare=5)
NAMES = Column("workload", ("sentiment", "enrichment", "classification"))


def shown(columns: list[Column], width: int) -> str:
    """Return a table of so many characters as it is printed."""
    console = Console(width=width)
    with console.capture() as captured:
        console.print(fit_table(columns, width))
    return captured.get()


@pytest.mark.parametrize("width", range(40, 160, 5))
def test_no_line_is_too_long_and_no_figure_is_broken(width: int) -> None:
    """From a narrow terminal to a wide one: each figure stands whole, each word of a name is there."""
    text = shown([NAMES, MODELS, FIGURES, TEXTS, EMPTY], width)
    if width >= 60:  # below it, the longest words of a block are left to the terminal
        assert max(map(len, text.splitlines())) <= width
    assert all(figure in text for figure in FIGURES.cells)
    assert "SmolLM2-135M-Instruct" in text


def test_what_is_narrowed_first() -> None:
    """Headers break before a column is left out; columns without a figure go first, then those that are spare."""
    full, spare = Column("published", ("3", "4", "5"), spare=0), FIGURES
    layout = lay_out([NAMES, full, EMPTY, spare], 52)
    assert layout is not None
    assert layout.left_out == ()
    layout = lay_out([NAMES, full, EMPTY, spare], 45)
    assert layout is not None
    assert layout.left_out == ("reused",)
    layout = lay_out([NAMES, full, EMPTY, spare], 35)
    assert layout is not None
    assert layout.left_out == ("published", "reused")
    assert lay_out([NAMES, full, EMPTY, spare], 20) is None


@given(st.text(alphabet="ab_/:>, 1.", max_size=80), st.integers(1, 40))
def test_folding_loses_nothing(text: str, width: int) -> None:
    """Folded lines are not longer than asked for, and hold every sign but the spaces at their ends."""
    lines = fold_text(text, width).split("\n")
    assert all(len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_columns_that_are_left_out_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error, with the width at which everything is shown; COLUMNS sets the width in a pipe."""
    monkeypatch.setenv("COLUMNS", "45")
    columns = [NAMES, Column("published", ("3", "4", "5"), spare=0), EMPTY, FIGURES]
    print_table(columns, more=" or --format csv")
    said = capsys.readouterr()
    assert "reused" not in said.out
    assert " ".join(said.err.split()) == (
        "not shown in 45 characters: reused (COLUMNS=53 or --format csv shows all)"
    )
    monkeypatch.setenv("COLUMNS", "53")
    print_table(columns)
    said = capsys.readouterr()
    assert "reused" in said.out
    assert said.err == ""


@pytest.mark.parametrize(("given_columns", "width"), [("80", 80), ("", 120), ("0", 120), ("wide", 120)])
def test_the_width_of_a_pipe(monkeypatch: pytest.MonkeyPatch, given_columns: str, width: int) -> None:
    """It is COLUMNS where that is a number, else 120."""
    monkeypatch.setenv("COLUMNS", given_columns)
    assert output_width() == width
