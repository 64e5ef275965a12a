"""Usage: how much was met, and how many were in at once, in hours, days or months of a zone.

A bucket is always told whole: where `from` or `to` fall into one, all of it counts. Here are the questions and the words
of the answers; how much was met is asked of the store in quarters of an hour.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, tzinfo
from typing import Any

import msgspec

from headcount.http import params
from headcount.http.context import Reading
from headcount.http.errors import invalid
from headcount.http.schemas import told, written
from headcount.kernel.events import Ms
from headcount.kernel.rules import NEVER
from headcount.reporting.usage import Bucket as UsageBucket
from headcount.reporting.usage import buckets_of, total_of
from headcount.store.usage.quarters import QUARTER_MS
from headcount.store.usage.queries import RoomUsage
from headcount.timezones import EARLIEST, LATEST, boundaries, calendar_zone, shown, start_of_day

_MOST_ROOMS = 10_000


class Totals(msgspec.Struct):
    meetings: int
    participant_seconds: int
    max_participants: int


class Bucket(msgspec.Struct):
    """What was met in a time."""

    start: str
    start_time: int
    length: int
    meetings: int
    participant_seconds: int
    max_participants: int


class RoomBucket(msgspec.Struct):
    """What was met in a room."""

    room: str
    meetings: int
    participant_seconds: int
    max_participants: int


class UsageAnswer(msgspec.Struct, rename={"from_": "from"}):
    timezone: str
    group: str
    from_: str
    to: str
    totals: Totals
    total_count: int
    data: list[Bucket] | list[RoomBucket]


class Crowd(msgspec.Struct):
    """How many were in at once: at most, when first, and on the mean."""

    start: str
    start_time: int
    length: int
    max_participants: int
    max_at: str | None
    mean: float


class CrowdTotals(msgspec.Struct):
    max_participants: int
    max_at: str | None
    mean: float


class ConcurrencyAnswer(msgspec.Struct, rename={"from_": "from"}):
    timezone: str
    group: str
    from_: str
    to: str
    totals: CrowdTotals
    total_count: int
    data: list[Crowd]


@dataclass(frozen=True, slots=True)
class _Window:
    """The buckets that are asked for: where each begins, and where the last one ends."""

    zone: tzinfo
    name: str
    edges: Sequence[Ms]

    @property
    def first(self) -> int:
        return self.edges[0] // QUARTER_MS

    @property
    def until(self) -> int:
        return self.edges[-1] // QUARTER_MS

    def heading(self, group: str) -> tuple[str, str, str, str]:
        return self.name, group, shown(self.edges[0], self.zone), shown(self.edges[-1], self.zone)


def usage(reading: Reading, domain: str, query: Any) -> bytes:
    """GET /usage: how much was met."""
    now, group = reading.now(), params.USAGE_GROUP.of(query)
    room = params.USAGE_ROOM.of(query)
    window = _window(query, group, now)
    if group == "room":
        rooms, quarters = reading.usage.by_room(domain, room, window.first, window.until, now)
        total = total_of(window.edges, quarters)
        data: Any = [_of_room(one) for one in rooms[:_MOST_ROOMS]]
        return told(UsageAnswer(*window.heading(group), _totals(total), len(rooms), data))
    quarters = reading.usage.by_quarter(domain, room, window.first, window.until, now)
    data = [_bucket(one, window.zone) for one in buckets_of(window.edges, quarters)]
    return told(
        UsageAnswer(*window.heading(group), _totals(total_of(window.edges, quarters)), len(data), data)
    )


def concurrency(reading: Reading, domain: str, query: Any) -> bytes:
    """GET /concurrency: how many were in at once."""
    now, group = reading.now(), params.CONCURRENCY_GROUP.of(query)
    window = _window(query, group, now)
    room = params.USAGE_ROOM.of(query)
    quarters = reading.usage.by_quarter(domain, room, window.first, window.until, now)
    data = [_crowd(one, window.zone, now) for one in buckets_of(window.edges, quarters)]
    total = total_of(window.edges, quarters)
    totals = CrowdTotals(
        total.max_participants, _written(total.max_participants_at), total.avg_participants(now)
    )
    return told(ConcurrencyAnswer(*window.heading(group), totals, len(data), data))


def _window(query: Any, group: str, now: Ms) -> _Window:
    name = params.TIMEZONE.of(query)
    zone = calendar_zone(name)
    first, until = _moment(params.USAGE_FROM.of(query), zone), _moment(params.USAGE_TO.of(query), zone)
    if first is None:
        raise invalid('"from" is required: a day like 2026-01-31, unix seconds, or RFC 3339')
    until = now if until is None else until
    if min(first, until) < EARLIEST or max(first, until) > LATEST:
        raise invalid('"from" and "to" must be of the years 2000 to 2099')
    if until <= first:
        raise invalid(
            f'"to" must be later than "from" [Received from {shown(first, zone)} to {shown(until, zone)}]'
        )
    if group in ("hour", "day", "month"):
        return _Window(zone, name, boundaries(group, first, until, zone))
    whole = first // QUARTER_MS * QUARTER_MS, -(-until // QUARTER_MS) * QUARTER_MS
    return _Window(zone, name, whole)


def _moment(said: date | Ms | None, zone: tzinfo) -> Ms | None:
    if isinstance(said, date):
        # Those far away, whose beginning cannot be told in every zone, are refused with the others.
        return (
            start_of_day(said, zone) if 1999 <= said.year <= 2100 else NEVER if said.year > 2100 else -NEVER
        )
    return said


def _totals(total: UsageBucket) -> Totals:
    return Totals(total.meetings, total.participant_ms // 1_000, total.max_participants)


def _bucket(one: UsageBucket, zone: tzinfo) -> Bucket:
    length = (one.end - one.start) // 1_000
    return Bucket(
        shown(one.start, zone),
        one.start // 1_000,
        length,
        one.meetings,
        one.participant_ms // 1_000,
        one.max_participants,
    )


def _of_room(one: RoomUsage) -> RoomBucket:
    return RoomBucket(one.room, one.meetings, one.time // 1_000, one.most)


def _crowd(one: UsageBucket, zone: tzinfo, now: Ms) -> Crowd:
    length = (one.end - one.start) // 1_000
    start = shown(one.start, zone)
    return Crowd(
        start,
        one.start // 1_000,
        length,
        one.max_participants,
        _written(one.max_participants_at),
        one.avg_participants(now),
    )


def _written(at: Ms | None) -> str | None:
    return None if at is None else written(at)
