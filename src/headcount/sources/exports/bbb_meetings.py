"""BigBlueButton: one meeting of it, as events of a file."""

from collections.abc import Iterator

from headcount.errors import BadInput
from headcount.kernel.events import InvalidEvent
from headcount.sources.api import ParsedEvent
from headcount.sources.bbb_meetings import Meeting, heard_of_span
from headcount.sources.exports.api import ErrorCallback, ExportFile, ExportOptions
from headcount.sources.exports.stays import ended


def heard_of(
    meeting: Meeting, file: ExportFile, asked: ExportOptions, complain: ErrorCallback
) -> Iterator[ParsedEvent]:
    """Who came and went. Of a meeting that goes on, the end is a guess: the last moment that is told."""
    room = asked.room or meeting.room
    if not room:
        raise BadInput("does not say which room it was: say it with --room NAME")
    last = meeting.ended or 0
    for span in meeting.spans:
        last = max(last, span.joined, span.left or 0)
        try:
            yield heard_of_span(room, meeting.session, span)
        except InvalidEvent as error:
            complain(BadInput(str(error), where=file.where, place=f"connection '{span.connection}'"))
    if last:
        yield ended(room, meeting.session, last, is_guess=meeting.ended is None)
