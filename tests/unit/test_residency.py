"""Records that must stay in the house: every door to the API is tried, by hand and by the type checker (I7)."""

import copy
import dataclasses
import pickle
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, cast
from uuid import UUID

import pytest
from pydantic import ValidationError

from models.engines.api.capabilities import EndpointCapabilities
from models.engines.api.chat_format import request_body
from models.engines.api.options import ApiOptions
from models.engines.api.permit import ApiPermit, ApiRequest
from models.engines.base import Engine, LocalEngine
from models.errors import ResidencyError
from models.requests import Choice, Message, Request
from models.settings import Settings, WorkloadSettings
from models.workloads.base import Workload
from tests.workloads import Sentiment

FIELDS = (UUID(int=1), "1", (Message("user", "text"),), Choice(("a", "b")), 4)


class AtHome(Sentiment):
    """A workload whose class keeps its records in the house."""

    data_residency: ClassVar = "local"


def _settings(**fields: object) -> WorkloadSettings:
    return WorkloadSettings.model_validate(fields)


def _permit() -> ApiPermit:
    permit = ApiPermit.of(Sentiment(_settings()))
    assert permit is not None
    return permit


# --- who gets a permit


def test_a_workload_that_may_go_out_gets_a_permit() -> None:
    """By default, and where the settings say `any`, a permit in the workload's name is issued."""
    for settings in (_settings(), _settings(data_residency="any")):
        permit = ApiPermit.of(Sentiment(settings))
        assert permit is not None
        assert permit.is_issued
        assert permit.workload == "sentiment"


@pytest.mark.parametrize(
    "workload",
    [
        Sentiment(_settings(data_residency="local")),
        AtHome(_settings()),
        AtHome(_settings(data_residency="any")),
        AtHome(_settings(data_residency="local")),
    ],
)
def test_a_workload_that_must_stay_gets_none(workload: Sentiment) -> None:
    """Class or settings are enough, and settings that say `any` do not loosen a class."""
    assert workload.residency == "local"
    assert ApiPermit.of(workload) is None


