"""Usage: meetings, participant time and concurrency, by hour, day, month or room.

Responsible for the buckets in a time zone and for the answers. A bucket is complete: if `from` or `to` are within it,
all of it counts. It must not know how usage is counted: the store has it by quarters of an hour.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, tzinfo
from typing import Annotated, Any, Final

from starlette.requests import Request

from headcount.http import params
from headcount.http.context import Answer, QueryContext
from headcount.http.errors import invalid
from headcount.http.operations import operation
from headcount.http.params import Param, one_of
from headcount.http.routes.health import complete_until
from headcount.http.schemas import (
    CompleteUntil,
    Count,
    DateTime,
    EventSource,
    HeldBackBy,
    LocalTime,
    RoomName,
    Schema,
    UnixSeconds,
    doc,
)
from headcount.http.serializer import encode, rfc3339
from headcount.kernel.events import Ms
from headcount.kernel.rules import NEVER
from headcount.maintenance.completeness import Completeness
from headcount.reporting.usage import Bucket, buckets_of, total_of
from headcount.store.usage.quarters import QUARTER_MS
from headcount.store.usage.totals import RoomUsage as RoomUsageRow
from headcount.timezones import EARLIEST, LATEST, boundaries, format_local, parse_calendar_zone, start_of_day

_MAX_ROOMS: Final = 10_000
_USAGE_GROUPS: Final = ("day", "hour", "month", "room", "total")
_CONCURRENCY_GROUPS: Final = ("hour", "day")

FROM: Final = Param(
    "from",
    params.DATE_OR_TIMESTAMP,
    "Start: a day of the time zone, unix seconds, or RFC 3339. Required. The bucket that contains it counts"
    " completely.",
    None,
)
TO: Final = Param(
    "to",
    params.DATE_OR_TIMESTAMP,
    "End, in the same form; a day is exclusive. Default: now. The bucket that contains it counts completely.",
    None,
)
GROUP_BY_USAGE: Final = Param("group_by", one_of(*_USAGE_GROUPS), "The size of a bucket.", "day")
GROUP_BY_CONCURRENCY: Final = Param("group_by", one_of(*_CONCURRENCY_GROUPS), "The size of a bucket.", "hour")
TIMEZONE: Final = Param(
    "timezone",
    params.ZONE,
    "The time zone of hours, days and months: a name of the IANA database, like `Europe/Berlin`, or an offset.",
    "UTC",
)
ROOM: Final = Param("room", params.TEXT, "Only the room with this name.", None)

BucketStart = Annotated[LocalTime, doc("Start of the bucket: RFC 3339 with the offset of the time zone.")]
BucketDuration = Annotated[int, doc("Duration of the bucket, in seconds.", minimum=1)]
StartedMeetings = Annotated[Count, doc("Number of meetings that started.")]
ParticipantSeconds = Annotated[Count, doc("Total time of all participants, in seconds, rounded down once.")]
PeakParticipants = Annotated[Count, doc("Peak number of concurrent participants.")]
PeakTime = Annotated[
    DateTime | None, doc("Time when the peak was first reached; `null` without participants.")
]
AverageParticipants = Annotated[
    float, doc("Average number of concurrent participants, rounded down to four digits.", minimum=0)
]
Start = Annotated[LocalTime, doc("Start of the first bucket, in the same form.")]
End = Annotated[LocalTime, doc("End of the last bucket, in the same form.")]
ZoneName = Annotated[str, doc("The time zone.")]


class UsageTotals(Schema):
    """Usage in the whole time."""

    meetings: StartedMeetings
    participant_seconds: ParticipantSeconds
    max_participants: PeakParticipants


class UsageBucket(Schema):
    """Usage in a bucket of time."""

    start: BucketStart
    start_time: UnixSeconds
    duration: BucketDuration
    meetings: StartedMeetings
    participant_seconds: ParticipantSeconds
    max_participants: PeakParticipants


class RoomUsage(Schema):
    """Usage of a room."""

    room: RoomName
    meetings: StartedMeetings
    participant_seconds: ParticipantSeconds
    max_participants: PeakParticipants


class _Heading(Schema, rename={"from_": "from"}):
    timezone: ZoneName
    group_by: str
    from_: Start
    to: End
    complete_until: CompleteUntil
    held_back_by: HeldBackBy


class Usage(_Heading):
    """Usage by time, in order."""

    totals: UsageTotals
    total_count: Count
    data: list[UsageBucket]


class UsageByRoom(_Heading):
    """Usage by room, at most 10,000, by participant time."""

    totals: UsageTotals
    total_count: Count
    data: list[RoomUsage]


class ConcurrencyBucket(Schema):
    """Concurrent participants in a bucket of time."""

    start: BucketStart
    start_time: UnixSeconds
    duration: BucketDuration
    max_participants: PeakParticipants
    max_participants_at: PeakTime
    avg_participants: AverageParticipants


class ConcurrencyTotals(Schema):
    """Concurrent participants in the whole time."""

    max_participants: PeakParticipants
    max_participants_at: PeakTime
    avg_participants: AverageParticipants


class Concurrency(_Heading):
    """Concurrent participants by time, in order."""

    totals: ConcurrencyTotals
    total_count: Count
    data: list[ConcurrencyBucket]


@dataclass(frozen=True, slots=True)
class _Window:
    """The buckets of a query. `edges` are the start of each bucket and the end of the last one."""

    zone: tzinfo
    name: str
    edges: Sequence[Ms]

    @property
    def first_quarter(self) -> int:
        return self.edges[0] // QUARTER_MS

    @property
    def end_quarter(self) -> int:
        return self.edges[-1] // QUARTER_MS

    def heading(
        self, group: str, completeness: Completeness
    ) -> tuple[str, str, str, str, str, EventSource | None]:
        return (
            self.name,
            group,
            format_local(self.edges[0], self.zone),
            format_local(self.edges[-1], self.zone),
            *complete_until(completeness),
        )


@operation(
    "GET", "/usage", "getUsage", "Get usage", Usage, UsageByRoom,
    tag="Usage", params=(FROM, TO, GROUP_BY_USAGE, TIMEZONE, ROOM),
)  # fmt: skip
def get_usage(context: QueryContext, domain: str, request: Request) -> Answer:
    """Returns started meetings, participant time and peak participants, by hour, day or month of a time zone, or by room."""
    query = request.query_params
    completeness = context.completeness(domain)
    now, group = context.now(), GROUP_BY_USAGE.get(query)
    room = ROOM.get(query)
    window = _window(query, group, now)
    first, end = window.first_quarter, window.end_quarter
    if group == "room":
        rooms, quarters = context.usage.by_room(domain, room, first, end, now)
        totals = _totals(total_of(window.edges, quarters))
        by_room = [_room_usage(used) for used in rooms[:_MAX_ROOMS]]
        return encode(UsageByRoom(*window.heading(group, completeness), totals, len(rooms), by_room)), {}
    quarters = context.usage.by_quarter(domain, room, first, end, now)
    totals = _totals(total_of(window.edges, quarters))
    buckets = [_usage_bucket(total, window.zone) for total in buckets_of(window.edges, quarters)]
    return encode(Usage(*window.heading(group, completeness), totals, len(buckets), buckets)), {}


@operation(
    "GET", "/concurrency", "getConcurrency", "Get concurrency", Concurrency,
    tag="Usage", params=(FROM, TO, GROUP_BY_CONCURRENCY, TIMEZONE, ROOM),
)  # fmt: skip
def get_concurrency(context: QueryContext, domain: str, request: Request) -> Answer:
    """Returns the peak number of participants, its time, and the average, by hour or day of a time zone."""
    query = request.query_params
    completeness = context.completeness(domain)
    now, group = context.now(), GROUP_BY_CONCURRENCY.get(query)
    window = _window(query, group, now)
    room = ROOM.get(query)
    quarters = context.usage.by_quarter(domain, room, window.first_quarter, window.end_quarter, now)
    data = [_concurrency_bucket(total, window.zone, now) for total in buckets_of(window.edges, quarters)]
    total = total_of(window.edges, quarters)
    totals = ConcurrencyTotals(
        total.max_participants, _optional_time(total.max_participants_at), total.avg_participants(now)
    )
    return encode(Concurrency(*window.heading(group, completeness), totals, len(data), data)), {}


OPERATIONS: Final = (get_usage, get_concurrency)


def _window(query: Any, group: str, now: Ms) -> _Window:
    name = TIMEZONE.get(query)
    zone = parse_calendar_zone(name)
    start, end = _moment(FROM.get(query), zone), _moment(TO.get(query), zone)
    if start is None:
        raise invalid('"from" is required: a day like 2026-01-31, unix seconds, or RFC 3339')
    end = now if end is None else end
    if min(start, end) < EARLIEST or max(start, end) > LATEST:
        raise invalid('"from" and "to" must be in the years 2000 to 2099')
    if end <= start:
        raise invalid(
            f'"to" must be later than "from" [Received from {format_local(start, zone)} to {format_local(end, zone)}]'
        )
    if group in ("hour", "day", "month"):
        return _Window(zone, name, boundaries(group, start, end, zone))
    return _Window(zone, name, (start // QUARTER_MS * QUARTER_MS, -(-end // QUARTER_MS) * QUARTER_MS))


def _moment(value: date | Ms | None, zone: tzinfo) -> Ms | None:
    """Return the start of a day, or the moment. Years that are refused anyway need no calendar."""
    if not isinstance(value, date):
        return value
    if 1999 <= value.year <= 2100:
        return start_of_day(value, zone)
    return NEVER if value.year > 2100 else -NEVER


def _totals(total: Bucket) -> UsageTotals:
    return UsageTotals(total.meetings, total.participant_ms // 1_000, total.max_participants)


def _usage_bucket(total: Bucket, zone: tzinfo) -> UsageBucket:
    return UsageBucket(
        format_local(total.start, zone),
        total.start // 1_000,
        (total.end - total.start) // 1_000,
        total.meetings,
        total.participant_ms // 1_000,
        total.max_participants,
    )


def _room_usage(used: RoomUsageRow) -> RoomUsage:
    return RoomUsage(used.room, used.meetings, used.participant_ms // 1_000, used.peak)


def _concurrency_bucket(total: Bucket, zone: tzinfo, now: Ms) -> ConcurrencyBucket:
    return ConcurrencyBucket(
        format_local(total.start, zone),
        total.start // 1_000,
        (total.end - total.start) // 1_000,
        total.max_participants,
        _optional_time(total.max_participants_at),
        total.avg_participants(now),
    )


def _optional_time(at: Ms | None) -> str | None:
    return None if at is None else rfc3339(at)
