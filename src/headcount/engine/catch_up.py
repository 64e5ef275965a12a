"""Working in: what was appended without a service, worked out by whoever appended it."""

from collections.abc import Callable
from typing import Final

from headcount.engine.engine import Engine
from headcount.kernel.events import Ms
from headcount.kernel.rules import Rules
from headcount.store.database import StoreError
from headcount.store.leadership import leadership
from headcount.store.open import Store

_ENGINE_ROWS: Final = 50_000

Progress = Callable[[float, str], None]
"""Is told how much is done, from 0 to 1, and with what."""


def catch_up(
    store: Store, now: Callable[[], Ms], rules: Rules, max_stay: Ms | None, progress: Progress
) -> bool:
    """Work in what is in the log, as the service would; False if another process is there to do it."""
    lead = leadership(store.database)
    try:
        epoch = lead.try_lead()
    except StoreError:
        epoch = None
    if epoch is None:
        return False
    engine = Engine(store, rules, epoch, max_stay=max_stay, batch=_ENGINE_ROWS, stopwatch=None)
    first, (end, _) = engine.cursor, store.log.end()
    while engine.step(now()):
        progress(0.5 + 0.5 * (engine.cursor - first) / max(1, end - first), "working out")
    lead.give_up()
    return True
