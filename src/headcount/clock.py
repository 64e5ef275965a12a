"""Clock: what time it is, in ms. Constructed by `service/container.py`, the commands and the tests.

There are two answers, because the machine's clock may be wrong and be set right while we run. Our
own time orders what is received, and rooms, retries and expiries live by it: it does not follow a jump
of the machine's clock before that has stood for a while. The time outside is what senders live by.
Nearly always they are the same.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

from headcount.kernel.events import Ms

_CATCHING_UP: Final = 0.5
LITTLE_MS: Final[Ms] = 5 * 60_000
"""So far may a clock be set back, and what happens is still told by a time that waits for it. More is a jump."""
JUMP_STANDS_MS: Final[Ms] = 15_000
"""A jump of the machine's clock is followed once it has stood for this long."""
_LONG_AWAY_MS: Final[Ms] = 86_400_000
_NO_JUMP: Final = float("-inf")


class Clock:
    """The machine's clock, made fit to order by.

    `not_before` is a moment that was seen already, in an earlier life perhaps. The other arguments are where the
    time comes from, for tests.

    * If the machine's clock is set back by up to five minutes, our time goes on at half its speed until the
      machine's has caught up. If it is set forward by up to five minutes, our time follows at once.
    * If it jumps by more, our time goes on as if it had not, and follows once the jump has stood for
      `JUMP_STANDS_MS`: a glitch of a year for a few seconds is never seen. This is the only case in which our
      time goes back.
    """

    def __init__(
        self,
        not_before: Ms = 0,
        machine_ms: Callable[[], float] | None = None,
        steady_ms: Callable[[], float] | None = None,
    ) -> None:
        self._lock = threading.Lock()
        self._machine_ms = machine_ms or _machine_ms
        self._steady_ms = steady_ms or _steady_ms
        self._steady = self._steady_ms()
        machine = self._machine_ms()
        self._ours: float = max(machine, not_before)
        self._outside: float = not_before
        self._jump = 0.0
        self._jumped_at: float | None = None
        self._noticed: Ms | None = None
        suspicious = not_before and machine - not_before > _LONG_AWAY_MS
        self._followed_at = self._steady if suspicious else _NO_JUMP

    def now(self) -> Ms:
        """Our own time. It goes back only if the machine's clock was wrong by more than five minutes."""
        with self._lock:
            self._go_on()
            return int(self._ours)

    def outside(self) -> Ms:
        """The time by which what senders sign and say is judged.

        Like our own it waits for a clock that was set back, so that nobody leaves before they came
        because a clock was corrected by a second. But if that is more than five minutes, the time
        was wrong by so much that it goes back, too.
        """
        with self._lock:
            self._go_on()
            return int(self._outside)

    def ahead(self) -> Ms:
        """How far our own time is ahead of the machine's clock."""
        return max(0, self.now() - int(self._machine_ms()))

    def take_jump(self) -> Ms | None:
        """By how much the machine's clock jumped, if it did since this was last asked; negative is back."""
        with self._lock:
            noticed, self._noticed = self._noticed, None
            return noticed

    def trusted_for(self) -> Ms:
        """For how long no jump was followed, in ms: what deletes by age must wait until this is long.

        A clock that is more than a day ahead of `not_before` at the start counts as a jump.
        """
        with self._lock:
            self._go_on()
            return int(min(self._steady - self._followed_at, 2**53))

    def _go_on(self) -> None:
        steady, machine = self._steady_ms(), self._machine_ms()
        passed = steady - self._steady
        self._steady = steady
        waiting = passed * _CATCHING_UP
        outside = max(machine, self._outside + waiting)
        self._outside = outside if outside - machine <= LITTLE_MS else machine
        jump = machine - (self._ours + passed)
        if abs(jump) > LITTLE_MS:
            self._ours = self._held(machine, jump, passed)
        else:
            self._jumped_at = None
            self._ours = max(machine, self._ours + waiting)

    def _held(self, machine: float, jump: float, passed: float) -> float:
        """Our time while the machine's clock is somewhere else: as if it were not, until that has stood for long."""
        if self._jumped_at is None or abs(jump - self._jump) > LITTLE_MS:
            self._jumped_at, self._jump, self._noticed = self._steady, jump, int(jump)
        if self._steady - self._jumped_at < JUMP_STANDS_MS:
            return self._ours + passed
        self._jumped_at = None
        self._followed_at = self._steady
        return machine


def _machine_ms() -> float:
    return time.time_ns() / 1e6


def _steady_ms() -> float:
    """A clock that nobody sets. Where there is one, it counts the time that the machine sleeps."""
    return time.clock_gettime_ns(_STEADY) / 1e6


_STEADY: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
