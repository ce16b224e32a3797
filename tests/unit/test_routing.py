"""The router: a record leaves for one stated reason, or it stays."""

import os
import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from math import nan
from pathlib import Path
from typing import get_args
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.default_model import model_name
from models.economics.month import Viability
from models.errors import ResidencyError
from models.records import EscalationReason, Record
from models.requests import Completion, RejectionReason, Request
from models.routing import rules
from models.routing.policy import Policy
from models.settings import Settings, WorkloadSettings
from tests.workloads import Sentiment

OF_ALL = ("engine_failed", "not_viable")  # no record's own
REASONS = [reason for reason in get_args(EscalationReason) if reason not in OF_ALL]
RECORD = Record("1", "1", 0, "The lamp has flickered since I unpacked it.")
GERMAN = replace(RECORD, text="Die Lampe flackert, seit ich sie ausgepackt habe.")

fractions = st.floats(0, 1)
reasons = st.frozensets(st.sampled_from(REASONS))
policies = st.builds(
    Policy,
    escalate=reasons,
    min_confidence=st.none() | fractions,
    complex_over_chars=st.none() | st.integers(1, 60),
    simple_languages=st.none() | st.frozensets(st.sampled_from(["de", "en", "fr"]), min_size=1),
    complex_where=st.none() | st.just("n > 1"),
    triage=st.booleans(),
    triage_threshold=fractions,
    engine_fails=st.sampled_from(["stop", "wait", "api"]),
    not_viable=st.sampled_from(["stay", "api"]),
)
confidences = st.none() | st.floats(0, 1) | st.just(nan)
rejections = st.none() | st.sampled_from(get_args(RejectionReason))


def _policy(**fields: object) -> Policy:
    return Policy.model_validate(fields)


def _triage(value: str | None = "simple", **more: object) -> Completion:
    request = Request(UUID(int=1), "1", rules.triage_messages("text"), rules.TRIAGE, rules.TRIAGE_TOKENS)
    return replace(Completion(request, value=value), **more)  # type: ignore[arg-type]


# --- before any engine


def test_no_rule_sends_nothing() -> None:
    """With the default policy every record is tried by the local engine first."""
    assert rules.find_complex_reason(GERMAN, Policy()) is None


def test_length_is_counted_in_characters() -> None:
    """A text of exactly so many characters is still simple, whatever its bytes."""
    text = "ä" * 50
    assert rules.find_complex_reason(replace(RECORD, text=text), _policy(complex_over_chars=50)) is None
    assert (
        rules.find_complex_reason(replace(RECORD, text=text + "ä"), _policy(complex_over_chars=50))
        == "complex"
    )


def test_another_language_is_complex() -> None:
    """A text in a language that is not named goes out; one too short to tell stays."""
    policy = _policy(simple_languages=["en"])
    assert rules.find_complex_reason(GERMAN, policy) == "complex"
    assert rules.find_complex_reason(RECORD, policy) is None
    assert rules.find_complex_reason(replace(RECORD, text="ok"), policy) is None
    assert rules.find_complex_reason(GERMAN, _policy(simple_languages=["en", "de"])) is None


def test_the_rows_own_condition_counts() -> None:
    """A record for which `complex_where` held is complex."""
    assert rules.find_complex_reason(replace(RECORD, complex=True), Policy()) == "complex"


@given(policies, st.text(max_size=80), st.booleans())
def test_rules_act_only_where_complex_escalates(policy: Policy, text: str, marked: bool) -> None:
    """Any record and policy give "complex" or None, and None where "complex" is not to be escalated."""
    found = rules.find_complex_reason(Record("1", "1", 0, text, marked), policy)
    assert found in {None, "complex"}
    assert found is None or "complex" in policy.escalate


def test_the_reader_is_asked_only_for_what_changes_something() -> None:
    """A condition is handed to the reader only if a record for which it holds would go out."""
    assert rules.row_condition(Policy()) is None
    assert rules.row_condition(_policy(complex_where="n > 1")) == "n > 1"
    assert rules.row_condition(_policy(complex_where="")) is None
    assert rules.row_condition(_policy(complex_where="n > 1", escalate=["too_long"])) is None


# --- triage


