"""Paging: the entries of one meeting in pages.

A cursor is a participant, who may have several entries in a meeting. `after` means after the *last* entry of the
participant, `before` means before the *first*. A client continues with the participant at the end of a page, so a page
never ends with an entry whose participant has another one beyond it: the entries between the two would be skipped. If
no entry may end a page, the page is longer than requested.

Responsible for pages of entries. Must not know lists of meetings.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from headcount.kernel.events import Ms
from headcount.kernel.meetings import Entry, Stay, clip_stay
from headcount.kernel.rules import NEVER
from headcount.kernel.stay_table import LeftBy
from headcount.store.database import Connection
from headcount.store.records import MeetingRow, StayRow
from headcount.store.statements import with_lists

_Place = tuple[Ms, str]
LEFT_BY: Final[dict[str | None, LeftBy | None]] = {None: None, **{way.value: way for way in LeftBy}}
_LIST_SIZE: Final = 500
_START: Final[_Place] = (-1, "")


def entries_page(
    connection: Connection, meeting: MeetingRow, limit: int, after: str | None, before: str | None
) -> list[Entry] | None:
    """Return the entries after `after` or before `before`, in order, or None if there is no such participant."""
    if before is not None:
        place = _place(connection, meeting, before, last=False)
        return None if place is None else _page_before(connection, meeting, limit, place)[::-1]
    place = _START if after is None else _place(connection, meeting, after, last=True)
    return None if place is None else _page_after(connection, meeting, limit, place)


def entries_in_pages(connection: Connection, meeting: MeetingRow, size: int) -> Iterator[list[Entry]]:
    """Yield all entries of a meeting in order, in pages of about `size`; no page is empty."""
    carried = _entries(connection, meeting, ())
    place = _START
    while True:
        rows = connection.rows(
            "select_stays_after",
            **_within(meeting),
            limit=size,
            after_join=place[0],
            after_participant=place[1],
        )
        is_last = len(rows) < size
        page = [one for row in rows if (one := entry_in_meeting(StayRow(*row), meeting)) is not None]
        if not is_last:
            last = StayRow(*rows[-1])
            place = last.join, last.participant_id
        if carried and (is_last or in_order(carried[0]) < place):
            page = sorted([*page, *carried], key=in_order)
            carried = []
        if page:
            yield page
        if is_last:
            return


def in_order(entry: Entry) -> _Place:
    """Return the sort key: join, then participant_id (R11)."""
    return entry.join, entry.participant_id


def entry_in_meeting(row: StayRow, meeting: MeetingRow) -> Entry | None:
    """Return the entry of a stay in a meeting, or None."""
    stay = stay_of(row.participant_id, row.join, row.leave, row.left_by, row.user_id, row.user_name)
    return clip_stay(stay, meeting.start, meeting.end)


def stay_of(
    participant_id: str, join: Ms, leave: Ms | None, left_by: str | None, user_id: str | None, user_name: str | None
) -> Stay:  # fmt: skip
    """Return the stay of a row."""
    return Stay(participant_id, join, leave, LEFT_BY[left_by], user_id, user_name)


def _page_after(connection: Connection, meeting: MeetingRow, limit: int, place: _Place) -> list[Entry]:
    size = limit
    while True:
        join, who = place
        rows = connection.rows(
            "select_stays_after", **_within(meeting), limit=size + 1, after_join=join, after_participant=who
        )
        entries = [one for one in _entries(connection, meeting, rows) if in_order(one) > place]
        beyond = (
            set() if len(entries) <= size else _with_entries_beyond(connection, meeting, entries[:size], ">")
        )
        page = _cut(entries[:size], limit, beyond, is_last=len(entries) <= size)
        if page is not None:
            return page
        size *= 2


def _page_before(connection: Connection, meeting: MeetingRow, limit: int, place: _Place) -> list[Entry]:
    """Return the entries before a place, the nearest first."""
    size = limit
    while True:
        join, who = place
        rows = connection.rows(
            "select_stays_before",
            **_within(meeting),
            limit=size + 1,
            before_join=join,
            before_participant=who,
        )
        entries = [one for one in _entries(connection, meeting, rows) if in_order(one) < place][::-1]
        beyond = (
            set() if len(entries) <= size else _with_entries_beyond(connection, meeting, entries[:size], "<")
        )
        page = _cut(entries[:size], limit, beyond, is_last=len(entries) <= size)
        if page is not None:
            return page
        size *= 2


def _cut(entries: list[Entry], limit: int, beyond: set[str], *, is_last: bool) -> list[Entry] | None:
    """Return the page at the beginning of `entries`, or None. `beyond` are participants with entries after these."""
    if is_last and len(entries) <= limit:
        return entries
    last = {entry.participant_id: n for n, entry in enumerate(entries)}
    ends = sorted(n for who, n in last.items() if who not in beyond)
    fitting = [n for n in ends if n < limit]
    if fitting:
        return entries[: fitting[-1] + 1]
    return entries[: ends[0] + 1] if ends else None


def _with_entries_beyond(
    connection: Connection, meeting: MeetingRow, entries: Sequence[Entry], sign: str
) -> set[str]:
    """Return the participants of `entries` with further entries beyond the last one; `sign` is > or <."""
    join, who = in_order(entries[-1])
    name = "select_participants_after" if sign == ">" else "select_participants_before"
    names = list({entry.participant_id for entry in entries})
    found: set[str] = set()
    for start in range(0, len(names), _LIST_SIZE):
        some = names[start : start + _LIST_SIZE]
        values = {**_within(meeting), "join": join, "participant_id": who, "participant_ids": some}
        found |= {who for (who,) in connection.query(*with_lists(name, values))}
    for place in _carried_place(meeting):
        if (place > (join, who)) is (sign == ">") and place != (join, who):
            found.add(place[1])
    return found


def _place(connection: Connection, meeting: MeetingRow, participant_id: str, *, last: bool) -> _Place | None:
    rows = connection.rows("select_participant_joins", **_within(meeting), participant_id=participant_id)
    joins = [at for at, name in _carried_place(meeting) if name == participant_id]
    joins += [join for (join,) in rows]
    if not joins:
        return None
    return (max if last else min)(joins), participant_id


def _entries(connection: Connection, meeting: MeetingRow, rows: Sequence[Sequence[object]]) -> list[Entry]:
    """Return the entries of these stays, and of the one that a reset carried into the meeting, in order."""
    stays = [StayRow(*row) for row in rows]  # type: ignore[arg-type]
    if meeting.carried_join is not None:
        carried = connection.row(
            "select_stay",
            domain=meeting.domain,
            room=meeting.room,
            join=meeting.carried_join,
            participant_id=meeting.carried_participant_id,
        )
        stays += [] if carried is None else [StayRow(*carried)]
    return sorted(
        (one for stay in stays if (one := entry_in_meeting(stay, meeting)) is not None), key=in_order
    )


def _carried_place(meeting: MeetingRow) -> list[_Place]:
    if meeting.carried_participant_id is None:
        return []
    return [(meeting.start, meeting.carried_participant_id)]


def _within(meeting: MeetingRow) -> dict[str, str | Ms]:
    until = NEVER if meeting.end is None else meeting.end
    return {"domain": meeting.domain, "room": meeting.room, "start": meeting.start, "until": until}
