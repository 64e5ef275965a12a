"""Running: the engine in a thread of its own, for as long as this process leads.

It waits for what comes first: an append, a room's deadline, or a short while, since another
process may have appended. What goes wrong in the store is logged, and tried again.
"""

import threading
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from headcount.engine.engine import Engine
from headcount.kernel.events import Ms
from headcount.store.database import LeadershipLost, StoreError

_POLL_S: Final = 0.25
_PACE_S: Final = 0.1
"""So long at least from one round to the next, unless somebody waits: what comes within it shares a commit."""
_PAUSE_S: Final = 1.0

log = structlog.get_logger("headcount.engine")


class Leadership(Protocol):
    """Which of the processes on one store runs its engine."""

    def try_lead(self) -> int | None: ...
    def still_leads(self) -> bool: ...
    def give_up(self) -> None: ...


def _nothing() -> None:
    """Where nobody waits for a round."""


class Worker:
    """Runs an engine while this process leads. `make` builds one for an epoch; `told` is called after each round."""

    def __init__(
        self,
        leadership: Leadership,
        make: Callable[[int], Engine],
        now: Callable[[], Ms],
        told: Callable[[], None] = _nothing,
    ) -> None:
        self._leadership = leadership
        self._make = make
        self._now = now
        self._told = told
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self.engine: Engine | None = None
        self.failures = 0

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There is something to do."""
        self._wake.set()

    def hurry(self) -> None:
        """Somebody waits for the engine to come to the end of the log."""
        self._hurry.set()
        self._wake.set()

    def stop(self) -> None:
        """Finish the round, and let another process lead."""
        self._stopping.set()
        self._hurry.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def leads(self) -> bool:
        """Whether the engine runs in this process."""
        return self.engine is not None

    def alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                epoch = self._leadership.try_lead()
                if epoch is None:
                    self._stopping.wait(_PAUSE_S)
                    continue
                log.info("this process runs the engine", epoch=epoch)
                self.engine = self._make(epoch)
                self._lead(self.engine)
            except LeadershipLost as lost:
                log.warning(str(lost))
                self._leadership.give_up()
            except StoreError as error:
                self._failed(error)
            except Exception as error:
                log.exception("the engine failed; it starts again from the store")
                self._failed(error)
            finally:
                self.engine = None
        self._leadership.give_up()

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        log.error("the store refused; trying again", reason=str(error))
        self._stopping.wait(_PAUSE_S)

    def _lead(self, engine: Engine) -> None:
        while not self._stopping.is_set() and self._leadership.still_leads():
            self._wake.clear()
            more = engine.step(self._now())
            self._told()
            if more:
                continue
            self._hurry.wait(_PACE_S)
            self._hurry.clear()
            self._wake.wait(min(_POLL_S, max(0.0, (engine.deadline - self._now()) / 1_000)))
