"""The router: which records go to the API, and why. It sees only a record, a completion and a policy.

A record can leave at three moments: before any engine is asked (`find_complex_reason`), after triage (`find_trained_reason`, or by one token of
the local model `find_triage_reason`), and after the local engine's answer (`find_reason`). Each says None where
the record stays, else the one reason that its ledger lines carry.

Confidence is a probability, not a sum of token logprobs. For a label set it is the probability of the label
that is published, out of a distribution over all labels that sums to 1: at each token the candidates that
continue towards some label are normalised among themselves (`models.engines.vllm.label_probabilities`). A
workload that has measured the local model's prior divides it out (`models.workloads.prior`); that belongs to
the local model alone, so an API's probabilities are never corrected. For a JSON object it is the geometric
mean of its tokens' probabilities: it ranks answers, and is no probability of being right.
"""

from math import isnan

from models.economics.month import Viability
from models.records import EscalationReason, Record
from models.requests import Choice, Completion, Message, RejectionReason
from models.routing.languages import language_of
from models.routing.policy import EVALUATED, Policy

TRIAGE = Choice(("simple", "complex"))
TRIAGE_TOKENS = 8
"""No token is less than a byte, and no label has more than seven. A usual vocabulary has both words whole."""

_INSTRUCTION = (
    "Say whether a small program can handle the text. simple: short and plain, about one thing. complex: long, "
    "contradictory, ironic, about several things, or hard to understand. Answer with one word."
)
# Written by hand, in turn, so that neither label is the last one's echo.
_EXAMPLES = (
    ("Where is my parcel?", "simple"),
    ("Great, the third broken cup in a row. You really know how to make a customer happy.", "complex"),
    ("Cotton T-shirt, blue, size M, machine wash", "simple"),
    (
        "Lovely lamp, but no bulb in it, and I paid twice. Cancel the second order unless the bulb is on its way.",
        "complex",
    ),
    ("Thank you, everything arrived on time", "simple"),
    ("Same as what we said last time about the other one, only the other way round", "complex"),
)
_PREFIX = (
    Message("system", _INSTRUCTION),
    *(
        message
        for text, label in _EXAMPLES
        for message in (Message("user", text), Message("assistant", label))
    ),
)
NEVER_SURE = 1.1
"""A confidence that no answer has: it is a probability."""
_SENDS: dict[str, object] = {
    "escalate": frozenset(),
    "min_confidence": None,
    "complex_over_chars": None,
    "simple_languages": None,
    "complex_where": None,
    "triage": False,
    "not_viable": "stay",
}
"""Fields with which a policy sends records out, and the value at which each sends none."""


def merge_policies(declared: Policy, given: Policy | None) -> Policy:
    """Return the class's policy with what the settings name, and nothing else of theirs, put over it."""
    if given is None:
        return declared
    return declared.model_copy(update={name: getattr(given, name) for name in given.model_fields_set})


def keep_local(policy: Policy) -> Policy:
    """Return the policy of a workload whose records may not leave, or whose API is off: it sends nothing.

    An engine that fails stops the run, where it would have sent the partition out.
    """
    fails = "stop" if policy.engine_fails == "api" else policy.engine_fails
    return policy.model_copy(update={**_SENDS, "engine_fails": fails})


def list_sending_fields(policy: Policy) -> list[str]:
    """Name the fields that were set on this policy so that records would go out, in their order there."""
    names = [name for name, nothing in _SENDS.items() if getattr(policy, name) != nothing]
    names += ["engine_fails"] if policy.engine_fails == "api" else []
    return [name for name in Policy.model_fields if name in names and name in policy.model_fields_set]


def row_condition(policy: Policy) -> str | None:
    """Return the condition that the reader evaluates for `Record.complex`, None where it would change nothing."""
    return (policy.complex_where or None) if "complex" in policy.escalate else None


def find_complex_reason(record: Record, policy: Policy) -> EscalationReason | None:
    """Return "complex" for a record that a rule sends to the API before any engine has seen it."""
    return "complex" if "complex" in policy.escalate and _is_complex(record, policy) else None


