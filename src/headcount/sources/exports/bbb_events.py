"""BigBlueButton: the `events.xml` of a recording.

It has everything that was recorded; joins and leaves are a small part of it.

* Each event has a time by a clock that started with the server, and in newer recordings the time of day as
  well. Where that is missing, the first event is at the creation of the meeting, with which its id ends. In the oldest
  recordings, of 2011, the clock is the time of day.
* Leaving the audio and leaving the meeting have the same event name; the module distinguishes them.
* Participants who are present at the end have no leave: the end of the meeting ends their stays. If that was not recorded
  either, they were present until the last event.
* A participant without an account is identified by their connection: then the external id equals the internal one, and
  there is no user.
* A participant who joins by telephone only has an internal id that starts with v_.
"""

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from headcount.errors import BadInput
from headcount.kernel.events import Event, Inferred, InvalidEvent, Kind, Ms
from headcount.sources import fields
from headcount.sources.api import ParsedEvent, Role, room_end
from headcount.sources.exports.api import ErrorCallback, ExportFile, ExportFormat, ExportOptions
from headcount.timestamps import EARLIEST

_ID_WITH_CREATION: Final = re.compile(r".+-(\d{13})", re.ASCII)
_KINDS: Final = {"ParticipantJoinEvent": Kind.JOIN, "ParticipantLeftEvent": Kind.LEAVE}
_PARTICIPANT_MODULE: Final = "PARTICIPANT"
_END_EVENT: Final = "EndAndKickAllEvent"
_PHONE_PREFIX: Final = "v_"


def parse(file: ExportFile, options: ExportOptions, on_error: ErrorCallback) -> Iterator[ParsedEvent]:
    """Return the joins, leaves and the end of a recording."""
    recording = _Recording(options.room)
    for number, event in enumerate(_events(file.content, recording), start=1):
        try:
            events = recording.parse(event)
        except (BadInput, InvalidEvent) as error:
            on_error(BadInput(str(error), where=file.name, place=f"event {number}"))
        else:
            yield from events
    yield from recording.end()


def _events(raw: bytes, recording: "_Recording") -> Iterator[Element]:
    """Return the events of a recording, each freed after use. The elements about the meeting precede them."""
    try:
        elements = iterparse(BytesIO(raw), events=("start", "end"), forbid_dtd=True)
        _, root = next(elements)
        if root.tag != "recording":
            raise BadInput(
                f"not an events.xml of BigBlueButton: it begins with <{root.tag}>, not <recording>"
            )
        recording.read_meeting(root)
        for step, element in elements:
            if step == "start":
                recording.read_meeting(element)
            elif element.tag == "event":
                recording.check_first(element)
                yield element
                root.clear()
    except DefusedXmlException as error:
        raise BadInput(
            "declares a document type, which no recording does: it is refused, because it may be harmful"
        ) from error
    except (ParseError, LookupError, ValueError) as error:  # the latter two come from encodings
        raise BadInput(f"not complete XML: {error}") from error


class _Recording:
    """Meeting of a recording, as far as its elements have been read."""

    def __init__(self, room: str) -> None:
        self._room = room
        self._id = ""
        self._first: Ms | None = None
        self._last: Ms | None = None
        self._last_join: Ms = 0
        self._end: Ms | None = None

    def read_meeting(self, element: Element) -> None:
        """Read the ids of the meeting, which precede its events."""
        if element.tag == "recording":
            self._id = element.get("meeting_id", "")
        elif element.tag == "meeting":
            self._id = element.get("id", self._id)
            self._room = self._room or element.get("externalId", "")
        elif element.tag == "metadata":
            self._room = self._room or element.get("meetingId", "")

    def check_first(self, event: Element) -> None:
        """Read the first event. Raise `BadInput` if it lacks something without which no event can be read."""
        if self._first is not None:
            return
        self._first = _parse_ms(event.get("timestamp"), "timestamp of the first event")
        if not self._room:
            raise BadInput("contains no room name: add --room NAME")
        if not (
            event.findtext("timestampUTC") or self._has_epoch_times() or _ID_WITH_CREATION.fullmatch(self._id)
        ):
            raise BadInput(
                "has no time of day: events have no timestampUTC, their timestamps count from the start of the server, and"
                " the meeting's id does not end with the time at which it was created"
            )

    def _has_epoch_times(self) -> bool:
        """Return whether timestamps are ms since 1970. No server runs for 30 years."""
        return self._first is not None and self._first >= EARLIEST

    def parse(self, event: Element) -> list[ParsedEvent]:
        """Return the events of one element; most elements have none."""
        at = self._event_time(event)
        self._last = at if self._last is None else max(self._last, at)
        name = event.get("eventname", "")
        if name == _END_EVENT and self._end is None:
            self._end = at
            return [room_end(self._room, at, self._id)]
        kind = _KINDS.get(name) if event.get("module") == _PARTICIPANT_MODULE else None
        if kind is Kind.JOIN:
            self._last_join = max(self._last_join, at)
        return [] if kind is None else [self._participant_event(kind, at, event)]

    def end(self) -> list[ParsedEvent]:
        """Return the inferred end if none was recorded after the last join. Called after the last event.

        The end is strictly after that join, because at the same instant it would precede it (R1).
        """
        if self._last is None or (self._end is not None and self._end > self._last_join):
            return []
        at = max(self._last, self._last_join + 1)
        return [room_end(self._room, at, self._id, inferred=Inferred.TIMEOUT)]

    def _participant_event(self, kind: Kind, at: Ms, event: Element) -> ParsedEvent:
        user, external = event.findtext("userId", ""), event.findtext("externalUserId", "")
        parsed = Event(
            kind,
            self._room,
            at,
            user,
            external if external != user else None,
            fields.user_name(event.findtext("name")),
            self._id,
            attributes=fields.attributes(role=fields.role(event.findtext("role"))),
        )
        return ParsedEvent(parsed, Role.PHONE if user.startswith(_PHONE_PREFIX) else Role.PERSON)

    def _event_time(self, event: Element) -> Ms:
        """Return the time of an event, by the time of day or by the server's clock."""
        text = event.findtext("timestampUTC")
        if text:
            return fields.valid_ms(_parse_ms(text, "timestampUTC"), "timestampUTC")
        clock = _parse_ms(event.get("timestamp"), "timestamp")
        if self._has_epoch_times():
            return fields.valid_ms(clock, "timestamp")
        created = _ID_WITH_CREATION.fullmatch(self._id)
        if created is None or self._first is None:
            raise BadInput("has no timestampUTC")
        return fields.valid_ms(int(created[1]) + clock - self._first, "timestamp")


def _parse_ms(text: str | None, field: str) -> int:
    if text is None or not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise BadInput(f"{field} is not a number of milliseconds: {(text or '')[:40]!r}")
    return int(text)


FORMAT: Final = ExportFormat("bbb-events", parse, is_one_meeting=True)
