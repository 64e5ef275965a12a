"""Daily: dumps of `GET /meetings`, and so of Headcount's own.

A file is a page, `{"total_count": …, "data": […]}`; several pages one after the other, as a loop writes them; or
one meeting per line. Times are whole seconds.

* A meeting's `id` is not used as its source session: Daily makes two meetings of one stay when a participant is left
  alone for ten minutes (R7), and a source session would divide that stay, which Headcount's rules
  combine again. An `end` of another source could not end it either.
* In a meeting that is still open no leave is known, though all participants have a duration: the time so far.
  So each leave is inferred, and a later dump overrides it.
* With `no_participants` the list of participants is missing, and nothing else can be imported.
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
from headcount.sources.exports.stays import ExportedStay, stay_events
from headcount.sources.exports.text import decode_text


class Participant(msgspec.Struct):
    """One connection to a meeting."""

    participant_id: str
    join_time: float
    duration: float
    user_id: str | None = None
    user_name: str | None = None


class Meeting(msgspec.Struct):
    """A meeting session; only its list of participants is used."""

    room: str
    participants: list[Participant] | None = None
    ongoing: bool = False


_BLANKS: Final = " \t\r\n,"


def parse(file: ExportFile, _: ExportOptions, on_error: ErrorCallback) -> Iterator[ParsedEvent]:
    """Return the stays of all meetings in a dump."""
    for place, value in _values(decode_text(file.content)):
        for place_in_value, found in _meetings(value):
            at = f"{place}, {place_in_value}" if place_in_value else place
            try:
                meeting = msgspec.convert(found, Meeting)
                events = [event for stay in _stays(meeting) for event in stay_events(stay)]
            except (msgspec.ValidationError, InvalidEvent, BadInput) as error:
                on_error(BadInput(f"not a meeting of Daily: {error}", where=file.name, place=at))
            else:
                yield from events


def _values(text: str) -> Iterator[tuple[str, Any]]:
    """Return each JSON value of the text, and where it starts. Raise `BadInput` if the next one is invalid."""
    decoder = json.JSONDecoder()
    at, line = 0, 1
    while (start := _skip_blanks(text, at)) < len(text):
        line += text.count("\n", at, start)
        try:
            _, end = decoder.raw_decode(text, start)
            # Only the decoder of the standard library returns the end; only msgspec rejects half a surrogate pair.
            value = msgspec.json.decode(text[start:end])
        except (ValueError, msgspec.DecodeError, RecursionError) as error:
            raise BadInput(f"not JSON from line {line} on: {error}") from error
        yield f"line {line}", value
        line += text.count("\n", start, end)
        at = end


def _skip_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANKS:
        at += 1
    return at


def _meetings(value: Any) -> Iterator[tuple[str, Any]]:
    """Return the meetings of a page or of a list, or the value itself, each with its place."""
    listed = value.get("data") if isinstance(value, dict) else value
    if not isinstance(listed, list):
        yield "", value
        return
    for number, item in enumerate(listed, start=1):
        if isinstance(item, dict) and isinstance(item.get("data"), list):
            yield from ((f"page {number}, {place}", found) for place, found in _meetings(item))
        else:
            yield f"meeting {number}", item


def _stays(meeting: Meeting) -> Iterator[ExportedStay]:
    if not meeting.room:
        raise BadInput("it has no room")
    if meeting.participants is None:
        raise BadInput("it has no participants: create the dump without no_participants")
    for participant in meeting.participants:
        join = fields.ms_from_seconds(participant.join_time, "join_time")
        leave = fields.ms_from_seconds(
            participant.join_time + participant.duration, "join_time and duration together"
        )
        yield _stay(meeting, participant, join, leave)


def _stay(meeting: Meeting, participant: Participant, join: Ms, leave: Ms) -> ExportedStay:
    if leave < join:
        raise BadInput(f"the duration of {participant.participant_id} is negative")
    return ExportedStay(
        meeting.room,
        participant.participant_id,
        join,
        leave,
        user_id=participant.user_id,
        user_name=participant.user_name,
        is_inferred=meeting.ongoing,
    )


FORMAT: Final = ExportFormat("daily-meetings", parse)
