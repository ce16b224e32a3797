"""`breakeven prices`: newer data are taken whole or not at all, and every later command uses them."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from genai_prices.data_snapshot import get_snapshot

from models.catalogue import published_prices
from models.catalogue.published_prices import read_published, stored_path
from models.economics.pricing import nano_to_usd, price_on, prices_of
from models.errors import UsageError
from models.settings import Settings
from tests.loopback import serving
from tests.run_command import run_command as run

TODAY = datetime.now(UTC).date()
MODEL = "gpt-6-luna"


def entry(model: str, asked: object = 0.1, given: object = 0.5, **more: object) -> dict[str, object]:
    """Return a model as genai-prices writes it."""
    prices = {"input_mtok": asked, "output_mtok": given, **more}
    return {"id": model, "match": {"equals": model}, "prices": prices}


def tiered(base: float, longer: float) -> dict[str, object]:
    """Return a price with another one for long prompts, as genai-prices writes it."""
    return {"base": base, "tiers": [{"start": 272_000, "price": longer}]}


def provider(name: str, *models: object) -> dict[str, object]:
    """Return a provider as genai-prices writes it; a model is found by its name alone."""
    match = {"or": [{"equals": one["id"]} for one in models if isinstance(one, dict)]}
    pattern = rf"https://api\.{name}\.example"
    return {"id": name, "name": name, "api_pattern": pattern, "model_match": match, "models": list(models)}


def data(asked: object = 0.1, **more: object) -> list[object]:
    """Return price data with one model."""
    return [provider("openai", entry(MODEL, asked, **more))]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, with one model that is used and compared."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BREAKEVEN_API_MODEL", MODEL)
    monkeypatch.setenv("BREAKEVEN_API_CANDIDATES", json.dumps([MODEL]))
    monkeypatch.setenv("BREAKEVEN_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


def asked_today() -> Decimal:
    """Return what a million input tokens cost today, as every command works it out."""
    return nano_to_usd(price_on(prices_of(Settings()), TODAY).input_nano_per_mtok)


def test_newer_prices_of_an_address_are_used_from_then_on(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a real server gives is stored, named with the price that it changes, listed with its date, and used."""
    assert asked_today() == Decimal("0.1")
    with serving({"/v1/data.json": data(0.08, cache_read_mtok=0.008)}) as url:
        address = f"{url}/data.json".replace("http://", "http://user:secret@")
        assert run("prices", "update", "--from", f"{address}?key=hidden") == 0
    said = capsys.readouterr().err
    assert (
        f"openai/{MODEL}: $0.1 in (cached $0.01, written $0.125), $0.5 out; above 272,000 tokens $0.2 in, $0.75 out before, "
        "$0.08 in (cached $0.008), $0.5 out now" in said
    )
    assert f"openai/{MODEL}:batch: $0.05 in" in said
    assert asked_today() == Decimal("0.08")
    assert run("prices", "list", "--format", "json") == 0
    shown = capsys.readouterr()
    first = json.loads(shown.out)[0]
    assert (first["name"], Decimal(first["input_usd_per_mtok"])) == (MODEL, Decimal("0.08"))
    assert first["source"] == f"genai-prices data of {TODAY}"
    assert f"{url}/data.json" in shown.err
    stored = stored_path(home / "cache").read_text()
    assert not any(word in shown.err + said + stored for word in ("secret", "hidden"))


@pytest.mark.usefixtures("home")
def test_a_file_stands_in_for_a_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A copy from elsewhere is taken the same way; where it changes nothing, that is said."""
    copy = tmp_path / "copy.json"
    same = entry(
        MODEL,
        tiered(0.1, 0.2),
        tiered(0.5, 0.75),
        cache_read_mtok=tiered(0.01, 0.02),
        cache_write_mtok=tiered(0.125, 0.25),
    )
    copy.write_text(json.dumps([provider("openai", same)]))
    assert run("prices", "update", "--from", str(copy)) == 0
    assert "has changed" in capsys.readouterr().err
    assert read_published(tmp_path / "cache").fetched_on == TODAY


BAD: dict[str, object] = {
    "no JSON": b"<html>not found</html>",
    "cut off": json.dumps(data()).encode()[:-20],
    "an object": {"providers": data()},
    "empty": [],
    "of another form": [{"id": "openai"}],
    "no numbers": data("cheap"),
    "negative": data(-0.1),
    "not a number": data("NaN"),
    "infinite": data("Infinity"),
    "out of this world": data(10_000_000),
    "without the model": [provider("openai", entry("another"))],
    "without its price": data(None),
    "nested too deeply": b"[" * 100_000,
    "no text": b"\xff\xfe\x00",
    "nothing": b"",
}


@pytest.mark.parametrize("what", BAD)
def test_bad_data_are_one_line_and_the_old_stays(
    what: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Data that are not fit change nothing, whatever is wrong with them."""
    good = home / "good.json"
    good.write_text(json.dumps(data(0.07)))
    assert run("prices", "update", "--from", str(good)) == 0
    before = stored_path(home / "cache").read_bytes()
    capsys.readouterr()
    with serving({"/v1/data.json": BAD[what]}) as url:
        assert run("prices", "update", "--from", f"{url}/data.json") == 2
    said = capsys.readouterr().err
    assert said.startswith("error: the price data of http://127.0.0.1")
    assert said.count("\n") == 1
    assert "what was known stays" in said
    assert stored_path(home / "cache").read_bytes() == before
    assert [path.name for path in (home / "cache").iterdir()] == ["prices"]
    assert asked_today() == Decimal("0.07")


