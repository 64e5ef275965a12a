"""Rate limits: how many reads and events one key or source can send in 5 seconds.

Responsible for counting and for the 429 answer. It must not know keys beyond their ids.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from headcount.http.errors import ApiError
from headcount.kernel.events import Ms

_WINDOW_MS: Final[Ms] = 5_000


class SlidingWindow:
    """The approximate count of the last 5 seconds, from the counts of the current window and the previous one."""

    __slots__ = ("_current", "_previous", "_started")

    def __init__(self, now: Ms) -> None:
        self._started = now
        self._current = 0
        self._previous = 0

    def add(self, number: int, limit: int, now: Ms) -> Ms:
        """Add a number and return 0; if that would exceed the limit, return the time to wait (ms) instead."""
        elapsed = now - self._started
        if elapsed < 0:  # the clock was set back
            self._started, elapsed = now, 0
        if elapsed >= _WINDOW_MS:
            self._previous = self._current if elapsed < 2 * _WINDOW_MS else 0
            self._current = 0
            self._started = now - elapsed % _WINDOW_MS
            elapsed %= _WINDOW_MS
        recent = self._current + self._previous * (_WINDOW_MS - elapsed) // _WINDOW_MS
        if recent and recent + number > limit:
            return max(1, _WINDOW_MS - elapsed)
        self._current += number
        return 0

    def remove(self, number: int) -> None:
        """Remove a number that was added for a request that is handled again."""
        self._current = max(0, self._current - number)


class RateLimiter:
    """Counts what keys and sources do. `reads` and `events` are the limits of each in 5 seconds; 0 means no limit."""

    def __init__(self, now: Callable[[], Ms], reads: int, events: int) -> None:
        self._now = now
        self._limits = {"read": reads, "ingest": events}
        self._windows: dict[tuple[str, str], SlidingWindow] = {}

    def count(self, key_id: str, scope: str, number: int) -> None:
        """Count what a key does. Raise `ApiError` 429 if it is too much."""
        self._count(key_id, scope, number, "with this key")

    def uncount_events(self, key_id: str, number: int) -> None:
        """Remove events that a key sent but that were not stored, because their request is handled again."""
        window = self._windows.get((key_id, "ingest"))
        if window is not None:
            window.remove(number)

    def count_source(self, token: str, number: int) -> None:
        """Count the events of a source. Raise `ApiError` 429 if there are too many."""
        self._count(token, "ingest", number, "from this source")

    def _count(self, sender: str, scope: str, number: int, sender_text: str) -> None:
        limit = self._limits.get(scope, 0)
        if not limit:
            return
        now = self._now()
        window = self._windows.get((sender, scope))
        if window is None:
            window = self._windows[sender, scope] = SlidingWindow(now)
        wait_ms = window.add(number, limit, now)
        if wait_ms:
            raise ApiError(
                HTTPStatus.TOO_MANY_REQUESTS,
                "rate-limit-error",
                f"More than {limit:,} in 5 seconds {sender_text}: retry in {wait_ms / 1_000:.1f} s",
                {"retry-after": str(-(-wait_ms // 1_000))},
            )
