"""The same words in every form: page, mail, Markdown and plain text; names cannot break any of them."""

import re
from dataclasses import replace
from datetime import date

import pytest

from models.economics.month import Rate
from tasks.documents import html, markdown
from tasks.documents.page import Chart
from tasks.report import page as contents
from tasks.report.month_report import MonthReport
from tests import month_figures as months
from tests.document_forms import Elements, has_whole_tables, missing, plain

PICTURES = {name: Chart(b"\x89PNG", f"what {name} shows") for name in ("cost_by_month", "workloads")}
EVERY = [None, *months.ODD]


def report_of(name: str | None) -> MonthReport:
    """Return the report of a month by its name in `months.ODD`; None: the usual one."""
    return months.report(
        None if name is None else months.ODD[name](), version=2, changes=("Records: 1 before, 2 now",)
    )


@pytest.mark.parametrize("name", EVERY)
def test_every_sentence_stands_in_every_form(name: str | None) -> None:
    """Page, Markdown and plain text hold each sentence and each cell of the report."""
    report = report_of(name)
    view = contents.make_page(report)
    page = Elements(html.render_file(view, PICTURES)).text
    for form in (page, markdown.render_text(view), plain(markdown.render(view))):
        assert missing(view, form, view.made) == []


def test_names_are_escaped() -> None:
    """A name with markup makes no element and no attribute, in the page and in the mail."""
    report = report_of("marked_up")
    drawn = months.drawn("marked_up")
    for page in (
        html.render_file(contents.make_page(report), drawn),
        html.render_mail(contents.make_page(report), drawn, {name: f"cid:{name}" for name in drawn}),
    ):
        elements = Elements(page)
        assert "script" not in elements.names
        assert not [name for name, _ in elements.attributes if name.startswith("on")]
        assert months.MARKUP in elements.text
        assert "<script" not in page


def test_names_do_not_break_markdown() -> None:
    """A name with bars, tags and backticks stays in its cell: every row of a table has as many cells as its head."""
    written = markdown.render(contents.make_page(report_of("marked_up")))
    assert written.count("&lt;script&gt;") >= 5
    assert "<" not in written
    assert has_whole_tables(written)


def test_headings_and_language() -> None:
    """One first heading, then second ones only; the language is named, and every picture has words."""
    elements = Elements(html.render_file(contents.make_page(report_of(None)), PICTURES))
    headings = [name for name in elements.names if re.fullmatch("h[1-6]", name)]
    assert headings[0] == "h1"
    assert set(headings[1:]) == {"h2"}
    assert ("lang", "en") in elements.attributes
    assert {value for name, value in elements.attributes if name == "alt"} == {
        "what cost_by_month shows",
        "what workloads shows",
    }


def test_the_page_asks_nobody() -> None:
    """Neither page nor mail names anything to fetch; the page forbids it as well."""
    report = report_of(None)
    page = html.render_file(contents.make_page(report), PICTURES)
    sources = [value or "" for name, value in Elements(page).attributes if name in {"src", "href", "action"}]
    assert sources
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert "url(" not in page
    assert "default-src 'none'" in page
    assert "http" not in html.render_mail(
        contents.make_page(report), PICTURES, {name: f"cid:{name}" for name in PICTURES}
    ).replace("http-equiv", "")


def test_mail_names_its_pictures() -> None:
    """Pictures of a mail are its parts, each by the name that the mail gives it, and styles are in the elements."""
    report = report_of(None)
    mail = html.render_mail(
        contents.make_page(report), PICTURES, {"cost_by_month": "cid:one@x", "workloads": "cid:two@x"}
    )
    assert "<details" not in mail  # what is folded in a browser stays shut in some mail clients
    assert "<details" in html.render_file(contents.make_page(report), PICTURES)
    assert 'src="cid:one@x"' in mail
    assert 'src="cid:two@x"' in mail
    assert re.search(r'<td [^>]*style="[^"]*padding', mail)
    with pytest.raises(KeyError):
        html.render_mail(contents.make_page(report), PICTURES, {})


def test_mail_is_not_cut_off() -> None:
    """Some mail services show only the first 102 kB of a mail's HTML."""
    report = report_of("marked_up")
    drawn = months.drawn("marked_up")
    assert (
        len(
            html.render_mail(
                contents.make_page(report), drawn, {name: f"cid:{name}@breakeven" for name in drawn}
            ).encode()
        )
        < 100_000
    )


def test_pictures_of_markdown_lie_beside_it() -> None:
    """Markdown names the picture's file and its words; without pictures it names none."""
    assert "![what cost\\_by\\_month shows](cost_by_month.png)" in markdown.render(
        contents.make_page(report_of(None)), PICTURES
    )
    assert "![" not in markdown.render(contents.make_page(report_of(None)))


def test_a_link_to_the_documentation() -> None:
    """Where the documentation has an address the page links to it; else it names the file."""
    address = "https://docs.example/report.md"
    assert ("href", address) in Elements(
        html.render_file(contents.make_page(months.report(documentation=address)), {})
    ).attributes
    assert "docs/report.md" in html.render_file(contents.make_page(months.report()), {})


def test_terms_of_the_month() -> None:
    """Only terms that hold on a day of the month are shown, and none that a later entry overtook."""
    month = months.a_month()
    in_force = month.terms[0]
    others = (
        replace(in_force, rate=Rate(nano_per_month=months.dollars("999"))),
        replace(in_force, effective_from=date(2025, 1, 1), effective_to=date(2026, 1, 1)),
        replace(in_force, kind="H100", gpus=0),
    )
    told = markdown.render_text(contents.make_page(months.report(replace(month, terms=(*others, in_force)))))
    table = told.split("Terms of the machines in the month:")[1].split("\n\n")[0]
    assert [row.split("|")[3].strip() for row in table.splitlines()[3:]] == ["$250.00 a month"]
    assert "H100" not in table


def test_without_a_rate_the_break_even_is_unknown() -> None:
    """A way of paying without a rate may pay or not: that is not `at no volume`."""
    table = markdown.render_text(contents.make_page(report_of("tiny"))).split("\nAgainst the API's batches:")[
        1
    ]
    row = next(line for line in table.splitlines() if line.startswith("| Own model, reserved"))
    assert [cell.strip() for cell in row.split("|")[2:4]] == ["unknown", "unknown"]


def test_what_changed_is_told() -> None:
    """A second version lists what differs from the first; a first one lists nothing."""
    assert "What changed since version 1" in markdown.render_text(contents.make_page(report_of(None)))
    assert "What changed" not in markdown.render_text(contents.make_page(months.report()))
