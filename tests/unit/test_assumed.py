"""What stands in for what was never entered: the runs' own word, the settings, the catalogue."""

from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.catalogue import assumed_terms
from models.catalogue.rates import infrastructure
from models.economics import owning
from models.economics.gpu_run import BillingMode, GpuRun
from models.economics.month import InfrastructureTerms, LabourTerms, Rate, ReferenceRate
from models.errors import PriceUnknown, UsageError
from models.gpu_time import GpuTime
from models.settings import Settings
from models.settings.spot import SpotSettings

MAY = date(2026, 5, 1)


def _run(
    day: int, mode: BillingMode = "reserved", rate: int = 300, month: int = 5, kind: str = "A10G"
) -> GpuRun:
    started = datetime(2026, month, day, 2, tzinfo=UTC)
    return GpuRun("sentiment", kind, started, GpuTime(busy_ns=1), rate, mode)


def _spans(terms: list[InfrastructureTerms]) -> list[tuple[int, int | None, int | None]]:
    assert all(one.assumed and one.mode == "reserved" for one in terms)
    return [
        (one.effective_from.day, one.effective_to.day if one.effective_to else None, one.rate.nano_per_hour)
        for one in terms
    ]


def test_a_reserved_machine_is_there_from_its_first_run() -> None:
    """In its first month from its first run's day, later from the month's first day, always to the month's end."""
    runs = [_run(7), _run(20)]
    assert _spans(assumed_terms.reserved_by_runs(runs, [], MAY)) == [(7, 1, 300)]
    assert _spans(assumed_terms.reserved_by_runs(runs, [_run(3, month=4)], MAY)) == [(1, 1, 300)]
    assert _spans(assumed_terms.reserved_by_runs(runs, [_run(3, "on_demand", month=4)], MAY)) == [(7, 1, 300)]


def test_another_rate_or_mode_ends_a_reserved_machine() -> None:
    """From the day of the run that says otherwise on; on-demand runs need no terms."""
    runs = [_run(1), _run(9, rate=400), _run(15, "on_demand"), _run(22)]
    assert _spans(assumed_terms.reserved_by_runs(runs, [], MAY)) == [(1, 9, 300), (9, 15, 400), (22, 1, 300)]
    assert not assumed_terms.reserved_by_runs([_run(3, "on_demand")], [], MAY)
    of_two = assumed_terms.reserved_by_runs([_run(2), _run(5, kind="L4", rate=7)], [], MAY)
    assert [(one.kind, one.effective_from.day) for one in of_two] == [("A10G", 2), ("L4", 5)]


@given(st.lists(st.tuples(st.integers(1, 31), st.booleans(), st.integers(1, 3)), max_size=10))
def test_assumed_terms_never_overlap(said: list[tuple[int, bool, int]]) -> None:
    """One kind has one machine on a day, whatever its runs say."""
    runs = [_run(day, "reserved" if reserved else "on_demand", rate) for day, reserved, rate in sorted(said)]
    terms = assumed_terms.reserved_by_runs(runs, [], MAY)
    for before, after in pairwise(terms):
        assert before.effective_to is not None
        assert before.effective_to <= after.effective_from


def test_entries_of_other_months_are_left_out() -> None:
    """A month stands on the entries that hold on one of its days, in the order of their entering."""
    entries = [
        owning.check_terms("A10G", "on_demand", since=since, until=until, usd_per_hour=Decimal(1))
        for since, until in [
            (date(2026, 1, 1), date(2026, 4, 30)),
            (date(2026, 6, 1), None),
            (date(2026, 1, 1), date(2026, 5, 1)),
            (date(2026, 5, 31), None),
        ]
    ]
    found = assumed_terms.entered_terms([*entries, owning.no_machine("L4", MAY)], MAY)
    assert [(one.effective_from.month, one.gpus) for one in found] == [(1, 1), (5, 1), (5, 0)]
    assert not any(one.assumed for one in found)


def test_labour_defaults_are_assumed_until_something_is_entered() -> None:
    """The design's reference values stand before every entry; settings that a person chose are not assumed."""
    entry = owning.check_labour(MAY, Decimal(3), Decimal(1), Decimal(90))
    default, entered = assumed_terms.labour_terms([entry], Settings())
    assert (default.maintenance_minutes, default.setup_minutes) == (120, 720)
    assert (default.engineer_nano_per_hour, default.assumed) == (100_000_000_000, True)
    assert default.effective_from < date(2000, 1, 1)
    assert entered == LabourTerms(MAY, 180, 60, 90_000_000_000)
    chosen = Settings(maintenance_hours=Decimal(1), setup_hours=Decimal(1), engineer_usd_per_hour=Decimal(80))
    assert not assumed_terms.labour_terms([], chosen)[0].assumed
    with pytest.raises(UsageError, match="BREAKEVEN_SETUP_HOURS"):
        assumed_terms.labour_terms([], Settings(setup_hours=Decimal("0.001")))


