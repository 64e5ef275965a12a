"""Event bodies: from the bytes of a request to entries of the log.

They are read strictly: an unknown field is refused, since a misspelt one would be lost in silence.
A batch is taken whole or not at all. What an event means is not known here.
"""

from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Final

import msgspec

from headcount.http.errors import ApiError, invalid, not_json
from headcount.ingest.normalize import AHEAD_MS
from headcount.kernel.events import Ms
from headcount.limits import NAME_BYTES, Limits, excess
from headcount.sources.event_body import EventBody
from headcount.store.dedup import key_of, key_of_event, key_of_id
from headcount.store.records import SNAPSHOT, LogEntry
from headcount.timestamps import EARLIEST, UnreadableMoment, moment, spoken

_KINDS: Final = {"join": 1, "leave": 2, "end": 3}
_LEAVE: Final = 2
_END: Final = 3
_SECONDS_LATEST: Final = 4_102_444_800


class Present(msgspec.Struct, forbid_unknown_fields=True):
    """One of those who are in a room now."""

    participant_id: str
    user_id: str | None = None
    user_name: str | None = None


class SnapshotBody(msgspec.Struct, forbid_unknown_fields=True):
    """Who is in a room at `at`."""

    participants: list[Present]
    at: int | float | str | None = None


_EVENTS: Final = msgspec.json.Decoder(EventBody | list[EventBody])
_EVENT: Final = msgspec.json.Decoder(EventBody)
_SNAPSHOT: Final = msgspec.json.Decoder(SnapshotBody)
_JSON: Final = msgspec.json.Encoder()


