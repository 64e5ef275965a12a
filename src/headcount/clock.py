"""Clock: what time it is, in ms. Constructed by `service.py`, the commands and the tests.

There are two answers, because the machine's clock may be wrong and be set right while we run. Our
own time orders what is received, and never goes back. The time outside is what senders live by.
Nearly always they are the same.
"""

import threading
import time
from typing import Final

from headcount.kernel.events import Ms

_CATCHING_UP: Final = 0.5
LITTLE_MS: Final[Ms] = 5 * 60_000
"""So far may a clock be set back, and what happens is still told by a time that waits for it."""


class Clock:
    """The machine's clock, made fit to order by.

    `not_before` is a moment that was seen already, in an earlier life perhaps. When the machine's
    clock is set forward, our time follows at once. When it is set back, our time goes on at half
    its speed until the machine's has caught up.
    """

    def __init__(self, not_before: Ms = 0) -> None:
        self._lock = threading.Lock()
        self._steady = _steady_ms()
        self._ours: float = not_before
        self._outside: float = not_before

    def now(self) -> Ms:
        """Our own time, which never goes back."""
        with self._lock:
            self._go_on()
            return int(self._ours)

    def outside(self) -> Ms:
        """The time for what happens now, and for what senders sign and say.

        Like our own it waits for a clock that was set back, so that nobody leaves before they came
        because a clock was corrected by a second. But if that is more than five minutes, the time
        was wrong by so much that it goes back, too.
        """
        with self._lock:
            self._go_on()
            return int(self._outside)

    def ahead(self) -> Ms:
        """How far our own time is ahead of the machine's clock."""
        return max(0, self.now() - int(_machine_ms()))

    def _go_on(self) -> None:
        steady, machine = _steady_ms(), _machine_ms()
        waiting = (steady - self._steady) * _CATCHING_UP
        self._steady = steady
        self._ours = max(machine, self._ours + waiting)
        outside = max(machine, self._outside + waiting)
        self._outside = outside if outside - machine <= LITTLE_MS else machine


def _machine_ms() -> float:
    return time.time_ns() / 1e6


def _steady_ms() -> float:
    return time.monotonic_ns() / 1e6