def test_rates_to_compare_with_come_best_first() -> None:
    """What was entered and not taken back, the newest first, then the settings', then the catalogue's."""
    june, august = date(2026, 6, 1), date(2026, 8, 1)
    entries = [
        owning.check_terms("A10G", "reserved", since=MAY, usd_per_month=Decimal(250)),
        owning.check_terms("A10G", "reserved", since=june, usd_per_month=Decimal(240)),
        owning.check_terms("A10G", "on_demand", since=august, usd_per_hour=Decimal(9)),
        owning.no_machine("A10G", august),
    ]
    settings = Settings(
        gpu_usd_per_hour=Decimal("0.45"), gpu_kind="NVIDIA A10G", billing_increment_seconds=60
    )
    found = assumed_terms.references(entries, settings, ["A10G", "A10G"])
    assert [(one.mode, one.rate.nano_per_month or one.rate.nano_per_hour) for one in found] == [
        ("reserved", 240 * 10**9),
        ("reserved", 250 * 10**9),
        ("on_demand", 450_000_000),
        ("on_demand", 1_006_000_000),
        ("reserved", 463 * 10**9),
    ]
    assert {one.kind for one in found} == {"A10G"}
    assert found[2] == ReferenceRate("on_demand", Rate(450_000_000), assumed_terms.OWN_RATE, 60, "A10G")
    assert "g5.xlarge" in found[3].source


def test_a_spot_machine_is_priced_by_its_own_setting() -> None:
    """In that mode the general rate is the one on demand to compare with; without a spot rate no run starts."""
    spot = SpotSettings(usd_per_hour=Decimal("0.40"))
    settings = Settings(gpu_usd_per_hour=Decimal("0.45"), billing_mode="spot", spot=spot)
    found = assumed_terms.references([], settings, [])
    assert [(one.mode, one.rate.nano_per_hour) for one in found] == [
        ("on_demand", 450_000_000),
        ("spot", 400_000_000),
    ]
    machine = infrastructure(settings, "NVIDIA A10G")
    assert (machine.nano_usd_per_hour, machine.billing_mode) == (400_000_000, "spot")
    with pytest.raises(PriceUnknown, match="BREAKEVEN_SPOT__USD_PER_HOUR"):
        infrastructure(Settings(billing_mode="spot"), "NVIDIA A10G")


def test_a_machine_of_two_gpus_costs_twice() -> None:
    """Where two GPUs share the model, the catalogue's rates are both GPUs'; your own rate is the machine's already."""
    settings = Settings(gpu_usd_per_hour=Decimal("0.45"), gpu_kind="A10G", tensor_parallel_size=2)
    own, on_demand, reserved = assumed_terms.references([], settings, ["A10G"])
    assert own.rate.nano_per_hour == 450_000_000
    assert on_demand.rate.nano_per_hour == 2 * 1_006_000_000
    assert reserved.rate.nano_per_month == 2 * 463 * 10**9
    assert on_demand.source.startswith("2 x AWS g5.xlarge")


def test_the_catalogues_rate_is_billed_by_the_increment_of_the_settings() -> None:
    """An hour that has begun counts where the settings say so, whoever named the rate."""
    on_demand, _ = assumed_terms.references([], Settings(billing_increment_seconds=3600), ["A10G"])
    assert on_demand.increment_seconds == 3600


def test_without_a_reserved_price_a_machine_that_is_always_on_is_compared() -> None:
    """Its rate on demand around the clock, and the source says so; nothing is known of an unknown kind."""
    on_demand, reserved = assumed_terms.references([], Settings(), ["H100"])
    assert reserved.rate == on_demand.rate
    assert reserved.source.startswith("no reserved price is known")
    assert not assumed_terms.references([], Settings(), ["Something 9000"])
    (cpu, _) = assumed_terms.references([], Settings(), ["cpu x8"])
    assert cpu.rate == Rate(nano_per_hour=340_000_000)
    assert not assumed_terms.references([], Settings(), ["cpu"])