def test_the_question_is_constant_up_to_the_text() -> None:
    """The prefix cache holds everything before the record: the same objects for every text."""
    first, second = rules.triage_messages("one"), rules.triage_messages("two")
    assert all(one is other for one, other in zip(first[:-1], second[:-1], strict=True))
    assert (first[-1].role, first[-1].content) == ("user", "one")


def test_the_questions_labels_fit_its_tokens() -> None:
    """No label has more bytes than the answer may have tokens, so none is ever cut off."""
    assert max(len(label.encode()) for label in rules.TRIAGE.labels) < rules.TRIAGE_TOKENS


@pytest.mark.parametrize(("probability", "reason"), [(0.69, None), (0.7, "complex"), (1.0, "complex")])
def test_triage_compares_the_probability_of_complex(probability: float, reason: str | None) -> None:
    """From the threshold on a record goes out, whichever label is the likelier."""
    probabilities = {"simple": 1 - probability, "complex": probability}
    policy = _policy(triage=True, triage_threshold=0.7)
    assert rules.find_triage_reason(_triage(label_probabilities=probabilities), policy) == reason


def test_triage_without_probabilities() -> None:
    """The label alone decides; an answer that is no label has called nothing simple."""
    policy = _policy(triage=True)
    assert rules.find_triage_reason(_triage("simple"), policy) is None
    assert rules.find_triage_reason(_triage("complex"), policy) == "complex"
    assert rules.find_triage_reason(_triage(None), policy) == "complex"


@pytest.mark.parametrize(
    "ending", [{"rejection": "too_long"}, {"rejection": "empty"}, {"deferral": "stopped"}]
)
def test_triage_that_was_not_answered_decides_nothing(ending: dict[str, object]) -> None:
    """The record's own request meets the same fate and says what it is."""
    assert rules.find_triage_reason(_triage(None, **ending), _policy(triage=True)) is None


@given(policies, fractions)
def test_triage_is_asked_only_where_it_could_send(policy: Policy, probability: float) -> None:
    """Without `triage`, or where "complex" stays, no answer sends a record out."""
    completion = _triage(label_probabilities={"simple": 1 - probability, "complex": probability})
    if not rules.asks_triage(policy):
        assert rules.find_triage_reason(completion, policy) is None
    assert rules.asks_triage(policy) == (policy.triage and "complex" in policy.escalate)


# --- after the local engine


@pytest.mark.parametrize(
    ("rejection", "valid", "confidence", "reason"),
    [
        (None, True, 0.9, None),
        (None, True, 0.8, None),
        (None, True, 0.79, "low_confidence"),
        (None, True, None, "low_confidence"),
        (None, True, nan, "low_confidence"),
        (None, False, None, "invalid_output"),
        (None, False, 0.99, "invalid_output"),
        ("too_long", False, None, "too_long"),
        ("refused", False, None, "refused"),
        ("empty", False, None, None),
    ],
)
def test_each_end_has_its_reason(
    rejection: RejectionReason | None, valid: bool, confidence: float | None, reason: str | None
) -> None:
    """What was rejected, invalid or unsure goes out with that reason; what is empty never does."""
    policy = _policy(min_confidence=0.8, escalate=REASONS)
    assert rules.find_reason(policy, rejection=rejection, valid=valid, confidence=confidence) == reason


def test_unknown_confidence_without_a_threshold_stays() -> None:
    """Where no threshold is set, or one of 0, an unknown confidence is nothing to send a record out for."""
    for policy in (Policy(), _policy(min_confidence=0)):
        assert rules.find_reason(policy, rejection=None, valid=True, confidence=None) is None


@given(policies, rejections, st.booleans(), confidences)
def test_any_end_of_any_record_is_decided(
    policy: Policy, rejection: RejectionReason | None, valid: bool, confidence: float | None
) -> None:
    """Every combination gives a reason that the policy escalates, or None; a published answer needs none."""
    found = rules.find_reason(policy, rejection=rejection, valid=valid, confidence=confidence)
    assert found is None or found in policy.escalate
    if rejection == "empty" or not policy.escalate:
        assert found is None
    if rejection is None and valid and policy.min_confidence is None:
        assert found is None


@given(policies, st.lists(confidences, max_size=20), fractions, fractions)
def test_a_higher_threshold_never_escalates_fewer(
    policy: Policy, answers: list[float | None], one: float, other: float
) -> None:
    """Raising `min_confidence` only adds records to those that go out."""

    def escalated(threshold: float) -> set[int]:
        strict = policy.model_copy(update={"min_confidence": threshold})
        ends = [
            rules.find_reason(strict, rejection=None, valid=True, confidence=answer) for answer in answers
        ]
        return {place for place, end in enumerate(ends) if end is not None}

    assert escalated(min(one, other)) <= escalated(max(one, other))


