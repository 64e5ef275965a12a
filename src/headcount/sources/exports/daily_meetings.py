"""Daily: dumps of `GET /meetings`, and so of Headcount's own.

A file has pages, `{"total_count": …, "data": […]}`, or meetings, one after the other or as lists. Times are whole seconds.

* A meeting's `id` is not used as its source session: Daily makes two meetings of one stay when a participant is left
  alone for ten minutes (R7), and a source session would divide that stay, which Headcount's rules
  combine again. An `end` of another source could not end it either.
* In a meeting that is still open no leave is known, though all participants have a duration: the time so far.
  So each leave is inferred, and a later dump overrides it.
* With `no_participants` the list of participants is missing, and nothing else can be imported.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from headcount.errors import BadInput
from headcount.kernel.events import InvalidEvent, Ms
from headcount.sources import fields
from headcount.sources.api import ParsedEvent
from headcount.sources.exports.api import ErrorCallback, ExportFile, ExportFormat, ExportOptions
from headcount.sources.exports.stays import ExportedStay, stay_events
from headcount.sources.json_values import split_objects


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


def parse(file: ExportFile, _: ExportOptions, on_error: ErrorCallback) -> Iterator[ParsedEvent]:
    """Return the stays of all meetings in a dump."""
    for line, text in split_objects(file.content, file.name, on_error):
        try:
            value = msgspec.json.decode(text)
        except (ValueError, RecursionError) as error:
            on_error(BadInput(f"not JSON: {error}", where=file.name, place=f"line {line}"))
            continue
        for number, found in _meetings(value):
            place = f"line {line}, meeting {number}" if number else f"line {line}"
            try:
                meeting = msgspec.convert(found, Meeting)
                events = [event for stay in _stays(meeting) for event in stay_events(stay)]
            except (msgspec.ValidationError, InvalidEvent, BadInput) as error:
                on_error(BadInput(f"not a meeting of Daily: {error}", where=file.name, place=place))
            else:
                yield from events


def _meetings(value: dict[str, Any]) -> Iterator[tuple[int, Any]]:
    """Return the meetings of a page with their numbers, or the value itself with 0."""
    listed = value.get("data")
    return enumerate(listed, start=1) if isinstance(listed, list) else iter([(0, value)])


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
