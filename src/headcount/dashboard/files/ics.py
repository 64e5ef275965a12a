"""iCalendar files (RFC 5545): meetings as calendar events.

Responsible for escaping, line folding at 75 octets, and times in UTC and whole seconds, rounded down (rule 12). The UID of
an event is the meeting's id, so that an updated calendar has no meeting twice.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Final

from headcount.dashboard.sanitize import harmless, local
from headcount.kernel.events import Ms

_MAX_LINE_BYTES: Final = 75
_ESCAPED: Final = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})
_LINE_BREAKS: Final = re.compile("\r\n|[\r\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Appointment:
    """A meeting as a calendar event. `end` is None while it is ongoing: then the event has no end."""

    id: str
    room: str
    start: Ms
    end: Ms | None
    people: Sequence[str]


def as_ics(name: str, meetings: Iterable[Appointment], stamp: Ms) -> Iterator[bytes]:
    """Yield a calendar with this name, in chunks. `stamp` is the time when it was created."""
    yield _lines(
        [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "PRODID:-//Headcount//Meetings//EN",
            "CALSCALE:GREGORIAN",
            "METHOD:PUBLISH",
            f"X-WR-CALNAME:{_text(name)}",
        ]
    )
    for meeting in meetings:
        yield _lines(_event(meeting, stamp))
    yield _lines(["END:VCALENDAR"])


def _event(meeting: Appointment, stamp: Ms) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{_text(meeting.id)}"
    yield f"DTSTAMP:{_utc(stamp)}"
    yield f"DTSTART:{_utc(meeting.start)}"
    # An event must not end when it starts, and within one second it would.
    if meeting.end is not None and meeting.end // 1_000 > meeting.start // 1_000:
        yield f"DTEND:{_utc(meeting.end)}"
    yield f"SUMMARY:{_text(meeting.room)}"
    if meeting.people:
        yield f"DESCRIPTION:{_text(chr(10).join(meeting.people))}"
    yield "END:VEVENT"


def _utc(ms: Ms) -> str:
    return local(ms, UTC).strftime("%Y%m%dT%H%M%SZ")


def _text(text: str) -> str:
    return _LINE_BREAKS.sub("\n", harmless(text)).translate(_ESCAPED)


def _lines(lines: Iterable[str]) -> bytes:
    return b"".join(_folded(line) for line in lines)


def _folded(line: str) -> bytes:
    """A line folded into pieces of at most 75 octets. No character is split."""
    pieces, piece = [], b""
    for character in line:
        octets = character.encode()
        if len(piece) + len(octets) > _MAX_LINE_BYTES:
            pieces.append(piece)
            piece = b" "
        piece += octets
    return b"\r\n".join([*pieces, piece]) + b"\r\n"