def asks_triage(policy: Policy) -> bool:
    """Whether the local model is asked about each record that `find_complex_reason` lets stay."""
    return policy.triage and "complex" in policy.escalate


def triage_messages(text: str) -> tuple[Message, ...]:
    """Render the question whether `text` is complex; everything before it is constant, for the prefix cache."""
    return (*_PREFIX, Message("user", text))


def find_triage_reason(completion: Completion, policy: Policy) -> EscalationReason | None:
    """Return "complex" where the model gives that label at least the threshold's probability.

    An answer without probabilities counts as sure of its label, no answer at all as "complex": nobody
    has called it simple. A rejected or deferred question decides nothing, since the record's own
    request meets the same fate and tells it better.
    """
    if not asks_triage(policy) or completion.rejection is not None or completion.deferral is not None:
        return None
    probabilities = completion.label_probabilities
    if probabilities is None:
        probability = 0.0 if completion.value == "simple" else 1.0
    else:
        probability = probabilities["complex"]
    return "complex" if probability >= policy.triage_threshold else None


def find_trained_reason(completion: Completion, least: float) -> EscalationReason | None:
    """Return "complex" where a trained triage gives the small model less than this probability of being right."""
    probabilities = completion.label_probabilities
    return None if probabilities is None or probabilities["simple"] >= least else "complex"


def find_reason(
    policy: Policy, *, rejection: RejectionReason | None, valid: bool, confidence: float | None
) -> EscalationReason | None:
    """Return why a record leaves after the local engine is done with it; None: publish or quarantine it.

    `valid` says that the answer fits the workload's schema, `confidence` is the workload's for the answer it
    takes. An unknown confidence counts as 0: a threshold that cannot be checked is never passed in silence.
    An empty record is none for the API either, and only the API's own requests end in reasoning.
    """
    reason: EscalationReason | None = None
    if rejection is not None:
        reason = None if rejection == "empty" or rejection == "reasoning_limit" else rejection  # noqa: PLR1714  narrows
    elif not valid:
        reason = "invalid_output"
    elif (least := least_confidence(policy)) is not None and _sureness(confidence) < least:
        reason = "low_confidence"
    return reason if reason in policy.escalate else None


def sends_after_answer(policy: Policy) -> bool:
    """Whether an answer of the local engine, or the question of triage, can send a record to the API."""
    unsure = least_confidence(policy) is not None and "low_confidence" in policy.escalate
    return asks_triage(policy) or unsure or "invalid_output" in policy.escalate


def least_confidence(policy: Policy) -> float | None:
    """Return the confidence below which answers leave, None: none does for that.

    Raises `ValueError` for a policy whose evaluated threshold was not looked up (`fill_from_evaluation`): it would let all stay.
    """
    if isinstance(policy.min_confidence, str):
        msg = "the evaluated confidence of this policy was not looked up"
        raise ValueError(msg)  # noqa: TRY004  the policy is at fault, not a type
    return policy.min_confidence


def asks_evaluation(policy: Policy) -> bool:
    """Whether what the policy does depends on the workload's newest evaluation."""
    return policy.min_confidence == EVALUATED or policy.not_viable == "api"


def fill_from_evaluation(policy: Policy, *, viability: Viability, threshold: float | None) -> Policy:
    """Return the policy with what an evaluation found in the place of what asks for it.

    Where no threshold keeps the API's accuracy (None), every answer leaves: that keeps it.
    """
    changes: dict[str, object] = {}
    if policy.min_confidence == EVALUATED:
        changes["min_confidence"] = NEVER_SURE if threshold is None else threshold
    if viability != "not_viable":
        changes["not_viable"] = "stay"
    return policy.model_copy(update=changes)


def _is_complex(record: Record, policy: Policy) -> bool:
    if record.complex:
        return True
    if policy.complex_over_chars is not None and len(record.text) > policy.complex_over_chars:
        return True
    if policy.simple_languages is None:
        return False
    language = language_of(record.text)
    return language is not None and language not in policy.simple_languages


def _sureness(confidence: float | None) -> float:
    return 0.0 if confidence is None or isnan(confidence) else confidence
