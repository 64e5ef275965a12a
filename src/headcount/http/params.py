"""Params: what may be asked for in a URL. Each is described once, for reading it and for the API's document.

Unknown parameters are ignored, as clients of Daily expect. What cannot be understood is refused
with a sentence that says so; nothing is guessed.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, Generic, TypeVar

from starlette.datastructures import QueryParams

from headcount.http.errors import ApiError, invalid
from headcount.kernel.events import Ms
from headcount.store.outbox import MessageType
from headcount.timestamps import UnreadableMoment, moment

MOST_AT_ONCE: Final = 100
"""A page holds at most so many."""
OLDEST: Final = "OLDEST"
"""The cursor that stands for the end of the list."""

_FURTHEST: Final = 10**12
"""No second is further from 1970 than this as far as any question goes."""
_FIRST_MS: Final[Ms] = -62_135_596_800_000  # the year 1
_LAST_MS: Final[Ms] = (
    253_402_300_799_999  # the end of the year 9999: no time beyond can be written in an answer
)
_WHOLE: Final = re.compile(r"-?\d{1,400}", re.ASCII)
_NUMBER: Final = re.compile(r"-?\d{1,15}(\.\d{1,30})?", re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_LOST_PLUS: Final = re.compile(r"(\d\d:\d\d(?::\d\d(?:\.\d+)?)?) (\d\d:?\d\d)", re.ASCII)
_BOOLEANS: Final = {"true": True, "True": True, "1": True, "false": False, "False": False, "0": False}

_PLACE: Final = re.compile(r"0|[A-Za-z0-9_-]{22}", re.ASCII)
_MESSAGE_TYPES: Final = tuple(str(one) for one in MessageType)

T = TypeVar("T")
D = TypeVar("D")


@dataclass(frozen=True, slots=True)
class Param(Generic[T, D]):
    """One parameter: its name, what it is for, its JSON schema, how its text is read, what holds without it."""

    name: str
    says: str
    schema: dict[str, Any]
    read: Callable[[str, str], T]
    default: D
    example: Any = None

    def of(self, query: Mapping[str, str]) -> T | D:
        """What `query` says. Raises `ApiError` 400 where it makes no sense."""
        text = query.get(self.name)
        return self.default if text is None else self.read(self.name, text)

    def all_of(self, query: QueryParams) -> list[T]:
        """What `query` says, however often. Raises as `of` does."""
        return [self.read(self.name, text) for text in query.getlist(self.name)]


def _refused(name: str, must: str, text: str) -> ApiError:
    return invalid(f'"{name}" must be {must} [Received {name}="{text[:50]}"]')


def _whole(name: str, text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise _refused(name, "an integer", text)
    return max(-_FURTHEST, min(int(text), _FURTHEST))


def _natural(name: str, text: str) -> int:
    number = _whole(name, text)
    if number < 0:
        raise _refused(name, "greater than or equal to 0", text)
    return number


def _page_size(name: str, text: str) -> int:
    return min(_some(name, text), MOST_AT_ONCE)


def _some(name: str, text: str) -> int:
    number = _whole(name, text)
    if number < 1:
        raise _refused(name, "greater than or equal to 1", text)
    return number


def _boolean(name: str, text: str) -> bool:
    found = _BOOLEANS.get(text)
    if found is None:
        raise _refused(name, "a boolean: true or false", text)
    return found


def _text(name: str, text: str) -> str:
    if not text:
        raise invalid(f'"{name}" is not allowed to be empty: leave it out to ask without it')
    if "\0" in text:
        raise invalid(f'"{name}" must not contain U+0000')
    return text


def _texts(name: str, text: str) -> list[str]:
    """Several, with commas between them."""
    return [_text(name, one) for one in text.split(",")]


def _part(name: str, text: str) -> Fraction:
    if not _NUMBER.fullmatch(text) or not 0 <= Fraction(text) <= 1:
        raise _refused(name, "a number from 0 to 1", text)
    return Fraction(text)


def _types(name: str, text: str) -> list[str]:
    types = text.split(",")
    for one in types:
        if one not in _MESSAGE_TYPES:
            raise _refused(name, f"some of [{', '.join(_MESSAGE_TYPES)}]", text)
    return types


def _place(name: str, text: str) -> str:
    if not _PLACE.fullmatch(text):
        raise _refused(name, "the id of an event of this stream", text)
    return text


def _one_of(*words: str) -> Callable[[str, str], str]:
    def read(name: str, text: str) -> str:
        if text not in words:
            raise _refused(name, f"one of [{', '.join(words)}]", text)
        return text

    return read


def _zone(name: str, text: str) -> str:
    """The name of a zone; an offset's plus sign that was not encoded arrives as a space."""
    return _text(name, f"+{text[1:]}" if text.startswith(" ") else text)


