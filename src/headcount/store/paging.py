"""Paging: the entries of one meeting in pages.

A cursor is a participant, who may have several entries in a meeting. It stands for the *last* of them: `after` means
after that entry, `before` means before it. The participant of the very first entry is the exception: nothing is before
them, or a client that pages backwards would never reach an end. So pages meet only between two entries that are both
the last of their participant: a client that continues from either one gets each entry once. A page has at least
`limit` entries, unless it is the last one, and is longer where no earlier place is possible.

Responsible for pages of entries. Must not know lists of meetings.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from headcount.kernel.attributes import AttributeFilter, Attributes, matches
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
_MATCHED_PAGE: Final = 5_000
_START: Final[_Place] = (-1, "")


def entries_page(
    connection: Connection, meeting: MeetingRow, limit: int, after: str | None, before: str | None
) -> list[Entry] | None:
    """Return the entries after `after` or before `before`, in order, or None if there is no such participant."""
    cursor = after if before is None else before
    place = _START if cursor is None else _place(connection, meeting, cursor)
    if place is None:
        return None
    if before is None:
        return _page(connection, meeting, limit, place, forwards=True)
    if before == _first_participant(connection, meeting):
        return []
    return _page(connection, meeting, limit, place, forwards=False)[::-1]


def matching_page(
    connection: Connection,
    meeting: MeetingRow,
    filters: Sequence[AttributeFilter],
    limit: int,
    after: str | None,
    before: str | None,
) -> list[Entry] | None:
    """Return a page of the entries whose attributes fulfill all conditions; None if the cursor is none of these participants.

    It reads all entries of the meeting. A page ends at the last entry of a participant, and backwards it begins there.
    """
    entries = [
        entry
        for page in entries_in_pages(connection, meeting, _MATCHED_PAGE)
        for entry in page
        if matches(entry.attributes, filters)
    ]
    last = {entry.participant_id: n for n, entry in enumerate(entries)}
    cursor = after if before is None else before
    if cursor is not None and cursor not in last:
        return None
    if before is not None:
        end = last[before] if before != entries[0].participant_id else 0
        start = max(0, end - limit)
        while start and last[entries[start].participant_id] != start:
            start -= 1
        return entries[start:end]
    start = 0 if after is None else last[after] + 1
    end = start + limit
    while end < len(entries) and last[entries[end - 1].participant_id] != end - 1:
        end += 1
    return entries[start:end]


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
    stay = stay_of(
        row.participant_id, row.join, row.leave, row.left_by, row.user_id, row.user_name, row.attributes
    )
    return clip_stay(stay, meeting.start, meeting.end)


def stay_of(
    participant_id: str, join: Ms, leave: Ms | None, left_by: str | None, user_id: str | None, user_name: str | None,
    attributes: Attributes | None,
) -> Stay:  # fmt: skip
    """Return the stay of a row."""
    return Stay(participant_id, join, leave, LEFT_BY[left_by], user_id, user_name, attributes)


def _page(
    connection: Connection, meeting: MeetingRow, limit: int, place: _Place, *, forwards: bool
) -> list[Entry]:
    """Return a page of the entries after or before a place, the nearest first."""
    size = limit
    while True:
        entries = _nearest(connection, meeting, size + 1, place, forwards=forwards)
        if len(entries) <= limit:
            return entries
        length = _first_length(connection, meeting, entries, limit, forwards=forwards)
        if length is not None:
            return entries[:length]
        if len(entries) <= size:
            return entries
        size *= 2


def _nearest(
    connection: Connection, meeting: MeetingRow, limit: int, place: _Place, *, forwards: bool
) -> list[Entry]:
    """Return at least the `limit` entries next to a place, the nearest first, and perhaps the carried one (R7)."""
    name, side = ("select_stays_after", "after") if forwards else ("select_stays_before", "before")
    cursor = {f"{side}_join": place[0], f"{side}_participant": place[1]}
    rows = connection.rows(name, **_within(meeting), limit=limit, **cursor)
    entries = _entries(connection, meeting, rows)
    if forwards:
        return [entry for entry in entries if in_order(entry) > place]
    return [entry for entry in reversed(entries) if in_order(entry) < place]


def _first_length(
    connection: Connection, meeting: MeetingRow, entries: Sequence[Entry], limit: int, *, forwards: bool
) -> int | None:
    """Return the first possible length of a page, from `limit` on, of entries that are the nearest first; or None."""
    names = [entry.participant_id for entry in entries]
    latest = in_order(entries[-1 if forwards else 0])
    later = _with_later_entries(connection, meeting, set(names[limit - 1 :]), latest)
    last = {name: n for n, name in (enumerate(names) if forwards else reversed([*enumerate(names)]))}
    first = _first_participant(connection, meeting)

    def is_last(n: int) -> bool:
        return last[names[n]] == n and names[n] not in later

    for length in range(limit, len(entries)):
        end = length - 1
        if is_last(end) and is_last(length) and names[length if forwards else end] != first:
            return length
    return None


def _first_participant(connection: Connection, meeting: MeetingRow) -> str | None:
    (join, who) = _START
    rows = connection.rows(
        "select_stays_after", **_within(meeting), limit=1, after_join=join, after_participant=who
    )
    entries = _entries(connection, meeting, rows)
    return entries[0].participant_id if entries else None


def _with_later_entries(
    connection: Connection, meeting: MeetingRow, participant_ids: Iterable[str], place: _Place
) -> set[str]:
    """Return those of these participants who have an entry after a place."""
    join, who = place
    names = list(participant_ids)
    found = {name for carried in _carried_place(meeting) if carried > place for name in carried[1:]}
    for start in range(0, len(names), _LIST_SIZE):
        some = names[start : start + _LIST_SIZE]
        values = {**_within(meeting), "join": join, "participant_id": who, "participant_ids": some}
        found |= {name for (name,) in connection.query(*with_lists("select_participants_after", values))}
    return found


def _place(connection: Connection, meeting: MeetingRow, participant_id: str) -> _Place | None:
    """Return the place of the last entry of a participant, or None."""
    rows = connection.rows("select_participant_joins", **_within(meeting), participant_id=participant_id)
    joins = [at for at, name in _carried_place(meeting) if name == participant_id]
    joins += [join for (join,) in rows]
    return (max(joins), participant_id) if joins else None


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
