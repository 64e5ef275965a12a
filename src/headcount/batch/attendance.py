"""The meetings of one room that attendance is about, out of the sessions of files, with their entries.

Responsible for the choice of the room and of the meetings, and for error messages that list the choices. Must not know
rosters, or how attendance is computed.
"""

from difflib import get_close_matches
from typing import Any, Final, NamedTuple

from headcount.batch.rows import lists_of
from headcount.batch.sessions import Sessions
from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.kernel.meetings import Entry
from headcount.kernel.stay_table import LeftBy
from headcount.timestamps import format_timestamp
from headcount.units import format_duration

_LISTED: Final = 5
_COLUMNS: Final = (
    "meeting_id",
    "participant_id",
    "user_id",
    "user_name",
    "join",
    "leave",
    "left_by",
    "attributes",
)


class ChosenMeetings(NamedTuple):
    """Meetings of one room, in order. `start` and `end` are those of the first and the last; `end` is None if it is ongoing."""

    domain: str
    room: str
    ids: list[str]
    start: Ms
    end: Ms | None
    entries: list[Entry]


def choose_meetings(
    sessions: Sessions, room: str | None, meeting_id: str | None, starts: Ms | None, ends: Ms | None
) -> ChosenMeetings:
    """Return the meeting with an id; or all of a room that overlap [starts, ends); or the only one of a room.

    Raise `BadInput` if there is none, or if the choice is not clear.
    """
    rows = _rows(sessions)
    if not rows:
        raise BadInput("there are no meetings in these files; 'headcount sessionize' shows what was ignored")
    if meeting_id is not None:
        rows = [row for row in rows if row["id"] == meeting_id]
        if not rows:
            raise BadInput(
                f"there is no meeting with the id '{meeting_id}'; 'headcount sessionize --json' lists ids"
            )
    rows = _of_room(rows, room)
    if starts is not None and ends is not None and meeting_id is None:
        rows = [row for row in rows if row["start"] < ends and (row["end"] is None or row["end"] > starts)]
        if not rows:
            raise BadInput("there is no meeting in the room between --starts-at and --ends-at")
    elif len(rows) > 1:
        raise BadInput(_unclear(rows, sessions.as_of))
    ids = [row["id"] for row in rows]
    entries = _entries(sessions, ids)
    return ChosenMeetings(rows[0]["domain"], rows[0]["room"], ids, rows[0]["start"], rows[-1]["end"], entries)


def _rows(sessions: Sessions) -> list[dict[str, Any]]:
    names = ("id", "domain", "room", "start", "end")
    return [dict(zip(names, row, strict=True)) for row in zip(*lists_of(sessions.found, *names), strict=True)]


def _of_room(rows: list[dict[str, Any]], room: str | None) -> list[dict[str, Any]]:
    rooms = sorted({row["room"] for row in rows})
    if room is None and len(rooms) == 1:
        room = rooms[0]
    if room is None:
        raise BadInput(f"there are {len(rooms):,} rooms: choose one with --room; they are {_list(rooms)}")
    found = [row for row in rows if row["room"] == room]
    if not found:
        close = get_close_matches(room, rooms, n=3, cutoff=0.5) or rooms
        raise BadInput(f"there is no meeting in the room '{room}'; rooms with meetings are {_list(close)}")
    domains = sorted({row["domain"] for row in found})
    if len(domains) > 1:
        raise BadInput(
            f"the room '{room}' is in several domains ({_list(domains)}): choose a meeting with --meeting ID"
        )
    return found


def _list(names: list[str]) -> str:
    shown = ", ".join(names[:_LISTED])
    return f"{shown} and {len(names) - _LISTED:,} more" if len(names) > _LISTED else shown


def _unclear(rows: list[dict[str, Any]], as_of: Ms) -> str:
    latest = [
        f"{row['id']} ({format_timestamp(row['start'])}, {format_duration((row['end'] or as_of) - row['start'])})"
        for row in rows[-_LISTED:]
    ]
    return (
        f"the room '{rows[0]['room']}' has {len(rows):,} meetings: choose one with --meeting, or a period with"
        f" --starts-at and --ends-at. The latest meetings are {', '.join(latest)}"
    )


def _entries(sessions: Sessions, ids: list[str]) -> list[Entry]:
    chosen = set(ids)
    return [
        Entry._make((*others, None if left_by is None else LeftBy(left_by), attributes))
        for piece in sessions.participant_pieces()
        for meeting, *others, left_by, attributes in zip(*lists_of(piece, *_COLUMNS), strict=True)
        if meeting in chosen
    ]
