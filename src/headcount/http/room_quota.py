"""Room quota: how many rooms of a domain may be open at once.

The engine keeps every room in which somebody is in memory, so one domain must not open any number of them. Events
for rooms that are open, and leaves and ends, are always accepted; only a new room is refused.

Counting is cheap: events that may open a room are added to what was counted last, and the tables are asked again
only when that reaches the bound. So the bound is kept as far as the tables have come: if the engine is behind, more
rooms may open meanwhile.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Final

from headcount.http.errors import ApiError
from headcount.kernel.events import Kind, Ms
from headcount.store.database import in_thread
from headcount.store.meetings import Meetings
from headcount.store.records import KIND_CODES, SNAPSHOT, AppendResult, LogEntry

_OPENING: Final = frozenset({KIND_CODES[Kind.JOIN], SNAPSHOT})
_SLOT_MS: Final[Ms] = 1_000

Append = Callable[[Sequence[LogEntry]], Awaitable[AppendResult]]
HandOver = Callable[[Sequence[LogEntry], Callable[[AppendResult | Exception], None]], None]


class _Domain:
    """At most so many rooms are open (`bound`), and how many joins the tables do not show before a moment."""

    __slots__ = ("bound", "counted", "to_show")

    def __init__(self, most: int) -> None:
        self.bound = most
        self.counted: Ms = -_SLOT_MS
        self.to_show: Counter[int] = Counter()


class RoomQuota:
    """Appends like the appender, unless that would open more than `most` rooms of a domain. 0 is no bound.

    `shows_after` (ms) is how long after they happened joins are in the tables; `patience_s` is how long the store is
    waited for.
    """

    def __init__(
        self,
        most: int,
        shows_after: Ms,
        answers: Meetings,
        append: Append,
        hand_over: HandOver,
        patience_s: float = 30,
    ) -> None:
        self._most = most
        self._shows_after = shows_after
        self._answers = answers
        self._append = append
        self._hand_over = hand_over
        self._patience_s = patience_s
        self._domains: dict[str, _Domain] = {}

    async def append(self, entries: Sequence[LogEntry]) -> AppendResult:
        """Raise `ApiError` 429 if the entries open a room too many; then none is taken."""
        if not self._fits(entries):
            await self._require(entries)
        return await self._append(entries)

    def hand_over(
        self, entries: Sequence[LogEntry], answer: Callable[[AppendResult | Exception], None]
    ) -> None:
        """Raise `ApiError` if it is not sure that the entries may be appended: `append` finds out."""
        if not self._fits(entries):
            raise _too_many(self._most)
        self._hand_over(entries, answer)

    def _fits(self, entries: Sequence[LogEntry]) -> bool:
        """Whether they surely open no room too many. If so, they are counted."""
        opening = {entry.room: entry for entry in entries if entry.kind in _OPENING}
        if not opening or not self._most:
            return True
        domain = self._domains.setdefault(entries[0].domain, _Domain(self._most))
        if domain.bound + len(opening) > self._most:
            return False
        domain.bound += len(opening)
        for entry in opening.values():
            domain.to_show[(max(entry.at, entry.received) + self._shows_after) // _SLOT_MS] += 1
        return True

    async def _require(self, entries: Sequence[LogEntry]) -> None:
        name, now = entries[0].domain, entries[0].received
        domain = self._domains[name]
        if not 0 <= now - domain.counted < _SLOT_MS:
            domain.counted = now
            await self._count(name, domain, now)
            if self._fits(entries):
                return
        rooms = {entry.room for entry in entries if entry.kind in _OPENING}
        if rooms - await in_thread(self._patience_s, self._answers.active_among, name, rooms):
            raise _too_many(self._most)

    async def _count(self, name: str, domain: _Domain, now: Ms) -> None:
        counted = await in_thread(self._patience_s, self._answers.count_active_rooms, name, self._most)
        domain.to_show = Counter(
            {slot: number for slot, number in domain.to_show.items() if slot >= now // _SLOT_MS}
        )
        domain.bound = counted + domain.to_show.total()


def _too_many(most: int) -> ApiError:
    return ApiError(
        HTTPStatus.TOO_MANY_REQUESTS,
        "rate-limit-error",
        f"your domain has {most:,} open rooms, the most it may have here (the setting max_open_rooms): nothing was taken;"
        " close rooms, or send it again later",
        {"retry-after": "5"},
    )
