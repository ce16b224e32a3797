"""The report's section on audits: by workload and month, and what the verdict rests on."""

import json
from dataclasses import replace
from datetime import date

from models.economics.break_even import month_figures
from models.evaluation.audit_counts import AuditCount
from tasks.report.audit_section import audits_to_json, make_audits_section
from tasks.report.versions import parse_inputs, write_inputs
from tasks.report.workload_section import make_workloads_section
from tests.month_figures import MONTH, a_month

SEPTEMBER = date(2026, 9, 1)
AUDITS = (
    AuditCount("enrichment", "vllm", SEPTEMBER, 40, 36),
    AuditCount("enrichment", "vllm", MONTH, 0, 0),
    AuditCount("sentiment", "classifier", SEPTEMBER, 200, 190),
    AuditCount("sentiment", "classifier", MONTH, 100, 80),
)


def test_agreement_by_workload_and_month_with_its_interval() -> None:
    """The oldest month first; the change against the month before; a month of which nobody answered is no 0 %."""
    section = make_audits_section(replace(a_month(), audits=AUDITS))
    assert section is not None
    (table,) = section.tables
    assert table.rows[2] == (
        "sentiment",
        "Classifier",
        "API",
        "2026-09",
        "200",
        "190",
        "95%",
        "91% to 97%",
        "",
    )
    assert table.rows[3][4:] == ("100", "80", "80%", "71% to 87%", "\N{MINUS SIGN}15%")
    assert len(section.sentences) == 1


def test_what_people_left_open_stands_beside_it_and_widens_the_interval() -> None:
    """From where all of it disagrees to where all agrees; none that was judged has no share."""
    audits = (
        AuditCount("sentiment", "vllm", SEPTEMBER, 0, 0, "people", 3),
        AuditCount("sentiment", "vllm", MONTH, 100, 80, "people", 25),
    )
    section = make_audits_section(replace(a_month(), audits=audits))
    assert section is not None
    (table,) = section.tables
    assert table.columns[-1] == "Open"
    assert table.rows[1][5:] == ("80", "80%", "55% to 89%", "", "25")
    assert "labellers are tied" in section.sentences[-1]
    assert '"unjudged": 25' in json.dumps(audits_to_json(replace(a_month(), audits=audits)))


def test_it_is_said_where_the_verdict_rests_on_audits() -> None:
    """In the section and in the table of workloads; labels are named as well."""
    whole = a_month()
    first, second, third = whole.workloads
    told = (replace(first, basis="audits"), replace(second, basis="labels"), replace(third, basis="people"))
    month = replace(whole, workloads=told, audits=AUDITS)
    section = make_audits_section(month)
    assert section is not None
    assert "enrichment: that rests on audits" in section.sentences[1]
    assert "classification: that rests on audits by people" in section.sentences[2]
    shown = make_workloads_section(month_figures(month))
    assert shown is not None
    said = {row[0]: row[5] for row in shown.tables[0].rows}
    assert said == {
        "enrichment": "good enough, by audits",
        "sentiment": "good enough, by labels",
        "classification": "good enough, by people's audits",
    }


def test_a_month_without_audits_has_no_section() -> None:
    """Also where earlier months have some; programs get them all the same, each with its share."""
    before = replace(a_month(), audits=AUDITS[:1])
    assert make_audits_section(before) is None
    assert make_audits_section(a_month()) is None
    (one,) = audits_to_json(before)
    assert isinstance(one, dict)
    assert (one["agreement"], one["month"], one["served_by"]) == ("0.9", "2026-09", "vllm")
    json.dumps(one)


def test_audits_are_part_of_what_a_report_stands_on() -> None:
    """Written and read back; inputs of before are read as without."""
    month = replace(a_month(), audits=AUDITS)
    assert parse_inputs(write_inputs(month)) == month
    old = json.loads(write_inputs(month))
    del old["audits"]
    assert parse_inputs(json.dumps(old)).audits == ()
