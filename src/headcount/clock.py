"""The clock of the service, in ms.

There are two times, because the machine's clock may be wrong and corrected while the service runs. The *service time*
orders what is received, and rooms, retries and expiry depend on it: it follows a jump of the machine's clock only after
a while. The *wall time* is compared with the times of senders. Nearly always they are equal.

Responsible for jumps of the machine's clock. Must not know what the time is used for.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

from headcount.kernel.events import Ms

_CATCHING_UP: Final = 0.5
SMALL_JUMP_MS: Final[Ms] = 5 * 60_000
"""Maximum change of the machine's clock that both times adapt to gradually. A larger change is a jump."""
JUMP_CONFIRMED_MS: Final[Ms] = 15_000
"""The service time follows a jump of the machine's clock after this duration."""
_LONG_AWAY_MS: Final[Ms] = 86_400_000
_NO_JUMP: Final = float("-inf")


class Clock:
    """The machine's clock, without sudden changes.

    `not_before` is a time that was used already, possibly before a restart. The other arguments are the sources of
    time, for tests.

    * If the machine's clock is set back by up to five minutes, the service time continues at half speed until the
      machine's clock has caught up. If it is set forward by up to five minutes, the service time follows at once.
    * If it jumps by more, the service time continues as before, and follows after `JUMP_CONFIRMED_MS`: a wrong year
      for a few seconds has no effect. Only then may the service time go back.
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
        self._service: float = max(machine, not_before)
        self._wall: float = not_before
        self._jump = 0.0
        self._jumped_at: float | None = None
        self._noticed: Ms | None = None
        suspicious = not_before and machine - not_before > _LONG_AWAY_MS
        self._followed_at = self._steady if suspicious else _NO_JUMP

    def now(self) -> Ms:
        """Return the service time. It goes back only if the machine's clock was wrong by more than five minutes."""
        with self._lock:
            self._update()
            return int(self._service)

    def wall_time(self) -> Ms:
        """Return the wall time, with which signatures and times of senders are compared.

        Like the service time it waits for a clock that was set back by up to five minutes, so that no leave
        precedes its join because of a small correction. If it was set back by more, the wall time goes back.
        """
        with self._lock:
            self._update()
            return int(self._wall)

    def times(self) -> tuple[Ms, Ms]:
        """Return the service time and the wall time of the same moment."""
        with self._lock:
            self._update()
            return int(self._service), int(self._wall)

    def ahead_ms(self) -> Ms:
        """Return by how much the service time is ahead of the machine's clock, in ms."""
        return max(0, self.now() - int(self._machine_ms()))

    def take_jump(self) -> Ms | None:
        """Return by how much the machine's clock jumped since the last call (negative: back), or None."""
        with self._lock:
            noticed, self._noticed = self._noticed, None
            return noticed

    def stable_for(self) -> Ms:
        """Return for how long no jump was followed, in ms: deletion by age must wait until this is long.

        A clock that is more than a day ahead of `not_before` at the start counts as a jump.
        """
        with self._lock:
            self._update()
            return int(min(self._steady - self._followed_at, 2**53))

    def _update(self) -> None:
        steady, machine = self._steady_ms(), self._machine_ms()
        passed = steady - self._steady
        self._steady = steady
        waiting = passed * _CATCHING_UP
        wall = max(machine, self._wall + waiting)
        self._wall = wall if wall - machine <= SMALL_JUMP_MS else machine
        jump = machine - (self._service + passed)
        if abs(jump) > SMALL_JUMP_MS:
            self._service = self._after_jump(machine, jump, passed)
        else:
            self._jumped_at = None
            self._service = max(machine, self._service + waiting)

    def _after_jump(self, machine: float, jump: float, passed: float) -> float:
        """Return the service time during a jump: as if there were none, until the jump is confirmed."""
        if self._jumped_at is None or abs(jump - self._jump) > SMALL_JUMP_MS:
            self._jumped_at, self._jump, self._noticed = self._steady, jump, int(jump)
        if self._steady - self._jumped_at < JUMP_CONFIRMED_MS:
            return self._service + passed
        self._jumped_at = None
        self._followed_at = self._steady
        return machine


def _machine_ms() -> float:
    return time.time_ns() / 1e6


def _steady_ms() -> float:
    """Return a clock that cannot be set. Where possible, it includes the time that the machine sleeps."""
    return time.clock_gettime_ns(_STEADY) / 1e6


_STEADY: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
