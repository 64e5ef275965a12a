"""Daily: dumps of `GET /meetings`, and so of Headcount's own.

A file has pages, `{"total_count": …, "data": […]}`, or meetings, one after the other or as lists. Times are whole seconds.

* A meeting's `id` is not used as its source session: Daily makes two meetings of one stay when a participant is left
  alone for ten minutes (R7), and a source session would divide that stay, which Headcount's rules
  combine again. An `end` of another source could not end it either.
* In a meeting that is still open no leave is known, though all participants have a duration: the time so far.
  So each leave is inferred, and a later dump overrides it.
* Daily's participants have no attributes; Headcount's have, with `include=attributes`.
* With `no_participants` the list of participants is missing, and nothing else can be imported.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from headcount.errors import BadInput
from headcount.sources import fields
from headcount.sources.api import ParsedEvent, parse_items
from headcount.sources.exports.api import ErrorCallback, ExportFile, ExportFormat, ExportOptions
from headcount.sources.exports.stays import ExportedStay, stay_events
from headcount.sources.fields import Value
from headcount.sources.json_values import split_objects


class Participant(msgspec.Struct):
    """One connection to a meeting."""

    participant_id: Value = None
    join_time: Value = None
    duration: Value = None
    user_id: Value = None
    user_name: Value = None
    attributes: Value = None


class Meeting(msgspec.Struct):
    """A meeting session; only its list of participants is used."""

    room: Value = None
    participants: Value = None
    ongoing: Value = None


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
                events = _events(fields.item(found, Meeting))
            except BadInput as error:
                on_error(BadInput(f"not a meeting of Daily: {error}", where=file.name, place=place))
                continue
            for one in events:
                if isinstance(one, BadInput):
                    on_error(BadInput(one.reason, where=file.name, place=f"{place}, {one.place}"))
                else:
                    yield one


def _meetings(value: dict[str, Any]) -> Iterator[tuple[int, Any]]:
    """Return the meetings of a page with their numbers, or the value itself with 0."""
    listed = value.get("data")
    return enumerate(listed, start=1) if isinstance(listed, list) else iter([(0, value)])


def _events(meeting: Meeting) -> list[ParsedEvent | BadInput]:
    """Return the events of all stays, and an error in the place of each participant that cannot be read."""
    room = fields.text(meeting.room)
    if not room:
        raise BadInput("it has no room")
    if not isinstance(meeting.participants, list):
        raise BadInput("it has no participants: create the dump without no_participants")
    is_ongoing = fields.flag(meeting.ongoing)

    def stay(entry: Value) -> Iterator[ParsedEvent]:
        return stay_events(_stay(room, fields.item(entry, Participant), is_ongoing=is_ongoing))

    return parse_items(meeting.participants, stay, "participants")


def _stay(room: str, participant: Participant, *, is_ongoing: bool) -> ExportedStay:
    participant_id, duration = fields.text(participant.participant_id), fields.number(participant.duration)
    if not participant_id:
        raise BadInput("it has no participant_id")
    if duration is None:
        raise BadInput(f"the duration of {participant_id} is not a number")
    join = fields.ms_from_seconds(participant.join_time, "join_time")
    if duration < 0:
        raise BadInput(f"the duration of {participant_id} is negative")
    leave = fields.ms_from_seconds(join / 1_000 + duration, "join_time and duration together")
    return ExportedStay(
        room,
        participant_id,
        join,
        leave,
        user_id=fields.optional_id(participant.user_id),
        user_name=fields.user_name(participant.user_name),
        is_inferred=is_ongoing,
        attributes=fields.attributes(participant.attributes),
    )


FORMAT: Final = ExportFormat("daily-meetings", parse)
