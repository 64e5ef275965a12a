"""TTL cache: answers of the store that stay valid for a short time.

Responsible for expiry and for a bound on the number of entries. It must not know what the answers are, nor the clock.
"""

from typing import Final, Generic, TypeVar

from headcount.kernel.events import Ms

_MAX_ENTRIES: Final = 10_000

K = TypeVar("K")
V = TypeVar("V")


class TtlCache(Generic[K, V]):
    """At most `max_entries` values, each valid for `ttl_ms` after it was stored.

    A full cache is emptied: callers can ask for any key, so no entry is worth a search for the oldest.
    """

    __slots__ = ("_entries", "_max_entries", "_ttl_ms")

    def __init__(self, ttl_ms: Ms, max_entries: int = _MAX_ENTRIES) -> None:
        self._ttl_ms = ttl_ms
        self._max_entries = max_entries
        self._entries: dict[K, tuple[V, Ms]] = {}

    def get(self, key: K, now: Ms) -> tuple[V, Ms] | None:
        """Return the value and when it was stored; None if there is none or if it has expired.

        A value from the future has expired, too: the clock was set back since.
        """
        entry = self._entries.get(key)
        if entry is None or not 0 <= now - entry[1] <= self._ttl_ms:
            return None
        return entry

    def put(self, key: K, value: V, now: Ms) -> None:
        if len(self._entries) >= self._max_entries:
            self._entries.clear()
        self._entries[key] = value, now
