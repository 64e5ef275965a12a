"""JSON event reader: request bodies with events or with a snapshot, as log entries.

Responsible for limits and times of what is sent, and for all or nothing: the first error refuses the whole body. Must not
know HTTP, keys, or what an event means. The format of an event is that of `sources/event_format`.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from headcount.errors import BadInput, MalformedJson
from headcount.kernel.events import Ms
from headcount.kernel.names import NUL
from headcount.limits import NAME_BYTES, Limits, length_problem, require_events, time_problem, truncate
from headcount.sources.event_format import (
    ATTRIBUTES_SCHEMA,
    UNDECODABLE,
    EventBody,
    Timestamp,
    attributes_of,
    decode,
    decode_line,
    joined_after,
    shape_error,
    time_of,
    validate,
)
from headcount.store.dedup import log_entry, snapshot_entry
from headcount.store.records import UNKNOWN_PROVENANCE, LogEntry, Origin, Provenance

_LIVE = Origin.LIVE


class PresentParticipantBody(msgspec.Struct, forbid_unknown_fields=True):
    """A participant who is in a room now."""

    participant_id: Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": 512})]
    user_id: Annotated[str | None, Meta(extra_json_schema={"maxLength": 512})] = None
    user_name: str | None = None
    attributes: Annotated[msgspec.Raw, Meta(extra_json_schema=ATTRIBUTES_SCHEMA)] = msgspec.field(
        default_factory=msgspec.Raw
    )


class SnapshotBody(msgspec.Struct, forbid_unknown_fields=True):
    """The participants who are in a room."""

    participants: list[PresentParticipantBody]
    at: Annotated[Timestamp | None, Meta(description="Unix seconds or RFC 3339. Default: now.")] = None


_SNAPSHOT = msgspec.json.Decoder(SnapshotBody)
_JSON = msgspec.json.Encoder()


class EventReader:
    """Reader of one request's body. Raise `BadInput` that names the event, the field and the correction.

    `now` is the time by which senders are judged, `received` the service's own time, which orders entries.
    """

    def __init__(
        self, domain: str, now: Ms, received: Ms, limits: Limits, provenance: Provenance = UNKNOWN_PROVENANCE
    ) -> None:
        self._domain = domain
        self._now = now
        self._received = received
        self._default_at = min(now, received)  # a clock that has just jumped ahead may be wrong
        self._limits = limits
        self._provenance = provenance
        self._surely_fits = min(limits.name_length, NAME_BYTES // 4)  # no character has more than four bytes

    def events(self, body: bytes) -> list[LogEntry]:
        """Return the entries of one event or of an array."""
        found = decode(body)
        if not isinstance(found, list):
            return [self.entry(found, "")]
        require_events(len(found), self._limits)
        return [self.entry(event, f"events[{n}]") for n, event in enumerate(found)]

    def lines(self, body: bytes) -> list[LogEntry]:
        """Return the entries of NDJSON, one event a line."""
        lines = body.split(b"\n")
        require_events(len(lines) - 1, self._limits)
        return list(self._entries_of_lines(lines))

    def snapshot(self, room: str, body: bytes) -> tuple[LogEntry, int]:
        """Return the entry of a snapshot, and the number of events that it counts as: one a participant."""
        try:
            found = _SNAPSHOT.decode(body)
        except msgspec.ValidationError as error:
            raise shape_error(error) from error
        except UNDECODABLE as error:
            raise MalformedJson(f"the body is not JSON: {error}") from error
        return self.snapshot_entry(room, found)

    def snapshot_entry(self, room: str, found: SnapshotBody) -> tuple[LogEntry, int]:
        """Return what `snapshot` does, of a decoded snapshot."""
        require_events(len(found.participants), self._limits)
        self._require_name("room", room, "")
        for n, participant in enumerate(found.participants):
            self._check_participant(participant, f"participants[{n}]")
        at = self._default_at if found.at is None else time_of(found.at, "at", "")
        self._require_time("at", at, "")
        listed = _JSON.encode([_stored(one) for one in found.participants]).decode()
        entry = snapshot_entry(self._domain, self._received, room, at, listed, self._provenance)
        return entry, max(1, len(found.participants))

    def _entries_of_lines(self, lines: Sequence[bytes]) -> Iterator[LogEntry]:
        for number, line in enumerate(lines, 1):
            if line and not line.isspace():
                place = f"line {number}"
                yield self.entry(decode_line(line, place), place)

    def entry(self, event: EventBody, place: str = "") -> LogEntry:
        """Return the entry of a decoded event."""
        at, joined_at = validate(event, place)
        if at is None:
            at = self._default_at
            if joined_at is not None and joined_at > at:
                raise joined_after(place)
        else:
            self._require_time("at", at, place)
        if joined_at is not None:
            self._require_time("joined_at", joined_at, place)
        self._limit_texts(event, place)
        return log_entry(
            self._domain, self._received, _LIVE, event.kind, event.room, at, event.participant_id or None,
            event.user_id or None, event.user_name or None, event.source_session or None, joined_at, None, event.id or None,
            attributes_of(event.attributes, place, self._limits), self._provenance,
        )  # fmt: skip

    def _limit_texts(self, event: EventBody, place: str) -> None:
        """Cut a display name that is too long; raise `BadInput` for any other text."""
        fits = self._surely_fits
        if len(event.room) > fits:
            self._require_limit("room", event.room, place)
        if event.participant_id is not None and len(event.participant_id) > fits:
            self._require_limit("participant_id", event.participant_id, place)
        if event.user_id is not None and len(event.user_id) > fits:
            self._require_limit("user_id", event.user_id, place)
        if event.source_session is not None and len(event.source_session) > fits:
            self._require_limit("source_session", event.source_session, place)
        if event.id is not None and len(event.id) > fits:
            self._require_limit("id", event.id, place)
        if event.user_name is not None and len(event.user_name) > fits:
            event.user_name = truncate(event.user_name, self._limits.name_length)

    def _check_participant(self, participant: PresentParticipantBody, place: str) -> None:
        self._require_name("participant_id", participant.participant_id, place)
        if participant.user_id:
            self._require_name("user_id", participant.user_id, place)
        if participant.user_name:
            if NUL in participant.user_name:
                raise BadInput('"user_name" must not contain U+0000', place=place)
            participant.user_name = truncate(participant.user_name, self._limits.name_length)
        attributes = attributes_of(participant.attributes, place, self._limits)
        participant.attributes = msgspec.Raw((attributes or "").encode())

    def _require_name(self, field: str, text: str, place: str) -> None:
        if not text:
            raise BadInput(f'"{field}" is not allowed to be empty', place=place)
        if NUL in text:
            raise BadInput(f'"{field}" must not contain U+0000', place=place)
        self._require_limit(field, text, place)

    def _require_limit(self, field: str, text: str, place: str) -> None:
        problem = length_problem(text, self._limits.name_length)
        if problem is not None:
            raise BadInput(f'"{field}" {problem}', place=place)

    def _require_time(self, field: str, at: Ms, place: str) -> None:
        problem = time_problem(at, self._now)
        if problem is not None:
            raise BadInput(f'"{field}" {problem}', place=place)


def _stored(participant: PresentParticipantBody) -> dict[str, Any]:
    """Return a participant of a snapshot as the log has it."""
    stored: dict[str, Any] = {
        "participant_id": participant.participant_id,
        "user_id": participant.user_id,
        "user_name": participant.user_name,
    }
    if bytes(participant.attributes):
        stored["attributes"] = participant.attributes
    return stored
