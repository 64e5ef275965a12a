"""BigBlueButton: one meeting of it, as events of a file."""

from collections.abc import Iterator

from headcount.errors import BadInput
from headcount.kernel.events import InvalidEvent
from headcount.sources.api import ParsedEvent
from headcount.sources.bbb_meetings import Meeting, span_event
from headcount.sources.exports.api import ErrorCallback, ExportFile, ExportOptions
from headcount.sources.exports.stays import room_end


def meeting_events(
    meeting: Meeting, file: ExportFile, options: ExportOptions, on_error: ErrorCallback
) -> Iterator[ParsedEvent]:
    """Who came and went. Of a meeting that goes on, the end is a guess: the last moment that is told."""
    room = options.room or meeting.room
    if not room:
        raise BadInput("does not say which room it was: say it with --room NAME")
    last = meeting.ended_at or 0
    for span in meeting.spans:
        last = max(last, span.joined, span.left or 0)
        try:
            yield span_event(room, meeting.session, span)
        except InvalidEvent as error:
            on_error(BadInput(str(error), where=file.name, place=f"connection '{span.connection}'"))
    if last:
        yield room_end(room, meeting.session, last, is_inferred=meeting.ended_at is None)