@given(policies, rejections, st.booleans(), confidences, reasons)
def test_more_reasons_never_escalate_fewer(
    policy: Policy,
    rejection: RejectionReason | None,
    valid: bool,
    confidence: float | None,
    more: frozenset[EscalationReason],
) -> None:
    """What goes out for a reason still does when other reasons are allowed too."""
    wider = policy.model_copy(update={"escalate": policy.escalate | more})
    found = rules.find_reason(policy, rejection=rejection, valid=valid, confidence=confidence)
    assert found in {
        None,
        rules.find_reason(wider, rejection=rejection, valid=valid, confidence=confidence),
    }


# --- which policy holds


def test_settings_override_only_what_they_name() -> None:
    """A field that the settings do not name stays as the class declares it, defaults included."""
    declared = _policy(min_confidence=0.7, triage=True, escalate=["complex"])
    assert rules.merge_policies(declared, None) == declared
    given_ = _policy(triage=False, engine_fails="wait")
    assert rules.merge_policies(declared, given_) == _policy(
        min_confidence=0.7, triage=False, escalate=["complex"], engine_fails="wait"
    )


@given(policies, policies)
def test_a_whole_policy_replaces_the_declared_one(declared: Policy, given_: Policy) -> None:
    """Where every field is named, nothing of the class's is left."""
    assert rules.merge_policies(declared, given_) == given_


@given(policies, rejections, st.booleans(), confidences, fractions)
def test_kept_in_sends_nothing(
    policy: Policy,
    rejection: RejectionReason | None,
    valid: bool,
    confidence: float | None,
    probability: float,
) -> None:
    """No rule, answer, triage or dead engine sends a record out under a policy that is kept in."""
    kept = rules.keep_local(policy)
    asked = _triage(label_probabilities={"simple": 1 - probability, "complex": probability})
    assert rules.find_complex_reason(replace(GERMAN, complex=True), kept) is None
    assert rules.find_triage_reason(asked, kept) is None
    assert not rules.asks_triage(kept)
    assert rules.find_reason(kept, rejection=rejection, valid=valid, confidence=confidence) is None
    assert kept.engine_fails != "api"
    assert rules.row_condition(kept) is None
    assert not rules.asks_evaluation(kept)
    assert (kept.engine_fails == "wait") == (policy.engine_fails == "wait")


def test_a_workloads_policy_comes_from_class_and_settings() -> None:
    """`Workload.routing` puts what the settings name over the class's."""

    class Careful(Sentiment):
        policy = _policy(min_confidence=0.6)

    settings = WorkloadSettings.model_validate({"policy": {"engine_fails": "api"}})
    assert Careful(settings).routing == _policy(min_confidence=0.6, engine_fails="api")


@pytest.mark.parametrize(
    "asked",
    [
        {"engine_fails": "api"},
        {"triage": True},
        {"min_confidence": 0.5},
        {"complex_over_chars": 100},
        {"simple_languages": ["en"]},
        {"complex_where": "n > 1"},
        {"escalate": ["too_long"]},
    ],
)
def test_settings_cannot_ask_a_local_workload_for_the_api(asked: dict[str, object]) -> None:
    """What would send records out that must stay is refused, and the message names it."""
    settings = WorkloadSettings.model_validate({"data_residency": "local", "policy": asked})
    with pytest.raises(ResidencyError, match=f"sets {next(iter(asked))}, which") as caught:
        _ = Sentiment(settings).routing
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("harmless", [{"engine_fails": "wait"}, {"escalate": []}, {"triage": False}, {}])
def test_a_local_workload_may_have_a_policy_that_sends_nothing(harmless: dict[str, object]) -> None:
    """Fields that keep records in are no mistake, and what its class declares is switched off."""

    class Eager(Sentiment):
        policy = _policy(min_confidence=0.6, triage=True, engine_fails="api")

    settings = WorkloadSettings.model_validate({"data_residency": "local", "policy": harmless})
    kept = Eager(settings).routing
    assert (kept.escalate, kept.min_confidence, kept.triage) == (frozenset(), None, False)
    assert kept.engine_fails == harmless.get("engine_fails", "stop")