def _day_or_moment(name: str, text: str) -> date | Ms:
    """A day of the zone that is asked for, or a moment."""
    if not _DAY.fullmatch(text):
        return _moment(name, text)
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise _refused(name, "a day that there is", text) from error


def _order(name: str, text: str) -> str:
    if text.lower() not in ("asc", "desc"):
        raise _refused(name, "one of [asc, desc]", text)
    return text.lower()


def _moment(name: str, text: str) -> Ms:
    """Unix seconds, perhaps with a fraction, or RFC 3339. What is finer than a millisecond is cut off."""
    if _NUMBER.fullmatch(text):
        return _within_calendar(int(Decimal(text) * 1_000))
    # An offset's plus sign that was not encoded arrives as a space.
    whole = _LOST_PLUS.sub(r"\1+\2", text)
    try:
        return _within_calendar(moment(whole))
    except UnreadableMoment as error:
        told = str(error).replace("or whole milliseconds since 1970", "or unix seconds")
        raise invalid(f'"{name}" {told} [Received {name}="{text[:50]}"]') from error


def _within_calendar(at: Ms) -> Ms:
    return max(_FIRST_MS, min(at, _LAST_MS))


_BOOLEAN_SCHEMA: Final = {
    "anyOf": [{"type": "boolean"}, {"type": "string", "enum": ["True", "False"]}, {"enum": ["1", "0", 1, 0]}]
}
_TEXT_SCHEMA: Final = {"type": "string", "minLength": 1}
_MOMENT_SCHEMA: Final = {"anyOf": [{"type": "number"}, {"type": "string", "format": "date-time"}]}
_SOME_SCHEMA: Final = {"type": "integer", "minimum": 1}
_NATURAL_SCHEMA: Final = {"type": "integer", "minimum": 0}
_PAGE_SCHEMA: Final = {"type": "integer", "minimum": 1, "default": MOST_AT_ONCE}

