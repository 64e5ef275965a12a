"""Calendars: meetings as calendar programs read them (RFC 5545).

Texts are escaped, lines folded at 75 octets, moments in UTC and whole seconds, rounded down (rule 12).
An entry's UID is the meeting's id, so who fetches the calendar again gets no meeting twice.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Final

from headcount.dashboard.sanitize import harmless, local
from headcount.kernel.events import Ms

_LONGEST_LINE: Final = 75
_ESCAPED: Final = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})
_LINE_BREAKS: Final = re.compile("\r\n|[\r\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Appointment:
    """A meeting as an entry of a calendar. `end` is None while it is ongoing: then the entry has none."""

    id: str
    room: str
    start: Ms
    end: Ms | None
    people: Sequence[str]


def as_ics(name: str, meetings: Iterable[Appointment], stamp: Ms) -> Iterator[bytes]:
    """A calendar called `name`, an entry at a time; `stamp` is the time of which it says that it is from."""
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
        yield _lines(_entry(meeting, stamp))
    yield _lines(["END:VCALENDAR"])


def _entry(meeting: Appointment, stamp: Ms) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{_text(meeting.id)}"
    yield f"DTSTAMP:{_moment(stamp)}"
    yield f"DTSTART:{_moment(meeting.start)}"
    # An entry must not end when it begins, and within one second it would.
    if meeting.end is not None and meeting.end // 1_000 > meeting.start // 1_000:
        yield f"DTEND:{_moment(meeting.end)}"
    yield f"SUMMARY:{_text(meeting.room)}"
    if meeting.people:
        yield f"DESCRIPTION:{_text(chr(10).join(meeting.people))}"
    yield "END:VEVENT"


def _moment(ms: Ms) -> str:
    return local(ms, UTC).strftime("%Y%m%dT%H%M%SZ")


def _text(text: str) -> str:
    return _LINE_BREAKS.sub("\n", harmless(text)).translate(_ESCAPED)


def _lines(lines: Iterable[str]) -> bytes:
    return b"".join(_folded(line) for line in lines)


def _folded(line: str) -> bytes:
    """A line in pieces of at most 75 octets; a further piece begins with a blank. No sign is torn apart."""
    pieces, piece = [], b""
    for sign in line:
        octets = sign.encode()
        if len(piece) + len(octets) > _LONGEST_LINE:
            pieces.append(piece)
            piece = b" "
        piece += octets
    return b"\r\n".join([*pieces, piece]) + b"\r\n"
