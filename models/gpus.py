"""The GPUs of one machine, and which of them each worker is given."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from models.errors import UsageError

VISIBLE, ORDER = "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"
"""By which a process is given devices: numbers of nvidia-smi count only in the order of the bus."""

_GPU = re.compile(r"GPU (\d+): .*\(UUID: (GPU-[\w-]+)\)\s*")
_PART = re.compile(r"\s+MIG .*Device\s+(\d+): \(UUID: (MIG-[\w/-]+)\)\s*")
_LEAST_UUID = 8
"""Characters of the beginning of a UUID that can stand for all of it."""

Group = tuple["GpuDevice", ...]
"""The devices of one worker, whose engine shares its model over them; none: it runs on the CPU."""


@dataclass(frozen=True, slots=True)
class GpuDevice:
    """A device that a process can be given. `index`: the GPU's number in nvidia-smi; `part`: of a GPU that is cut (MIG), the number in it."""

    index: int
    uuid: str
    part: int | None = None

    @property
    def label(self) -> str:
        """Its short name, which no other of the machine has: `gpu0`, or `gpu0-mig1`."""
        return f"gpu{self.index}" + ("" if self.part is None else f"-mig{self.part}")

    @property
    def number(self) -> str:
        """How CUDA is told of it: a number; a part has none, and goes by its UUID."""
        return str(self.index) if self.part is None else self.uuid


def parse_listing(listing: str) -> Group:
    """Read what `nvidia-smi -L` prints. Of a GPU that is cut, only its parts can be used."""
    found: list[GpuDevice] = []
    for line in listing.splitlines():
        if (whole := _GPU.fullmatch(line)) is not None:
            found.append(GpuDevice(int(whole[1]), whole[2]))
        elif (part := _PART.fullmatch(line)) is not None and found:
            found.append(GpuDevice(found[-1].index, part[2], int(part[1])))
    cut = {one.index for one in found if one.part is not None}
    return tuple(one for one in found if one.part is not None or one.index not in cut)


def leave_visible(devices: Group, visible: str | None) -> Group:
    """Return the devices that the user's own `CUDA_VISIBLE_DEVICES` leaves, in its order; all where it is not set.

    As CUDA does, what stands behind -1 is left out. Raises `UsageError` for what is not there.
    """
    if visible is None:
        return devices
    words = [one.strip() for one in visible.split(",")] if visible.strip() else []
    if "-1" in words:
        words = words[: words.index("-1")]
    return _find_all(devices, words, f"{VISIBLE} names")


def choose_devices(devices: Group, wanted: str) -> Group:
    """Return the devices that `all`, or a list such as `0,2`, names: numbers of nvidia-smi, or UUIDs.

    Raises `UsageError` for one that is not there, and for one that is named twice.
    """
    if wanted.strip() == "all":
        return devices
    return _find_all(devices, [one.strip() for one in wanted.split(",")], "--gpus names")


def group_devices(devices: Group, size: int) -> tuple[Group, ...]:
    """Cut devices into groups of as many as an engine needs. Raises `UsageError` where one would be left over."""
    needs = f"an engine takes {size} (tensor_parallel_size, pipeline_parallel_size)"
    if size > 1 and any(one.part is not None for one in devices):
        msg = f"{needs}, and parts of a GPU (MIG) cannot share a model: set tensor_parallel_size = 1"
        raise UsageError(msg)
    if len(devices) % size:
        left = len(devices) - len(devices) % size
        remedy = (
            f"name {left} of them, such as --gpus {','.join(one.number for one in devices[:left])}"
            if left
            else "set another number"
        )
        msg = f"{needs}, which does not divide the {len(devices)} GPUs here: {remedy}"
        raise UsageError(msg)
    return tuple(devices[place : place + size] for place in range(0, len(devices), size))


def name_worker(host: str, taken: Sequence[str]) -> str:
    """Name a worker by its machine and what it takes of it, such as `host-gpu0` or `host-gpu0+gpu1`. Prefect allows no / and no %."""
    machine = re.sub(r"[^A-Za-z0-9_.-]", "-", host) or "worker"
    return f"{machine}-{'+'.join(taken)}"


def devices_of(name: str) -> tuple[str, frozenset[str]]:
    """Read a worker's name: its machine, and the labels of its devices; none where it is not named by `name_worker`."""
    found = re.fullmatch(r"(.+?)-(gpu\d+(?:-mig\d+)?(?:\+gpu\d+(?:-mig\d+)?)*)", name)
    return (found[1], frozenset(found[2].split("+"))) if found else (name, frozenset())


def describe_sharing(names: Sequence[str]) -> list[str]:
    """Say of workers of one pool, by their names, which may have runs on one device at a time."""
    known = {name: devices_of(name) for name in names}
    said = [
        f"{one} and {other} share {', '.join(sorted(known[one][1] & known[other][1]))}"
        for one, other in combinations(sorted(known), 2)
        if known[one][0] == known[other][0] and known[one][1] & known[other][1]
    ]
    foreign = [name for name in names if not known[name][1] and not name.endswith("-cpu")]
    if foreign and len(names) > 1:
        said.append(
            f"{', '.join(foreign)}: not of `breakeven worker`, so it has every GPU of its machine, also those of others"
        )
    return said


def environment_of(group: Group) -> Mapping[str, str]:
    """Return the variables that give a process these devices and no others; none for a group of none."""
    if not group:
        return {}
    return {VISIBLE: ",".join(one.number for one in group), ORDER: "PCI_BUS_ID"}


def _find_all(devices: Group, words: Sequence[str], named: str) -> Group:
    found: list[GpuDevice] = []
    for word in words:
        here = _find(devices, word)
        if not here:
            there = ", ".join(one.number for one in devices) or "none"
            msg = f"{named} {word or 'nothing'!r}, which is not there: {there}"
            raise UsageError(msg)
        if twice := [one for one in here if one in found]:
            msg = f"{named} {twice[0].label} twice: each device takes one worker"
            raise UsageError(msg)
        found += here
    return tuple(found)


def _find(devices: Group, word: str) -> Group:
    """Return the device of a number or a UUID, which may be cut short; of a number all parts of its GPU."""
    if word.isascii() and word.isdigit():
        return tuple(one for one in devices if one.index == int(word))
    if len(word) < _LEAST_UUID:
        return ()
    found = tuple(one for one in devices if one.uuid.lower().startswith(word.lower()))
    return found if len(found) == 1 else ()
