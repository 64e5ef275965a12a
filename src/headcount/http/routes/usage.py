"""Usage: meetings, participant time and concurrency, by hour, day, month, room or attribute.

Responsible for the buckets in a time zone and for the answers. A bucket is complete: if `from` or `to` are within it,
all of it counts. It must not know how usage is counted: the store has it by quarters of an hour.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, tzinfo
from typing import Annotated, Any, Final

from starlette.datastructures import QueryParams
from starlette.requests import Request

from headcount.http import params
from headcount.http.context import Answer, QueryContext
from headcount.http.errors import invalid
from headcount.http.operations import operation
from headcount.http.params import Param, Parser, one_of
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
from headcount.reporting.usage import Bucket, avg_participants, buckets_of, total_of
from headcount.store.usage.quarters import QUARTER_MS
from headcount.store.usage.totals import QuarterUsages
from headcount.store.usage.totals import RoomUsage as RoomUsageRow
from headcount.store.usage.totals import ValueUsage as ValueUsageRow
from headcount.timezones import EARLIEST, LATEST, boundaries, format_local, parse_calendar_zone, start_of_day

_MAX_GROUPS: Final = 10_000
_DEFAULT_VALUES: Final = 100
_USAGE_GROUPS: Final = ("day", "hour", "month", "room", "total")
_CONCURRENCY_GROUPS: Final = ("hour", "day")


def _group_by(*words: str) -> Parser[str]:
    """Return the parser of a size of buckets or `attribute.KEY`."""
    parse_word = one_of(*words).parse

    def parse(name: str, text: str) -> str:
        if not text.startswith("attribute"):
            return parse_word(name, text)
        _, _, key = text.partition("attribute.")
        if not key or "\0" in key:
            raise invalid(
                f'"{name}" must name an attribute like "attribute.customer" [Received {name}="{text[:50]}"]'
            )
        return text

    pattern = {"type": "string", "pattern": r"^attribute\..+$"}
    return Parser({"anyOf": [{"type": "string", "enum": list(words)}, pattern]}, parse)


def _limit(name: str, text: str) -> int:
    return min(params.POSITIVE.parse(name, text), _MAX_GROUPS)


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
_GROUP_BY: Final = "The size of a bucket, or `attribute.KEY` for a group of each value of that attribute."
GROUP_BY_USAGE: Final = Param("group_by", _group_by(*_USAGE_GROUPS), _GROUP_BY, "day")
GROUP_BY_CONCURRENCY: Final = Param("group_by", _group_by(*_CONCURRENCY_GROUPS), _GROUP_BY, "hour")
_VALUES: Final = (
    "of values with `group_by=attribute.KEY`. The group `remainder` stands for the rest of the values."
)
_LIMIT: Final = Parser({"type": "integer", "minimum": 1, "maximum": _MAX_GROUPS}, _limit)
_MORE: Final = f"More than {_MAX_GROUPS:,} means {_MAX_GROUPS:,}."
LIMIT_OF_USAGE: Final = Param(
    "limit",
    _LIMIT,
    f"Maximum number of rooms with `group_by=room`, or {_VALUES} Default: {_MAX_GROUPS:,} rooms, {_DEFAULT_VALUES} values. {_MORE}",
    None,
)
LIMIT: Final = Param("limit", _LIMIT, f"Maximum number {_VALUES} {_MORE}", _DEFAULT_VALUES)
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
Value = Annotated[
    str | None,
    doc(
        "The value: a string as it is, a number or boolean as JSON. `null` for participants without the attribute."
    ),
]
ValueMeetings = Annotated[
    Count,
    doc(
        "Number of meetings that started and had a participant of the group. A meeting can count in several groups."
    ),
]
Groups = Annotated[Count, doc("Number of values that are not listed.")]


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


class ValueUsage(Schema):
    """Usage of the participants with a value of an attribute."""

    value: Value
    meetings: ValueMeetings
    participant_seconds: ParticipantSeconds
    max_participants: PeakParticipants


class UsageRemainder(Schema):
    """Usage of the values that are not listed, added up."""

    groups: Groups
    meetings: Annotated[Count, doc("Sum of the numbers of the groups.")]
    participant_seconds: ParticipantSeconds


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


class UsageByValue(_Heading):
    """Usage by the values of an attribute, most participant time first."""

    totals: UsageTotals
    total_count: Count
    data: list[ValueUsage]
    remainder: UsageRemainder | None


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


class ValueConcurrency(Schema):
    """Concurrent participants with a value of an attribute."""

    value: Value
    max_participants: PeakParticipants
    max_participants_at: PeakTime
    avg_participants: AverageParticipants


class ConcurrencyRemainder(Schema):
    """Concurrent participants of the values that are not listed."""

    groups: Groups
    avg_participants: AverageParticipants


class ConcurrencyByValue(_Heading):
    """Concurrent participants by the values of an attribute, the highest average first."""

    totals: ConcurrencyTotals
    total_count: Count
    data: list[ValueConcurrency]
    remainder: ConcurrencyRemainder | None


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

    @property
    def quarters(self) -> list[int]:
        """The quarters that begin at the edges."""
        return [edge // QUARTER_MS for edge in self.edges]

    def average(self, participant_ms: Ms, now: Ms) -> float:
        """Return the average number of participants in the whole time, until now."""
        return avg_participants(participant_ms, self.edges[0], min(self.edges[-1], now))

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


@dataclass(frozen=True, slots=True)
class _Values:
    """The groups of an answer by the values of an attribute: those that are listed, and the rest."""

    count: int
    listed: list[ValueUsageRow]
    rest: list[ValueUsageRow]
    quarters: QuarterUsages

    @property
    def rest_ms(self) -> Ms:
        return sum(one.participant_ms for one in self.rest)


@operation(
    "GET", "/usage", "getUsage", "Get usage", UsageByValue, Usage, UsageByRoom,
    tag="Usage", params=(FROM, TO, GROUP_BY_USAGE, TIMEZONE, ROOM, LIMIT_OF_USAGE, *params.ATTRIBUTES),
)  # fmt: skip
def get_usage(context: QueryContext, domain: str, request: Request) -> Answer:
    """Returns started meetings, participant time and peak participants, by hour, day or month of a time zone, by room, or by attribute."""
    query = request.query_params
    completeness = context.completeness(domain)
    now, group = context.now(), GROUP_BY_USAGE.get(query)
    room, conditions = ROOM.get(query), params.attribute_filters(query)
    window = _window(query, group, now)
    first, end = window.first_quarter, window.end_quarter
    if group.startswith("attribute."):
        values = _values(context, domain, query, window, now)
        totals = _totals(total_of(window.edges, values.quarters))
        by_value = [_value_usage(used) for used in values.listed]
        return encode(
            UsageByValue(
                *window.heading(group, completeness), totals, values.count, by_value, _usage_remainder(values)
            )
        ), {}
    if group == "room":
        rooms, quarters = context.usage.by_room(domain, room, first, end, now, conditions, window.quarters)
        totals = _totals(total_of(window.edges, quarters))
        by_room = [_room_usage(used) for used in rooms[: LIMIT_OF_USAGE.get(query) or _MAX_GROUPS]]
        return encode(UsageByRoom(*window.heading(group, completeness), totals, len(rooms), by_room)), {}
    quarters = context.usage.by_quarter(domain, room, first, end, now, conditions, window.quarters)
    totals = _totals(total_of(window.edges, quarters))
    buckets = [_usage_bucket(total, window.zone) for total in buckets_of(window.edges, quarters)]
    return encode(Usage(*window.heading(group, completeness), totals, len(buckets), buckets)), {}


@operation(
    "GET", "/concurrency", "getConcurrency", "Get concurrency", ConcurrencyByValue, Concurrency,
    tag="Usage", params=(FROM, TO, GROUP_BY_CONCURRENCY, TIMEZONE, ROOM, LIMIT, *params.ATTRIBUTES),
)  # fmt: skip
def get_concurrency(context: QueryContext, domain: str, request: Request) -> Answer:
    """Returns the peak number of participants, its time, and the average, by hour or day of a time zone, or by attribute."""
    query = request.query_params
    completeness = context.completeness(domain)
    now, group = context.now(), GROUP_BY_CONCURRENCY.get(query)
    window = _window(query, group, now)
    room, conditions = ROOM.get(query), params.attribute_filters(query)
    if group.startswith("attribute."):
        values = _values(context, domain, query, window, now)
        by_value = [_value_concurrency(used, window, now) for used in values.listed]
        remainder = None
        if values.rest:
            remainder = ConcurrencyRemainder(len(values.rest), window.average(values.rest_ms, now))
        totals = _concurrency_totals(total_of(window.edges, values.quarters), now)
        return encode(
            ConcurrencyByValue(
                *window.heading(group, completeness), totals, values.count, by_value, remainder
            )
        ), {}
    quarters = context.usage.by_quarter(
        domain, room, window.first_quarter, window.end_quarter, now, conditions, window.quarters
    )
    data = [_concurrency_bucket(total, window.zone, now) for total in buckets_of(window.edges, quarters)]
    totals = _concurrency_totals(total_of(window.edges, quarters), now)
    return encode(Concurrency(*window.heading(group, completeness), totals, len(data), data)), {}


OPERATIONS: Final = (get_usage, get_concurrency)


def _values(context: QueryContext, domain: str, query: QueryParams, window: _Window, now: Ms) -> _Values:
    """Return the groups by the attribute of `group_by`. Participants without it are always listed."""
    key = params.attribute_key(GROUP_BY_USAGE.get(query))
    found, quarters = context.usage.by_value(
        domain,
        key,
        ROOM.get(query),
        window.first_quarter,
        window.end_quarter,
        now,
        params.attribute_filters(query),
        window.quarters,
    )
    limit = LIMIT.get(query)
    top = {one.value for one in [one for one in found if one.value is not None][:limit]} | {None}
    listed = [one for one in found if one.value in top]
    return _Values(len(found), listed, [one for one in found if one.value not in top], quarters)


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


def _value_usage(used: ValueUsageRow) -> ValueUsage:
    return ValueUsage(used.value, used.meetings, used.participant_ms // 1_000, used.peak)


def _usage_remainder(values: _Values) -> UsageRemainder | None:
    if not values.rest:
        return None
    return UsageRemainder(len(values.rest), sum(one.meetings for one in values.rest), values.rest_ms // 1_000)


def _value_concurrency(used: ValueUsageRow, window: _Window, now: Ms) -> ValueConcurrency:
    return ValueConcurrency(
        used.value, used.peak, rfc3339(used.peak_at), window.average(used.participant_ms, now)
    )


def _concurrency_totals(total: Bucket, now: Ms) -> ConcurrencyTotals:
    return ConcurrencyTotals(
        total.max_participants, _optional_time(total.max_participants_at), total.avg_participants(now)
    )


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
