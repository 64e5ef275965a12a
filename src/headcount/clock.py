"""Clock: the time of this machine in ms, which never goes back. Constructed by `service.py` and the tests."""

import time

from headcount.kernel.events import Ms


class Clock:
    """Wall-clock time that does not follow the machine's clock when it is set back.

    `not_before` is a moment that was seen already, in an earlier life perhaps. When the machine's
    clock is set back, time goes on from where it was; when it is set forward, we follow.
    """

    def __init__(self, not_before: Ms = 0) -> None:
        self._offset_ms = not_before - _steady_ms()

    def now(self) -> Ms:
        steady = _steady_ms()
        wall = time.time_ns() / 1e6
        self._offset_ms = max(self._offset_ms, wall - steady)
        return int(steady + self._offset_ms)


def _steady_ms() -> float:
    return time.monotonic_ns() / 1e6
