"""Room quota: the number of rooms of a domain that can be active at the same time.

The engine has every active room in memory, so one domain must not open any number of them. Events of active rooms,
leaves and ends are always accepted; only a new room is refused. Events that may open a room are added to the last count,
and the tables are read again only when that reaches the limit. The limit is exact as far as the tables are current:
while the engine is behind, more rooms can open.

Responsible for this estimate. It must not know how entries are appended.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Final

from headcount.http.errors import ApiError
from headcount.kernel.events import Kind, Ms
from headcount.store.database import in_thread, time_limit
from headcount.store.meetings import Meetings
from headcount.store.records import KIND_CODES, SNAPSHOT, AppendResult, LogEntry

_OPENING: Final = frozenset({KIND_CODES[Kind.JOIN], SNAPSHOT})
_SLOT_MS: Final[Ms] = 1_000

Append = Callable[[Sequence[LogEntry]], Awaitable[AppendResult]]
HandOver = Callable[[Sequence[LogEntry], Callable[[AppendResult | Exception], None]], None]


class _Domain:
    """The estimate for one domain.

    `max_active` is an upper bound of its active rooms. `pending` counts joins by the slot after which the tables
    contain them. `lock` lets one request read the tables, while others wait for the result.
    """

    __slots__ = ("counted_at", "lock", "max_active", "pending")

    def __init__(self, limit: int) -> None:
        self.max_active = limit
        self.counted_at: Ms = -_SLOT_MS
        self.pending: Counter[int] = Counter()
        self.lock = asyncio.Lock()


class RoomQuota:
    """Appends entries unless that would open more than `limit` rooms of a domain; 0 means no limit.

    `visible_after_ms` is the time until the tables contain a join. `timeout_s` is that of the store.
    """

    def __init__(
        self,
        limit: int,
        visible_after_ms: Ms,
        meetings: Meetings,
        append: Append,
        hand_over: HandOver,
        timeout_s: float = 30,
    ) -> None:
        self._limit = limit
        self._visible_after_ms = visible_after_ms
        self._meetings = meetings
        self._append = append
        self._hand_over = hand_over
        self._timeout_s = timeout_s
        self._domains: dict[str, _Domain] = {}

    async def append(self, entries: Sequence[LogEntry]) -> AppendResult:
        """Append entries. Raise `ApiError` 429, and append none, if they open too many rooms."""
        if not self._reserve(entries):
            await self._require(entries)
        return await self._append(entries)

    def hand_over(
        self, entries: Sequence[LogEntry], answer: Callable[[AppendResult | Exception], None]
    ) -> None:
        """Append entries without waiting. Raise `ApiError` if that may open too many rooms: `append` finds out."""
        if not self._reserve(entries):
            raise _too_many_rooms(self._limit)
        self._hand_over(entries, answer)

    def _reserve(self, entries: Sequence[LogEntry]) -> bool:
        """Count the rooms that the entries may open and return True; return False if that may exceed the limit."""
        if not self._limit:
            return True
        opening = [entry for entry in entries if entry.kind in _OPENING]
        if len(opening) > 1:
            opening = list({entry.room: entry for entry in opening}.values())
        if not opening:
            return True
        name = entries[0].domain
        domain = self._domains.get(name)
        if domain is None:
            domain = self._domains[name] = _Domain(self._limit)
        if domain.max_active + len(opening) > self._limit:
            return False
        domain.max_active += len(opening)
        for entry in opening:
            domain.pending[(max(entry.at, entry.received) + self._visible_after_ms) // _SLOT_MS] += 1
        return True

    async def _require(self, entries: Sequence[LogEntry]) -> None:
        name, now = entries[0].domain, entries[0].received
        domain = self._domains[name]
        async with time_limit(self._timeout_s), domain.lock:
            if self._reserve(entries):  # another request has counted meanwhile
                return
            if not 0 <= now - domain.counted_at < _SLOT_MS:
                await self._count(name, domain, now)
                if self._reserve(entries):
                    return
        rooms = {entry.room for entry in entries if entry.kind in _OPENING}
        if rooms - await in_thread(self._timeout_s, self._meetings.active_among, name, rooms):
            raise _too_many_rooms(self._limit)

    async def _count(self, name: str, domain: _Domain, now: Ms) -> None:
        active = await in_thread(self._timeout_s, self._meetings.count_active_rooms, name, self._limit)
        domain.pending = Counter(
            {slot: number for slot, number in domain.pending.items() if slot >= now // _SLOT_MS}
        )
        domain.max_active = active + domain.pending.total()
        domain.counted_at = now


def _too_many_rooms(limit: int) -> ApiError:
    return ApiError(
        HTTPStatus.TOO_MANY_REQUESTS,
        "rate-limit-error",
        f"Your domain has {limit:,} open rooms, the maximum (the setting max_open_rooms): no event was stored;"
        " close rooms, or send it again later",
        {"retry-after": "5"},
    )