@pytest.mark.usefixtures("home")
def test_what_cannot_be_had_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A missing page, an address where nobody listens and a file that is not there: one line that says what to do."""
    with serving({}) as url:
        assert run("prices", "update", "--from", f"{url}/nowhere") == 1
    assert run("prices", "update", "--from", "http://127.0.0.1:9/data.json") == 1
    said = capsys.readouterr().err.splitlines()
    assert "HTTP 404" in said[0]
    assert all("--from FILE" in line for line in said)
    assert run("prices", "update", "--from", "nowhere.json") == 2
    assert run("prices", "update", "--from", "http://[") != 0
    assert len(capsys.readouterr().err.splitlines()) == 2
    assert asked_today() == Decimal("0.1")


def test_damaged_stored_data_say_what_to_do(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A stored file that was spoilt stops a command in one line; an update mends it."""
    path = stored_path(home / "cache")
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    with pytest.raises(UsageError, match="breakeven prices update"):
        prices_of(Settings())
    assert run("prices", "list") == 2
    good = home / "good.json"
    good.write_text(json.dumps(data(0.06)))
    assert run("prices", "update", "--from", str(good)) == 0
    assert "Traceback" not in capsys.readouterr().err
    assert asked_today() == Decimal("0.06")


def test_a_newer_package_wins_over_older_data(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once another release of genai-prices is installed, its own prices count again."""
    good = home / "good.json"
    good.write_text(json.dumps(data(0.06)))
    assert run("prices", "update", "--from", str(good)) == 0
    assert asked_today() == Decimal("0.06")
    monkeypatch.setattr(published_prices, "version", lambda _: "9.9.9")
    published_prices._stored.cache_clear()
    assert asked_today() == Decimal("0.1")


def test_every_tier_that_is_published_is_listed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Long prompts, flex and priority are shown as genai-prices has them; a model without them has none."""
    assert home.is_dir()
    assert run("prices", "list", MODEL, "--format", "json") == 0
    rows = json.loads(capsys.readouterr().out)
    found = {(row["service"], row["above_input_tokens"]): Decimal(row["output_usd_per_mtok"]) for row in rows}
    assert found["at once", 0] == Decimal("0.5")
    assert found["at once", 272_000] == Decimal("0.75")
    assert found["batch", 0] == found["flex", 0] == Decimal("0.25")
    assert found["priority", 0] == Decimal(1)
    assert run("prices", "list", "deepinfra/llama-3.1-8b", "--format", "json") == 0
    (only,) = json.loads(capsys.readouterr().out)
    assert (only["service"], Decimal(only["output_usd_per_mtok"])) == ("at once", Decimal("0.04"))
    assert run("prices", "list", "nobody/knows") == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_prices_of_single_hours_are_listed(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind the highest of the day, at once and in batches, of the seller that the settings name."""
    assert home.is_dir()
    monkeypatch.setenv("BREAKEVEN_API_MODEL", "deepseek-v4-pro")
    monkeypatch.setenv("BREAKEVEN_API_PROVIDER", "deepseek")
    monkeypatch.setenv("BREAKEVEN_API_CANDIDATES", "[]")
    assert run("prices", "list", "--format", "json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["provider"] for row in rows} == {"deepseek"}
    assert [(row["service"], Decimal(row["output_usd_per_mtok"])) for row in rows] == [
        ("at once", Decimal("3.96")),
        ("at once, 04:00-06:00 UTC", Decimal("1.98")),
        ("at once, 10:00-01:00 UTC", Decimal("1.98")),
        ("batch", Decimal("1.98")),
        ("batch, 04:00-06:00 UTC", Decimal("0.99")),
        ("batch, 10:00-01:00 UTC", Decimal("0.99")),
    ]


def test_the_package_is_what_it_was() -> None:
    """Fetched data never replace the package's own in the process."""
    assert read_published().snapshot is get_snapshot()
    assert read_published().fetched_on is None
