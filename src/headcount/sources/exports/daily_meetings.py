"""Daily: dumps of `GET /meetings`, and so of our own.

A page, `{"total_count": …, "data": […]}`; several one after the other, as a loop over pages writes them; or
a meeting a line. Times are whole seconds. What is peculiar:

* A meeting's `id` is no source session: Daily makes two meetings of one stay when somebody is left
  alone for ten minutes (rule 7), and a source session would divide that stay, which our rules put
  together again. An `end` of another source could then not close it, either.
* Of a meeting that goes on, nobody's leave is known, though all have a duration: how long they were in
  as yet. So each leave is a guess, which a dump of later overturns.
* With `no_participants` the list of people is left out, and with it all that we could read.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from headcount.errors import BadInput
from headcount.kernel.events import InvalidEvent, Ms
from headcount.sources import fields
from headcount.sources.api import ParsedEvent
from headcount.sources.exports.api import ErrorCallback, ExportFile, ExportFormat, ExportOptions
from headcount.sources.exports.stays import Stay, stay_events
from headcount.sources.exports.text import decode_text


class Participant(msgspec.Struct):
    """One connection to a meeting."""

    participant_id: str
    join_time: float
    duration: float
    user_id: str | None = None
    user_name: str | None = None


class Meeting(msgspec.Struct):
    """A meeting session; of what it says of itself we believe the list of people alone."""

    room: str
    participants: list[Participant] | None = None
    ongoing: bool = False


_BLANK: Final = " \t\r\n,"


def parse(file: ExportFile, _: ExportOptions, on_error: ErrorCallback) -> Iterator[ParsedEvent]:
    """The stays of all meetings in a dump."""
    for place, value in _values(decode_text(file.content)):
        for within, found in _meetings(value):
            at = f"{place}, {within}" if within else place
            try:
                meeting = msgspec.convert(found, Meeting)
                heard = [one for stay in _stays(meeting) for one in stay_events(stay)]
            except (msgspec.ValidationError, InvalidEvent, BadInput) as error:
                on_error(BadInput(f"is no meeting of Daily: {error}", where=file.name, place=at))
            else:
                yield from heard


def _values(text: str) -> Iterator[tuple[str, Any]]:
    """Each JSON value of the text, and where it begins. Raises `BadInput` if what comes next is none."""
    decoder = json.JSONDecoder()
    at, line = 0, 1
    while (begin := _skipped(text, at)) < len(text):
        line += text.count("\n", at, begin)
        try:
            _, end = decoder.raw_decode(text, begin)
            # Where it ends only the library's decoder tells; only the other one refuses half a character.
            value = msgspec.json.decode(text[begin:end])
        except (ValueError, msgspec.DecodeError, RecursionError) as error:
            raise BadInput(f"is no JSON from line {line} on: {error}") from error
        yield f"line {line}", value
        line += text.count("\n", begin, end)
        at = end


def _skipped(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANK:
        at += 1
    return at


def _meetings(value: Any) -> Iterator[tuple[str, Any]]:
    """The meetings of a page, of a list, or the one that it is, and which of them each one is."""
    listed = value.get("data") if isinstance(value, dict) else value
    if not isinstance(listed, list):
        yield "", value
        return
    for number, one in enumerate(listed, start=1):
        if isinstance(one, dict) and isinstance(one.get("data"), list):
            yield from ((f"page {number}, {within}", found) for within, found in _meetings(one))
        else:
            yield f"meeting {number}", one


def _stays(meeting: Meeting) -> Iterator[Stay]:
    if not meeting.room:
        raise BadInput("it has no room")
    if meeting.participants is None:
        raise BadInput("it has no participants: ask for the dump without no_participants")
    for participant in meeting.participants:
        join = fields.ms_from_seconds(participant.join_time, "join_time")
        leave = fields.ms_from_seconds(
            participant.join_time + participant.duration, "join_time and duration together"
        )
        yield _stay(meeting, participant, join, leave)


def _stay(meeting: Meeting, participant: Participant, join: Ms, leave: Ms) -> Stay:
    if leave < join:
        raise BadInput(f"the duration of {participant.participant_id} is negative")
    return Stay(
        meeting.room,
        participant.participant_id,
        join,
        leave,
        user_id=participant.user_id,
        user_name=participant.user_name,
        is_inferred=meeting.ongoing,
    )


FORMAT: Final = ExportFormat("daily-meetings", parse)
