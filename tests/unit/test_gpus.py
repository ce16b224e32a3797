"""Which GPUs each worker is given: what the driver lists, what the user leaves and names, groups, names, variables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import UsageError
from models.gpus import (
    ORDER,
    VISIBLE,
    GpuDevice,
    Group,
    choose_devices,
    describe_sharing,
    devices_of,
    environment_of,
    group_devices,
    leave_visible,
    name_worker,
    parse_listing,
)
from models.settings import Settings
from tasks.workers.places import place_workers
from tests.fake_gpus import LISTING

CUT = """GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77)
  MIG 1g.5gb      Device  0: (UUID: MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f)
  MIG 1g.5gb      Device  1: (UUID: MIG-cba663e8-9bed-5b25-b243-5985ef7c9beb)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-e86cb44c-6756-fd30-cd4a-1e6da3caf9b0)
"""
FOUR = tuple(GpuDevice(number, f"GPU-{number}{number}aaaaaa-0000") for number in range(4))


def test_a_gpu_that_is_cut_is_its_parts() -> None:
    """A whole one has a number, a part only its UUID; what is no line of the list is passed over."""
    assert [one.number for one in parse_listing(LISTING)] == ["0", "1"]
    found = parse_listing(f"a warning of the driver\n{CUT}")
    assert [one.label for one in found] == ["gpu0-mig0", "gpu0-mig1", "gpu1"]
    assert environment_of(found[:1]) == {VISIBLE: found[0].uuid, ORDER: "PCI_BUS_ID"}
    assert parse_listing("") == parse_listing("NVIDIA-SMI has failed") == ()


@pytest.mark.parametrize(
    ("visible", "numbers"),
    [
        (None, [0, 1, 2, 3]),
        ("", []),
        ("-1", []),
        ("3,1", [3, 1]),
        (" 2 , -1, 0", [2]),
        ("GPU-11aaaaaa-0000", [1]),
        ("gpu-22aaaa", [2]),
    ],
)
def test_the_users_own_variable_is_respected(visible: str | None, numbers: list[int]) -> None:
    """In its order, by numbers and by UUIDs, which may be cut short."""
    assert [one.index for one in leave_visible(FOUR, visible)] == numbers


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("0,7", "--gpus names '7', which is not there: 0, 1, 2, 3"),
        ("0,,1", "--gpus names 'nothing', which is not there"),
        ("1,01", "--gpus names gpu1 twice"),
        ("1,GPU-11aaaaaa", "--gpus names gpu1 twice"),
        ("GPU-", "'GPU-', which is not there"),
        ("first", "'first', which is not there"),
    ],
)
def test_what_is_not_there_is_named(wanted: str, said: str) -> None:
    """So is what is named twice, in whatever spelling."""
    with pytest.raises(UsageError, match=said):
        choose_devices(FOUR, wanted)


def test_a_number_of_a_cut_gpu_is_all_its_parts() -> None:
    """They cannot share a model."""
    parts = choose_devices(parse_listing(CUT), "0")
    assert [one.part for one in parts] == [0, 1]
    with pytest.raises(UsageError, match="MIG"):
        group_devices(parts, 2)


def test_what_does_not_divide_is_said_with_what_does() -> None:
    """An engine of two GPUs leaves none over; one that needs more than there are cannot be."""
    with pytest.raises(UsageError, match=r"does not divide the 3 GPUs here: .* --gpus 0,1$"):
        group_devices(FOUR[:3], 2)
    with pytest.raises(UsageError, match="does not divide the 1 GPUs here: set another number"):
        group_devices(FOUR[:1], 2)


devices = st.lists(
    st.tuples(st.integers(0, 40), st.none() | st.integers(0, 6)), unique=True, min_size=1, max_size=24
).map(lambda found: tuple(GpuDevice(index, f"GPU-{index}-{part}", part) for index, part in found))


@given(devices, st.integers(1, 8), st.text(max_size=20))
def test_each_device_has_one_worker_with_a_name_of_its_own(there: Group, size: int, host: str) -> None:
    """No device is left out or given twice; a name says which it has, and Prefect takes it."""
    try:
        groups = group_devices(there, size)
    except UsageError:
        assert len(there) % size or (size > 1 and any(one.part is not None for one in there))
        return
    assert [one for group in groups for one in group] == list(there)
    names = [name_worker(host, [one.label for one in group]) for group in groups]
    assert len(set(names)) == len(names)
    assert not any(sign in name for name in names for sign in "/% \n")
    assert len({devices_of(name)[0] for name in names}) == 1
    assert [devices_of(name)[1] for name in names] == [{one.label for one in group} for group in groups]
    given_out = [word for group in groups for word in environment_of(group)[VISIBLE].split(",")]
    assert len(given_out) == len(there)


def test_a_machine_without_gpus_has_one_worker() -> None:
    """It has no device of its own, and whatever the environment says of devices stays."""
    (place,) = place_workers(Settings(), "gpu", None, "host", (), {VISIBLE: "3"})
    assert (place.name, place.environment) == ("host-cpu", {})
    assert devices_of(place.name)[1] == frozenset()
    with pytest.raises(UsageError, match="not there: none"):
        place_workers(Settings(), "gpu", "0", "host", (), {})


def test_engines_over_several_gpus() -> None:
    """`tensor_parallel_size` and stages count in, from what the environment leaves; a server and the pool api take none."""
    two = Settings(tensor_parallel_size=2)
    places = place_workers(two, "gpu", "all", "host", FOUR, {VISIBLE: "3,2,1,0"})
    assert [one.name for one in places] == ["host-gpu3+gpu2", "host-gpu1+gpu0"]
    assert [one.environment[VISIBLE] for one in places] == ["3,2", "1,0"]
    staged = Settings.model_validate({"engine": {"pipeline_parallel_size": 2}, "tensor_parallel_size": 2})
    assert [one.takes for one in place_workers(staged, "gpu", None, "host", FOUR, {})] == [
        ("gpu0", "gpu1", "gpu2", "gpu3")
    ]
    server = Settings.model_validate({"engine": "server"})
    for settings, pool, name in ((server, "gpu", "host-cpu"), (two, "api", "host-api")):
        assert [one.name for one in place_workers(settings, pool, None, "host", FOUR, {})] == [name]
        with pytest.raises(UsageError, match="leave --gpus out"):
            place_workers(settings, pool, "0", "host", FOUR, {})


def test_workers_that_share_a_device_are_named() -> None:
    """Of one machine, by their names; one that was started otherwise has every GPU."""
    assert describe_sharing(["a-gpu0", "a-gpu1", "b-gpu0", "b-cpu"]) == []
    assert describe_sharing(["a-gpu0", "a-gpu1+gpu0"]) == ["a-gpu0 and a-gpu1+gpu0 share gpu0"]
    (said,) = describe_sharing(["a-gpu0", "ProcessWorker 12"])
    assert said.startswith("ProcessWorker 12: not of `breakeven worker`")
    assert describe_sharing(["ProcessWorker 12"]) == []
