"""Worker: the engine in a thread of its own, while this process is the leader.

The worker waits for an append, for the deadline of a room, or for a short time, because another process may have
appended. Errors of the store are logged, and the work is retried.

Responsible for when the engine runs. Must not know what it does.
"""

import threading
from collections.abc import Callable
from typing import Final

import structlog

from headcount.engine.engine import Engine
from headcount.kernel.events import Ms
from headcount.store.database import LeadershipLost, StoreError
from headcount.store.leadership import Leadership

_POLL_S: Final = 0.25
_PACE_S: Final = 0.1
"""Minimum time between batches unless a request waits: what arrives within it shares a commit."""
_BREATH_S: Final = 0.02
"""Time between two steps of background work, in which others can use the database."""
_PAUSE_S: Final = 1.0

log = structlog.get_logger("headcount.engine")


BackgroundWork = Callable[[Ms], bool]
"""Does a step of work at a time, and returns whether there may be more."""


def _nothing() -> None:
    """Ignore the end of a batch."""


def _no_work(_: Engine) -> BackgroundWork:
    """Return work that is always done."""
    return lambda _: False


class Worker:
    """Runs an engine while this process leads.

    `make` builds one for an epoch; `on_batch` is called after each batch. `background` returns the work of an engine that is
    done in steps while there are no entries to process.
    """

    def __init__(
        self,
        leadership: Leadership,
        make: Callable[[int], Engine],
        now: Callable[[], Ms],
        on_batch: Callable[[], None] = _nothing,
        background: Callable[[Engine], BackgroundWork] = _no_work,
    ) -> None:
        self._leadership = leadership
        self._make = make
        self._now = now
        self._on_batch = on_batch
        self._background = background
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self.engine: Engine | None = None
        self.failures = 0

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self) -> None:
        """Process new entries soon."""
        self._wake.set()

    def hurry(self) -> None:
        """Process new entries at once, because a request waits for them."""
        self._hurry.set()
        self._wake.set()

    def stop(self) -> None:
        """Finish the current batch and give up leadership."""
        self._stopping.set()
        self._hurry.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def leads(self) -> bool:
        """Return whether the engine runs in this process."""
        return self.engine is not None

    def alive(self) -> bool:
        """Return whether the thread runs."""
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
                log.exception("the engine failed and restarts from the store")
                self._failed(error)
            finally:
                self.engine = None
        self._leadership.give_up()

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        log.error("the batch could not be processed; will retry", reason=str(error))
        self._stopping.wait(_PAUSE_S)

    def _lead(self, engine: Engine) -> None:
        work = self._background(engine)
        while not self._stopping.is_set() and self._leadership.still_leads():
            self._wake.clear()
            more = engine.step(self._now())
            self._on_batch()
            if more and not engine.is_erasing:
                continue
            if more or work(self._now()):
                self._hurry.wait(_BREATH_S)
                self._hurry.clear()
                continue
            self._hurry.wait(_PACE_S)
            self._hurry.clear()
            self._wake.wait(min(_POLL_S, max(0.0, (engine.deadline - self._now()) / 1_000)))