class Reader:
    """Reads one request's body. Raises `ApiError` that names the event, the field and the mend.

    `now` is when happened what says no time; `received` is our own time, which orders.
    """

    def __init__(self, domain: str, now: Ms, received: Ms, limits: Limits) -> None:
        self._domain = domain
        self._now = now
        self._received = received
        self._limits = limits
        self._surely_fits = min(limits.name_length, NAME_BYTES // 4)  # no character has more than four bytes

    def events(self, body: bytes) -> list[LogEntry]:
        try:
            found = _EVENTS.decode(body)
        except msgspec.ValidationError as error:
            raise invalid(_readable(str(error))) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise not_json(
                f"the body is not JSON: {error}; for one event a line, send application/x-ndjson"
            ) from error
        if not isinstance(found, list):
            return [self._entry(found, "")]
        self._check_number(len(found))
        return [self._entry(event, f"events[{n}]: ") for n, event in enumerate(found)]

    def lines(self, body: bytes) -> list[LogEntry]:
        lines = body.split(b"\n")
        self._check_number(len(lines) - 1)
        return list(self._from_lines(lines))

    def _from_lines(self, lines: Sequence[bytes]) -> Iterator[LogEntry]:
        for number, line in enumerate(lines, 1):
            if not line or line.isspace():
                continue
            where = f"line {number}: "
            try:
                yield self._entry(_EVENT.decode(line), where)
            except msgspec.ValidationError as error:
                raise invalid(where + _readable(str(error))) from error
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise not_json(f"{where}not JSON: {error}") from error

    def snapshot(self, room: str, body: bytes) -> tuple[LogEntry, int]:
        """Return the entry of a list of those present, and how many events it counts as: one a participant."""
        try:
            found = _SNAPSHOT.decode(body)
        except msgspec.ValidationError as error:
            raise invalid(_readable(str(error))) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise not_json(f"the body is not JSON: {error}") from error
        self._check_number(len(found.participants))
        self._check_name("", "room", room)
        for n, one in enumerate(found.participants):
            where = f"participants[{n}]: "
            self._check_name(where, "participant_id", one.participant_id)
            self._check_names(where, user_id=one.user_id, user_name=one.user_name)
        at = self._time("", "at", found.at)
        listed = _JSON.encode(found.participants).decode()
        key = key_of("snapshot", room, str(at), listed)
        entry = LogEntry(
            domain=self._domain,
            room=room,
            kind=SNAPSHOT,
            at=at,
            received=self._received,
            participant_id=None,
            user_id=None,
            user_name=None,
            source_session=None,
            joined_at=None,
            inferred=None,
            event_id=None,
            key=key,
            listed=listed,
        )
        return entry, max(1, len(found.participants))

    def _entry(self, event: EventBody, where: str) -> LogEntry:
        kind = _KINDS.get(event.kind)
        if kind is None:
            raise invalid(f'{where}"kind" must be one of [join, leave, end] [Received "{event.kind[:50]}"]')
        room, who = event.room, event.participant_id
        self._check_name(where, "room", room)
        if kind == _END:
            if who is not None:
                raise invalid(
                    f'{where}"participant_id" is not allowed: an end is about the whole room; send a leave instead'
                )
        elif who is None:
            raise invalid(f'{where}"participant_id" is required for a {event.kind}')
        else:
            self._check_name(where, "participant_id", who)
        self._check_names(
            where, user_id=event.user_id, user_name=event.user_name,
            source_session=event.source_session, id=event.id,
        )  # fmt: skip
        at = self._time(where, "at", event.at)
        joined_at = None
        if event.joined_at is not None:
            joined_at = self._joined_at(where, kind, at, event.joined_at)
        return LogEntry(
            self._domain, room, kind, at, self._received, who, event.user_id or None, event.user_name or None,
            event.source_session or None, joined_at, None, event.id or None, _key(event, at, joined_at),
        )  # fmt: skip

    def _joined_at(self, where: str, kind: int, at: Ms, value: float | str) -> Ms:
        if kind != _LEAVE:
            raise invalid(f'{where}"joined_at" is not allowed: it belongs to a leave')
        joined_at = self._time(where, "joined_at", value)
        if joined_at > at:
            raise invalid(f'{where}"joined_at" must not be after "at"')
        return joined_at

    def _time(self, where: str, field: str, value: float | str | None) -> Ms:
        if value is None:
            return min(self._now, self._received)  # a clock that has just jumped ahead may be wrong
        if isinstance(value, str):
            at = _from_text(where, field, value)
        elif abs(value) > _SECONDS_LATEST:
            hint = ": it looks like milliseconds" if value > _SECONDS_LATEST else ""
            raise invalid(f'{where}"{field}" must be seconds since 1970{hint} [Received {value}]')
        else:
            at = round(value * 1_000)
        if at < EARLIEST:
            raise invalid(f'{where}"{field}" must not be before the year 2000 [Received {spoken(at)}]')
        if at > self._now + AHEAD_MS:
            raise invalid(
                f'{where}"{field}" is more than 5 minutes ahead of our clock, {spoken(self._now)}'
                f" [Received {spoken(at)}]: set the source's clock right"
            )
        return at

    def _check_number(self, number: int) -> None:
        if number > self._limits.events:
            raise ApiError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "request-too-large",
                f"{number:,} in one request: send at most {self._limits.events:,} at once",
            )

    def _check_names(self, where: str, **names: str | None) -> None:
        for field, name in names.items():
            if name:
                self._check_name(where, field, name)

    def _check_name(self, where: str, field: str, name: str) -> None:
        if 0 < len(name) <= self._surely_fits and "\0" not in name:
            return
        if not name:
            raise invalid(f'{where}"{field}" is not allowed to be empty')
        if "\0" in name:
            raise invalid(f'{where}"{field}" must not contain U+0000')
        wrong = excess(name, self._limits.name_length)
        if wrong is not None:
            raise invalid(f'{where}"{field}" {wrong}')


def _from_text(where: str, field: str, text: str) -> Ms:
    if text.lstrip("+-").isdigit():
        raise invalid(f'{where}"{field}" must be a number of seconds, without quotes, or RFC 3339 text')
    try:
        return moment(text)
    except UnreadableMoment as error:
        told = str(error).replace("or whole milliseconds since 1970", "or seconds since 1970 as a number")
        raise invalid(f'{where}"{field}" {told} [Received "{text[:50]}"]') from error


def _key(event: EventBody, at: Ms, joined_at: Ms | None) -> bytes:
    if event.id:
        return key_of_id(event.id)
    return key_of_event(
        event.kind, event.room, event.participant_id, at,
        event.user_id, event.user_name, event.source_session, joined_at,
    )  # fmt: skip


def _readable(error: str) -> str:
    """What msgspec says of a path, in the words of the API: `"room" is required`, at `events[3]`."""
    told, _, path = error.partition(" - at `$")
    path = path.rstrip("`")
    where = f"events{path}" if path.startswith("[") else path.lstrip(".")
    prefix = f"{where}: " if where else ""
    if told.startswith("Object contains unknown field"):
        known = ", ".join(field.name for field in msgspec.structs.fields(EventBody))
        return f'{prefix}"{_quoted(told)}" is not allowed; an event has {known}'
    if told.startswith("Object missing required field"):
        return f'{prefix}"{_quoted(told)}" is required'
    return f"{prefix}{told[:1].lower()}{told[1:]}"


def _quoted(told: str) -> str:
    return told.partition("`")[2].partition("`")[0]