# --- what an evaluation found


@given(policies, st.sampled_from(["viable", "not_viable", "undecided"]), st.none() | fractions)
def test_what_an_evaluation_found_takes_the_place_of_what_asks_for_it(
    policy: Policy, viability: Viability, threshold: float | None
) -> None:
    """Nothing else of a policy changes, and only a verdict against the small model sends all records out."""
    found = rules.fill_from_evaluation(policy, viability=viability, threshold=threshold)
    assert found.model_copy(update={"not_viable": policy.not_viable}) == policy
    assert (found.not_viable == "api") == (policy.not_viable == "api" and viability == "not_viable")
    asking = policy.model_copy(update={"min_confidence": "evaluated"})
    assert rules.asks_evaluation(asking)
    found = rules.fill_from_evaluation(asking, viability=viability, threshold=threshold)
    assert threshold in (None, rules.least_confidence(found))


@given(confidences)
def test_without_a_threshold_that_keeps_the_accuracy_every_answer_leaves(confidence: float | None) -> None:
    """However sure it is."""
    policy = rules.fill_from_evaluation(
        _policy(min_confidence="evaluated"), viability="undecided", threshold=None
    )
    assert rules.find_reason(policy, rejection=None, valid=True, confidence=confidence) == "low_confidence"


def test_a_threshold_that_was_not_looked_up_is_a_defect() -> None:
    """Else every answer would stay in silence."""
    with pytest.raises(ValueError, match="was not looked up"):
        rules.find_reason(_policy(min_confidence="evaluated"), rejection=None, valid=True, confidence=0.5)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"simple_languages": ["english"]}, "not a language's code; give codes such as en"),
        ({"simple_languages": ["EN", "de"]}, "no language has the code EN"),
        ({"simple_languages": []}, "at least 1 item"),
        ({"escalate": ["engine_failed"]}, 'set engine_fails = "api"'),
        ({"escalate": ["not_viable"]}, 'set not_viable = "api"'),
        ({"min_confidence": "guessed"}, "min_confidence"),
        ({"escalate": ["slow"]}, "escalate"),
        ({"min_confidence": nan}, "min_confidence"),
        ({"min_confidence": 60}, "less than or equal to 1"),
        ({"threshold": 0.5}, "Extra inputs"),
    ],
)
def test_a_policy_that_means_nothing_is_refused(fields: dict[str, object], complaint: str) -> None:
    """A typing mistake would send every record out, or none; it is found when the settings are read."""
    with pytest.raises(ValidationError, match=complaint):
        Policy.model_validate(fields)


def test_equal_policies_have_one_json_in_every_process() -> None:
    """The JSON is part of a partition's fingerprint: with sets in another order a run could not go on."""
    script = (
        "from models.routing.policy import Policy; "
        "print(Policy(simple_languages=['de', 'en', 'fr', 'nl', 'es']).model_dump_json())"
    )
    written = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(written) == 1
    read = Policy.model_validate_json(written.pop())
    assert read.simple_languages == frozenset({"de", "en", "fr", "nl", "es"})


def test_one_field_can_be_set_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable names one field of the policy; the others stay unnamed, so that the class's hold."""
    monkeypatch.setenv("BREAKEVEN_WORKLOADS__SENTIMENT__POLICY__MIN_CONFIDENCE", "0.6")
    monkeypatch.setenv("BREAKEVEN_WORKLOADS__SENTIMENT__POLICY__ESCALATE", '["low_confidence"]')
    settings = Settings()
    policy = settings.workload("sentiment").policy
    assert policy is not None
    assert policy.model_fields_set == {"min_confidence", "escalate"}
    workload = Sentiment(settings.workload("sentiment"), model_name(settings))
    assert workload.routing.min_confidence == 0.6


def test_the_page_about_routing_is_true() -> None:
    """Its examples are settings that can be read, and its table has every field of a policy and every reason."""
    page = Path(__file__).parents[2].joinpath("docs", "routing.md").read_text("utf-8")
    examples = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert len(examples) == 3
    read = [Settings.model_validate(tomllib.loads(example)) for example in examples]
    assert all(one.workloads or one.api_omit_fields for one in read)
    for name in (*Policy.model_fields, *get_args(EscalationReason)):
        assert f"\n| `{name}` |" in page
