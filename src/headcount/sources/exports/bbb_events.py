"""BigBlueButton: the `events.xml` of a recording.

Everything that was recorded is in it; comings and goings are few among it. What is peculiar:

* Each event says when it was by a clock that started with the server, and in newer recordings by the time of day as
  well. Where that is missing, the first event was when the meeting was created, which its id ends with.
* Whoever leaves the audio is told with the same word as whoever leaves the meeting; the module says which is meant.
* Nobody leaves at the end: whoever is still in leaves as the meeting ends. If that was not recorded either, they
  were in for as long as anything was.
* Whoever has no account is known by their connection: then the external id is the internal one, and no user.
* Who joins by telephone alone has an internal id that begins with v_.
"""

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from headcount.errors import BadInput
from headcount.kernel.events import Event, InvalidEvent, Kind, Ms
from headcount.sources import fields
from headcount.sources.api import ParsedEvent, Role
from headcount.sources.exports.api import ErrorCallback, ExportFile, ExportFormat, ExportOptions
from headcount.sources.exports.stays import room_end

_CREATED: Final = re.compile(r".+-(\d{13})", re.ASCII)
_KINDS: Final = {"ParticipantJoinEvent": Kind.JOIN, "ParticipantLeftEvent": Kind.LEAVE}
_PEOPLE: Final = "PARTICIPANT"
_ENDED: Final = "EndAndKickAllEvent"
_TELEPHONE: Final = "v_"


def parse(file: ExportFile, options: ExportOptions, on_error: ErrorCallback) -> Iterator[ParsedEvent]:
    """Who came and went in a recording."""
    recording = _Recording(options.room)
    for number, event in enumerate(_events(file.content, recording), start=1):
        try:
            heard = recording.heard(event)
        except (BadInput, InvalidEvent) as error:
            on_error(BadInput(str(error), where=file.name, place=f"event {number}"))
        else:
            yield from heard
    yield from recording.end()


def _events(raw: bytes, recording: "_Recording") -> Iterator[Element]:
    """The events of a recording, each thrown away behind us; what is said of the meeting comes before them."""
    try:
        elements = iterparse(BytesIO(raw), events=("start", "end"), forbid_dtd=True)
        _, root = next(elements)
        if root.tag != "recording":
            raise BadInput(f"is no events.xml of BigBlueButton: it begins with <{root.tag}>, not <recording>")
        recording.note(root)
        for step, element in elements:
            if step == "start":
                recording.note(element)
            elif element.tag == "event":
                recording.begin(element)
                yield element
                root.clear()
    except DefusedXmlException as error:
        raise BadInput(
            "declares a document type, which no recording does: it may do harm, and is not read"
        ) from error
    except (ParseError, LookupError, ValueError) as error:  # the latter two are of encodings
        raise BadInput(f"is no whole XML: {error}") from error


class _Recording:
    """What a recording has said of its meeting as yet."""

    def __init__(self, room: str) -> None:
        self._room = room
        self._id = ""
        self._first: Ms | None = None
        self._last: Ms | None = None
        self._has_ended = False

    def note(self, element: Element) -> None:
        """What is said of the meeting before its events."""
        if element.tag == "recording":
            self._id = element.get("meeting_id", "")
        elif element.tag == "meeting":
            self._id = element.get("id", self._id)
            self._room = self._room or element.get("externalId", "")
        elif element.tag == "metadata":
            self._room = self._room or element.get("meetingId", "")

    def begin(self, event: Element) -> None:
        """Look at the first event. Raises `BadInput` if no event can be read, as something is missing from all."""
        if self._first is not None:
            return
        self._first = _whole(event.get("timestamp"), "timestamp of the first event")
        if not self._room:
            raise BadInput("does not say which room it was: say it with --room NAME")
        if not event.findtext("timestampUTC") and not _CREATED.fullmatch(self._id):
            raise BadInput(
                "has no timestampUTC, and the meeting's id does not end with the time at which it was created"
            )

    def heard(self, event: Element) -> list[ParsedEvent]:
        """What an event says of who is in; of most, that is nothing."""
        at = self._time(event)
        self._last = at if self._last is None else max(self._last, at)
        name = event.get("eventname", "")
        if name == _ENDED and not self._has_ended:
            self._has_ended = True
            return [room_end(self._room, self._id, at, is_inferred=False)]
        kind = _KINDS.get(name) if event.get("module") == _PEOPLE else None
        return [] if kind is None else [self._came_or_went(kind, at, event)]

    def end(self) -> list[ParsedEvent]:
        """What is to be said when all events were heard."""
        if self._has_ended or self._last is None:
            return []
        return [room_end(self._room, self._id, self._last, is_inferred=True)]

    def _came_or_went(self, kind: Kind, at: Ms, event: Element) -> ParsedEvent:
        user, external = event.findtext("userId", ""), event.findtext("externalUserId", "")
        told = Event(
            kind,
            self._room,
            at,
            user,
            external if external != user else None,
            fields.user_name(event.findtext("name")),
            self._id,
        )
        return ParsedEvent(told, Role.PHONE if user.startswith(_TELEPHONE) else Role.PERSON)

    def _time(self, event: Element) -> Ms:
        """When it was, by the time of day or by the server's clock."""
        told = event.findtext("timestampUTC")
        if told:
            return fields.valid_ms(_whole(told, "timestampUTC"), "timestampUTC")
        created = _CREATED.fullmatch(self._id)
        if created is None or self._first is None:
            raise BadInput("has no timestampUTC")
        clock = _whole(event.get("timestamp"), "timestamp")
        return fields.valid_ms(int(created[1]) + clock - self._first, "timestamp")


def _whole(text: str | None, field: str) -> int:
    if text is None or not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise BadInput(f"{field} is no number of milliseconds: {(text or '')[:40]!r}")
    return int(text)


FORMAT: Final = ExportFormat("bbb-events", parse, is_one_meeting=True)
