"""No adapter is trained on a GPU that an engine has: the two do not fit beside each other."""

from db.at_work import list_at_work
from models.errors import PartitionLocked
from models.machine import gpu_name
from models.settings import Settings
from tasks.runtime.lease import lives
from tasks.runtime.ledger_access import ledger_if_any


def check_gpu_is_free(settings: Settings) -> None:
    """See that no other process of this machine runs, or trains, on its GPU, as the ledger knows it. Raises `PartitionLocked`.

    On a CPU both go on beside each other, each slower.
    """
    if gpu_name() is None:
        return
    with ledger_if_any(settings, update=True) as session:
        held = [] if session is None else list_at_work(session)
    busy = next((name for name, owner in held if lives(owner)), None)
    if busy is not None:
        msg = f"{busy} is being run on the GPU of this machine, which an adapter's training needs to itself: wait for it, or stop it"
        raise PartitionLocked(msg)