LIMIT: Final = Param(
    "limit",
    f"How many to answer with at most. More than {MOST_AT_ONCE} is taken as {MOST_AT_ONCE}.",
    _PAGE_SCHEMA,
    _page_size,
    MOST_AT_ONCE,
    20,
)
ROOM: Final = Param("room", "Only meetings of the room with this name.", _TEXT_SCHEMA, _text, None)
TIMEFRAME_START: Final = Param(
    "timeframe_start",
    "Only meetings that began at this unix second or later.",
    {"type": "integer"},
    _whole,
    None,
)
TIMEFRAME_END: Final = Param(
    "timeframe_end", "Only meetings that began before this unix second.", {"type": "integer"}, _whole, None
)
STARTING_AFTER: Final = Param(
    "starting_after",
    "The id of a meeting: the page begins with the one after it in the list.",
    _TEXT_SCHEMA,
    _text,
    None,
)
ENDING_BEFORE: Final = Param(
    "ending_before",
    "The id of a meeting: the page ends with the one before it in the list."
    f" `{OLDEST}` asks for the page with the oldest meetings.",
    _TEXT_SCHEMA,
    _text,
    None,
)
ONGOING: Final = Param(
    "ongoing",
    "`true`: only meetings that somebody is in now; `false`: only those that are over.",
    _BOOLEAN_SCHEMA,
    _boolean,
    None,
)
NO_PARTICIPANTS: Final = Param(
    "no_participants",
    "`true` leaves `participants` out of every meeting.",
    {**_BOOLEAN_SCHEMA, "default": False},
    _boolean,
    False,
)
USER_ID: Final = Param(
    "user_id",
    "Only meetings that this user took part in. Not in Daily's API.",
    _TEXT_SCHEMA,
    _text,
    None,
)
MIN_PARTICIPANTS: Final = Param(
    "min_participants",
    "Only meetings in which at least so many were at once (`max_participants`). Not in Daily's API.",
    _NATURAL_SCHEMA,
    _natural,
    None,
)
MIN_DURATION: Final = Param(
    "min_duration",
    "Only meetings of at least so many seconds (`duration`). Not in Daily's API.",
    _NATURAL_SCHEMA,
    _natural,
    None,
)
OVERLAPS_START: Final = Param(
    "overlaps_start",
    "Only meetings that were still going on after this unix second. With `overlaps_end`: those that ran"
    " in a window, not only began in it. Not in Daily's API.",
    {"type": "integer"},
    _whole,
    None,
)
OVERLAPS_END: Final = Param(
    "overlaps_end",
    "Only meetings that had begun before this unix second. Not in Daily's API.",
    {"type": "integer"},
    _whole,
    None,
)
ORDER: Final = Param(
    "order",
    "`asc` lists the oldest first. Not in Daily's API.",
    {"type": "string", "enum": ["asc", "desc"], "default": "desc"},
    _order,
    "desc",
)
JOINED_AFTER: Final = Param(
    "joined_after",
    "A `participant_id` of this meeting: only those who joined after that one.",
    _TEXT_SCHEMA,
    _text,
    None,
)
JOINED_BEFORE: Final = Param(
    "joined_before",
    "A `participant_id` of this meeting: only those who joined before that one, and of them the nearest.",
    _TEXT_SCHEMA,
    _text,
    None,
)
PRESENT_LIMIT: Final = Param(
    "limit", "How many to answer with at most. Without it: everybody.", _SOME_SCHEMA, _some, None
)
PRESENT_USER_ID: Final = Param("userId", "Only those with this user id.", _TEXT_SCHEMA, _text, None)
PRESENT_USER_NAME: Final = Param("userName", "Only those with this name.", _TEXT_SCHEMA, _text, None)
TIME: Final = Param(
    "time",
    "The moment that is asked about: unix seconds, perhaps with a fraction, or RFC 3339. Without it: now.",
    _MOMENT_SCHEMA,
    _moment,
    None,
)
FROM: Final = Param(
    "from", "The beginning of a time, instead of `time`; as `time` is written.", _MOMENT_SCHEMA, _moment, None
)
TO: Final = Param(
    "to",
    "The end of the time that begins at `from`, itself not in it. Without it: now.",
    _MOMENT_SCHEMA,
    _moment,
    None,
)
EXPECTED: Final = Param(
    "expected",
    "The ids of users who were expected, with commas between them, or by several `expected=`. An id that holds a comma,"
    " and long rosters, are sent as a body with POST.",
    {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
    _texts,
    None,
)
STARTS_AT: Final = Param(
    "starts_at",
    "When the meeting was to begin: unix seconds, perhaps with a fraction, or RFC 3339. Without it: when it began.",
    _MOMENT_SCHEMA,
    _moment,
    None,
)
ENDS_AT: Final = Param(
    "ends_at",
    "When the meeting was to end, as `starts_at` is written. Without it: when it ended.",
    _MOMENT_SCHEMA,
    _moment,
    None,
)
THRESHOLD: Final = Param(
    "threshold",
    "Which part of the scheduled time, from 0 to 1, somebody must have been there not to be `partial`.",
    {"type": "number", "minimum": 0, "maximum": 1, "default": 0.5},
    _part,
    Fraction(1, 2),
)
LATE_AFTER: Final = Param(
    "late_after",
    "Who came more than so many seconds after the start is `late`.",
    {**_NATURAL_SCHEMA, "default": 300},
    _natural,
    300,
)
EARLY_BEFORE: Final = Param(
    "early_before",
    "Who left more than so many seconds before the end has `left_early`.",
    {**_NATURAL_SCHEMA, "default": 300},
    _natural,
    300,
)

_DAY_SCHEMA: Final = {"anyOf": [*_MOMENT_SCHEMA["anyOf"], {"type": "string", "format": "date"}]}
USAGE_FROM: Final = Param(
    "from",
    "Where it begins: a day of the zone, unix seconds, or RFC 3339. It is required; the bucket that it falls into"
    " counts as a whole.",
    _DAY_SCHEMA,
    _day_or_moment,
    None,
)
USAGE_TO: Final = Param(
    "to",
    "Where it ends, written as `from`; a day is not in it. Without it: now. The bucket that it falls into counts as"
    " a whole.",
    _DAY_SCHEMA,
    _day_or_moment,
    None,
)
USAGE_GROUP: Final = Param(
    "group",
    "What is told together.",
    {"type": "string", "enum": ["day", "hour", "month", "room", "total"], "default": "day"},
    _one_of("day", "hour", "month", "room", "total"),
    "day",
)
CONCURRENCY_GROUP: Final = Param(
    "group",
    "What is told together.",
    {"type": "string", "enum": ["hour", "day"], "default": "hour"},
    _one_of("hour", "day"),
    "hour",
)
TIMEZONE: Final = Param(
    "timezone",
    "The zone whose hours, days and months are meant: a name of the IANA database, like `Europe/Berlin`, or an offset.",
    {**_TEXT_SCHEMA, "default": "UTC"},
    _zone,
    "UTC",
)
USAGE_ROOM: Final = Param("room", "Only the room with this name.", _TEXT_SCHEMA, _text, None)

STREAM_ROOM: Final = Param(
    "room",
    "Only of the room with this name; several rooms by several `room=`.",
    {"type": "array", "items": {"type": "string", "minLength": 1}},
    _text,
    None,
)
STREAM_TYPES: Final = Param(
    "types",
    "Only events of these types, with commas between them.",
    {"type": "array", "minItems": 1, "items": {"type": "string", "enum": list(_MESSAGE_TYPES)}},
    _types,
    None,
)
LAST_EVENT_ID: Final = Param(
    "last_event_id",
    "The id of the last event that was received: the stream goes on after it. The header `Last-Event-ID`, which"
    " browsers send when they come back by themselves, goes before it. Without both the stream begins now.",
    {"type": "string", "pattern": "^(0|[A-Za-z0-9_-]{22})$"},
    _place,
    None,
)
STREAM_TOKEN: Final = Param(
    "token",
    "An API key, for browsers' `EventSource`, which cannot send the header `Authorization`.",
    _TEXT_SCHEMA,
    _text,
    None,
)

STREAM: Final[tuple[Param[Any, Any], ...]] = (STREAM_ROOM, STREAM_TYPES, LAST_EVENT_ID, STREAM_TOKEN)
MEETINGS: Final[tuple[Param[Any, Any], ...]] = (
    ROOM,
    TIMEFRAME_START,
    TIMEFRAME_END,
    LIMIT,
    STARTING_AFTER,
    ENDING_BEFORE,
    ONGOING,
    NO_PARTICIPANTS,
    USER_ID,
    MIN_PARTICIPANTS,
    MIN_DURATION,
    OVERLAPS_START,
    OVERLAPS_END,
    ORDER,
)
USER_MEETINGS: Final[tuple[Param[Any, Any], ...]] = tuple(one for one in MEETINGS if one is not USER_ID)
PARTICIPANTS: Final[tuple[Param[Any, Any], ...]] = (LIMIT, JOINED_AFTER, JOINED_BEFORE)
ATTENDANCE: Final[tuple[Param[Any, Any], ...]] = (
    EXPECTED,
    STARTS_AT,
    ENDS_AT,
    THRESHOLD,
    LATE_AFTER,
    EARLY_BEFORE,
)
USAGE: Final[tuple[Param[Any, Any], ...]] = (USAGE_FROM, USAGE_TO, USAGE_GROUP, TIMEZONE, USAGE_ROOM)
CONCURRENCY: Final[tuple[Param[Any, Any], ...]] = (
    USAGE_FROM,
    USAGE_TO,
    CONCURRENCY_GROUP,
    TIMEZONE,
    USAGE_ROOM,
)
ROOM_PRESENCE: Final[tuple[Param[Any, Any], ...]] = (PRESENT_LIMIT, PRESENT_USER_ID, PRESENT_USER_NAME)
ROOM_AT: Final[tuple[Param[Any, Any], ...]] = (TIME, FROM, TO)
