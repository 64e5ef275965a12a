"""Processing of appended entries without a service.

Responsible for running an engine in the process that appended the entries, such as an import.
Must not know how the entries were read.
"""

from collections.abc import Callable
from typing import Final

from headcount.engine.engine import Engine
from headcount.engine.erasure import new_eraser
from headcount.kernel.events import Ms
from headcount.kernel.rules import Rules
from headcount.store.database import StoreError
from headcount.store.leadership import leadership
from headcount.store.open import Store
from headcount.store.shard_sink import ShardSink

_BATCH_SIZE: Final = 50_000

Progress = Callable[[float, str], None]
"""Called with the share that is done, from 0 to 1, and a label of the current step."""


def catch_up(
    store: Store, now: Callable[[], Ms], rules: Rules, stale_after: Ms | None, progress: Progress
) -> bool:
    """Process all entries of the log. Return False if another process, or a cluster, runs the engine and will do it."""
    if ShardSink(store.database).progress() is not None:
        return False
    lead = leadership(store.database)
    try:
        epoch = lead.try_lead()
    except StoreError:
        epoch = None
    if epoch is None:
        return False
    engine = Engine(
        store, rules, epoch, stale_after=stale_after, batch_size=_BATCH_SIZE, stopwatch=None,
        eraser=new_eraser(store.database, store.erasure_list),
    )  # fmt: skip
    first, (end, _) = engine.cursor, store.log.end()
    while engine.step(now()):
        progress(0.5 + 0.5 * (engine.cursor - first) / max(1, end - first), "working out")
    lead.give_up()
    return True
