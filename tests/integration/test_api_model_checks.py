"""`breakeven doctor` on the API's model: its end by the API's own word, else as it was reviewed; and the candidates."""

from datetime import UTC, datetime, timedelta

import pytest

from models.doctor import SetupCheck
from models.settings import Settings
from tasks.planning import model_end
from tasks.planning.model_end import warn_of_model_end
from tasks.setup.api_model_checks import check_candidates, check_model_end
from tests.loopback import serving

TODAY = datetime.now(UTC).date()


def check(url: str, model: str = "gpt-6-luna", **given: str) -> SetupCheck:
    """Check the end of a model at an endpoint."""
    return check_model_end(
        Settings.model_validate({"api_mode": "sync", "api_base_url": url, "api_model": model, **given})
    )


@pytest.mark.parametrize("path", ["/v1/models/gpt-6-luna", "/v1/models"])
def test_the_apis_own_date_wins(path: str) -> None:
    """A `shutdown_date` of the model, or of its entry in the list, is what counts."""
    day = TODAY + timedelta(30)
    model = {"id": "gpt-6-luna", "shutdown_date": str(day)}
    reply: object = model if path.endswith("luna") else {"data": [{"id": "other"}, model]}
    with serving({path: reply}) as url:
        found = check(url)
    assert found.state == "warn"
    assert "shutdown_date" in found.found
    assert f"{day}, in 30 days" in found.advice


@pytest.mark.parametrize(
    "reply",
    [
        {"id": "gpt-6-luna", "shutdown_date": None},
        {"id": "gpt-6-luna"},
        {"id": "another", "shutdown_date": "2026-12-01"},
        {"id": "gpt-6-luna", "shutdown_date": "soon"},
        ["gpt-6-luna"],
        None,
    ],
)
def test_a_model_without_a_date_has_no_known_end(reply: object) -> None:
    """Null, no field, another model's, another form and no object: nothing is known, and nothing is invented."""
    with serving({"/v1/models/gpt-6-luna": reply, "/v1/models": {"data": [reply]}}) as url:
        found = check(url)
    assert (found.state, found.found) == ("ok", "gpt-6-luna: no end is known")


def test_a_far_end_is_shown_and_no_warning() -> None:
    """More than 90 days ahead it is only shown."""
    with serving({"/v1/models/m": {"id": "m", "shutdown_date": str(TODAY + timedelta(91))}}) as url:
        found = check(url, "m")
    assert (found.state, found.advice) == ("ok", "")
    assert str(TODAY + timedelta(91)) in found.found


def test_a_model_that_is_gone_fails_where_it_is_asked() -> None:
    """After its end a run would fail; where nothing is sent, only the comparison stands on it."""
    gone = "gpt-4.1-nano"
    with serving({}) as url:
        assert check(url, gone).state == "fail"
        off = check(url, gone, api_mode="off")
    assert off.state == "warn"
    assert "gpt-5.6-luna" in off.advice


def test_an_endpoint_that_is_away_leaves_the_reviewed_date() -> None:
    """Nobody answers: the reviewed data still says when."""
    found = check("http://127.0.0.1:9/v1", "gpt-4o-mini-2024-07-18")
    assert "2027-01-14" in found.found


def test_candidates_are_shown_with_their_prices() -> None:
    """The default four have prices; a candidate that ends soon, or has no price, is named with what to do."""
    fine = check_candidates(Settings())
    assert fine.state == "ok"
    assert "gpt-6-luna $0.1/$0.5" in fine.found
    ending = check_candidates(Settings(api_candidates=("gpt-4.1-nano", "gpt-6-luna")))
    assert ending.state == "warn"
    assert "BREAKEVEN_API_CANDIDATES=gpt-5.6-luna" in ending.advice
    unknown = check_candidates(Settings(api_candidates=("nobody/knows",)))
    assert unknown.state == "fail"
    assert "nobody/knows=IN/OUT" in unknown.advice


def test_a_run_says_it_once_in_a_process(caplog: pytest.LogCaptureFixture) -> None:
    """However many partitions are run, the end of the API's model is said once."""
    model_end._warn.cache_clear()
    for _ in range(3):
        warn_of_model_end(Settings(api_model="gpt-4.1-nano"))
        warn_of_model_end(Settings(api_model="gpt-6-luna"))
    (said,) = caplog.messages
    assert "gpt-5.6-luna" in said
