"""A workload whose output holds what the engine said as well: for evaluations, which look at both."""

from pydantic import BaseModel, create_model

from models.requests import Completion
from models.workloads.base import Workload

ANSWER = "engine_answer"
"""Column of the engine's answer as it came, before the workload made its output of it."""


def observe_answers(inner: Workload) -> Workload:
    """Return a workload that asks and answers exactly as `inner` does and keeps the engine's answer.

    It is of a class made from that of `inner`, so that it is no freer with its records; all that decides an
    answer, and the fingerprint, is asked of `inner` itself.
    """
    kind = type(inner)
    output = create_model(inner.output.__name__, __base__=inner.output, **{ANSWER: (str, ...)})  # type: ignore[call-overload]

    def parse(_: Workload, text: str, completion: Completion) -> BaseModel:
        found = inner.parse(text, completion).model_dump()
        made: BaseModel = output.model_validate({**found, ANSWER: completion.text})
        return made

    def confidence(_: Workload, completion: Completion) -> float | None:
        return inner.confidence(completion)

    members = {
        "parse": parse,
        "confidence": confidence,
        "output_format": inner.output_format,
        "fingerprint": inner.fingerprint,
    }
    made: Workload = object.__new__(type(kind.__name__, (kind,), members))
    vars(made).update(vars(inner))
    made.output = output
    return made