def test_the_environment_can_only_tighten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable keeps a workload in; none lets one out that its class keeps."""
    name = "BREAKEVEN_WORKLOADS__SENTIMENT__DATA_RESIDENCY"
    monkeypatch.setenv(name, "local")
    assert ApiPermit.of(Sentiment(Settings().workload("sentiment"))) is None
    monkeypatch.setenv(name, "any")
    assert ApiPermit.of(AtHome(Settings().workload("sentiment"))) is None


def test_a_typing_mistake_keeps_records_in() -> None:
    """In the settings it is an error; a class with a word that nobody knows counts as local."""
    with pytest.raises(ValidationError, match="data_residency"):
        _settings(data_residency="Local")

    class Mistaken(Sentiment):
        data_residency = cast("Any", "lokal")

    assert ApiPermit.of(Mistaken(_settings())) is None


def test_an_instance_cannot_loosen_its_class() -> None:
    """What is written on an instance does not count, only what the class says."""
    workload = AtHome(_settings())
    vars(workload)["data_residency"] = "any"
    assert ApiPermit.of(workload) is None


def test_a_class_cannot_answer_for_its_own_residency() -> None:
    """A subclass that overrides what class and settings come to is refused when it is written."""
    with pytest.raises(ResidencyError, match="cannot override residency"):
        type("Loose", (AtHome,), {"residency": "any"})


def test_what_is_no_workload_gets_no_permit() -> None:
    """An object that only looks like a workload has no residency that could be trusted."""
    lookalike = SimpleNamespace(name="sentiment", residency="any", data_residency="any")
    with pytest.raises(ResidencyError, match="SimpleNamespace is no workload"):
        ApiPermit.of(cast("Any", lookalike))


@pytest.mark.parametrize("mode", ["sync", "batch"])
def test_no_mode_or_policy_of_the_api_issues_one(mode: str) -> None:
    """However the API is switched on and whatever else is set, a local workload has no permit and no policy."""
    settings = Settings.model_validate(
        {
            "api_mode": mode,
            "api_key": "key",
            "workloads": {"sentiment": {"data_residency": "local", "policy": {"engine_fails": "api"}}},
        }
    )
    workload = Sentiment(settings.workload("sentiment"))
    assert ApiPermit.of(workload) is None
    with pytest.raises(ResidencyError, match="engine_fails"):
        _ = workload.routing


# --- forging one


@pytest.mark.parametrize("issued", [None, object(), True, "issued"])
def test_a_permit_cannot_be_made(issued: object) -> None:
    """Only `ApiPermit.of` makes one."""
    with pytest.raises(ResidencyError, match="never made"):
        ApiPermit("sentiment", issued)


def test_a_permit_cannot_be_changed() -> None:
    """Neither its workload nor its mark can be written or taken away."""
    permit = _permit()
    for name in ("workload", "_issued", "more"):
        with pytest.raises(ResidencyError, match="cannot be changed"):
            setattr(permit, name, "other")
        with pytest.raises(ResidencyError, match="cannot be changed"):
            delattr(permit, name)
    with pytest.raises(TypeError):
        dataclasses.replace(cast("Any", permit), workload="other")


def test_a_permit_is_copied_as_itself_and_never_stored() -> None:
    """A copy is the same permit; one in a pickle would outlive the settings that it was issued under."""
    permit = _permit()
    assert copy.copy(permit) is permit
    assert copy.deepcopy([permit])[0] is permit
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(ResidencyError, match="cannot be stored"):
            pickle.dumps(permit, protocol)
        with pytest.raises(ResidencyError, match="cannot be stored"):
            pickle.dumps(ApiRequest(*FIELDS, permit=permit), protocol)


def test_a_permit_has_no_other_kinds() -> None:
    """A subclass could skip the check when it is made."""
    with pytest.raises(ResidencyError, match="no other kinds"):
        type("Forged", (ApiPermit,), {"__init__": lambda _self: None})


# --- requests without one


@pytest.mark.parametrize(
    "permit",
    [
        None,
        "sentiment",
        True,
        SimpleNamespace(workload="sentiment", is_issued=True),
        ApiPermit.__new__(ApiPermit),
        ApiPermit,
    ],
)
def test_an_api_request_takes_no_other_permit(permit: object) -> None:
    """Nothing, a look-alike, a permit made past its `__init__`: none of them makes a request."""
    with pytest.raises(ResidencyError, match="needs a permit"):
        ApiRequest(*FIELDS, permit=cast("Any", permit))
    good = ApiRequest(*FIELDS, permit=_permit())
    with pytest.raises(ResidencyError, match="needs a permit"):
        dataclasses.replace(good, permit=cast("Any", permit))


def test_an_api_request_needs_the_permit_by_name() -> None:
    """It cannot be left out, and a request for the local engine does not take one."""
    with pytest.raises(TypeError, match="permit"):
        ApiRequest(*FIELDS)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        dataclasses.replace(Request(*FIELDS), permit=_permit())  # type: ignore[call-arg]


def test_an_api_request_keeps_its_permit() -> None:
    """It is frozen, has no subclass, and its copies and variants carry the same permit."""
    request = ApiRequest(*FIELDS, permit=_permit())
    with pytest.raises(dataclasses.FrozenInstanceError):
        request.permit = _permit()  # type: ignore[misc]
    with pytest.raises(ResidencyError, match="no other kinds"):
        type("Sly", (ApiRequest,), {"__post_init__": lambda _self: None})
    assert copy.deepcopy(request).permit is request.permit
    assert dataclasses.replace(request, attempt=2).permit is request.permit


def test_answers_are_not_shared_between_house_and_api() -> None:
    """The same question has another digest at the API, so that no answer of one stands for the other's."""
    assert ApiRequest(*FIELDS, permit=_permit()).digest() != Request(*FIELDS).digest()


# --- the type checker: `make check` refuses each of these lines with the code that is named, and needs every one of the names

if TYPE_CHECKING:

    def _stream_of_the_house(engine: Engine[ApiRequest], one: Request, many: list[Request]) -> None:
        """Ask the API's engine with requests of the house."""
        engine.stream([one])  # type: ignore[list-item]
        engine.stream(many)  # type: ignore[arg-type]

    def _api_in_the_house(engine: Engine[ApiRequest]) -> LocalEngine:
        """Put the API's engine in the local engine's place."""
        return engine  # type: ignore[return-value]

    def _house_on_the_wire(request: Request, options: ApiOptions) -> None:
        """Write a request of the house for the API."""
        request_body(request, options, EndpointCapabilities("none"))  # type: ignore[arg-type]

    def _perhaps_no_permit(workload: Workload) -> ApiRequest:
        """Use a permit that may be None."""
        return ApiRequest(*FIELDS, permit=ApiPermit.of(workload))  # type: ignore[arg-type]

    def _permit_by_name(name: str) -> ApiPermit | None:
        """Ask for a permit for what is no workload."""
        return ApiPermit.of(name)  # type: ignore[arg-type]

    class _ForgedPermit(ApiPermit):  # type: ignore[misc]
        """Another kind of permit."""

    class _ForgedRequest(ApiRequest):  # type: ignore[misc]
        """Another kind of API request."""

    class _Loose(Workload):
        """A workload with a residency of its own."""

        residency = "any"  # type: ignore[misc]

    def _to_api(engine: Engine[ApiRequest], workload: Workload) -> None:
        """Ask with a permit that was looked at: nothing is wrong."""
        permit = ApiPermit.of(workload)
        if permit is not None:
            engine.stream([ApiRequest(*FIELDS, permit=permit)])

    def _at_home(engine: LocalEngine, request: Request) -> None:
        """Ask in the house: nothing is wrong."""
        engine.stream([request])
