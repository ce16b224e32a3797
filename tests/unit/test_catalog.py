"""The price of an hour of this machine: never free, never guessed."""

from decimal import Decimal

import pytest

from models.catalogue.rates import infrastructure, kind_of
from models.errors import PriceUnknown
from models.settings import Settings


def test_a_known_gpu_has_its_catalogue_price() -> None:
    """The driver's name finds the catalogue's entry."""
    machine = infrastructure(Settings(), "NVIDIA A10G")
    assert (machine.kind, machine.nano_usd_per_hour) == ("A10G", 1_006_000_000)
    assert "g5.xlarge" in machine.source


def test_your_own_rate_wins() -> None:
    """A rate in the settings replaces the catalogue's, also for an unknown GPU."""
    machine = infrastructure(Settings(gpu_usd_per_hour=Decimal("0.35")), "NVIDIA Something 9000")
    assert machine.nano_usd_per_hour == 350_000_000
    assert machine.source == "settings"


def test_an_unknown_gpu_is_an_error() -> None:
    """A GPU without a price stops the run before it starts, and the line says what to set (I3)."""
    with pytest.raises(PriceUnknown, match="BREAKEVEN_GPU_USD_PER_HOUR"):
        infrastructure(Settings(), "NVIDIA Something 9000")


def test_a_machine_without_gpu_is_priced_by_its_cores() -> None:
    """CPU hours are not free: cores times the price of a core hour."""
    assert infrastructure(Settings(), None, cores=2).nano_usd_per_hour == 85_000_000
    assert infrastructure(Settings(), None, cores=8).kind == "cpu x8"


def test_two_gpus_cost_twice() -> None:
    """Tensor parallel over two GPUs pays for two."""
    assert infrastructure(Settings(tensor_parallel_size=2), "NVIDIA A10G").nano_usd_per_hour == 2_012_000_000


def test_one_machine_has_one_name() -> None:
    """The driver's name and the catalogue's are the same machine; what it does not know keeps its name."""
    assert kind_of("NVIDIA A10G") == kind_of("a10g") == "A10G"
    assert kind_of("Something 9000") == "Something 9000"
    assert kind_of("cpu x8") == "cpu x8"
