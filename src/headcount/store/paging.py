"""Paging: the entries of one meeting, some at a time.

A page is asked for by naming somebody: those after them, or before them. But the same connection may have
come again, and then it has several entries in a meeting. So `after` means after the *last* entry of that
participant, and `before` before the *first*. Whoever goes on from page to page names the participant at
the end of each, so a page never ends on an entry whose participant has another one further on: what lies
between the two would be lost. If no entry of a page may be its end, the page is longer than asked for.
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
_LEFT_BY: Final[dict[str | None, LeftBy | None]] = {None: None, **{way.value: way for way in LeftBy}}
_LIST_SIZE: Final = 500
_START: Final[_Place] = (-1, "")


def entries_page(
    connection: Connection, meeting: MeetingRow, limit: int, after: str | None, before: str | None
) -> list[Entry] | None:
    """The entries next after `after` or next before `before`, in order; None if there is no such participant."""
    if before is not None:
        place = _place(connection, meeting, before, last=False)
        return None if place is None else _towards_the_start(connection, meeting, limit, place)[::-1]
    place = _START if after is None else _place(connection, meeting, after, last=True)
    return None if place is None else _towards_the_end(connection, meeting, limit, place)


def entries_in_pages(connection: Connection, meeting: MeetingRow, size: int) -> Iterator[list[Entry]]:
    """All entries of a meeting in order, about so many at a time; no page is empty."""
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
    """By join, then participant_id (R11)."""
    return entry.join, entry.participant_id


def entry_in_meeting(row: StayRow, meeting: MeetingRow) -> Entry | None:
    """What a meeting shows of a stay."""
    stay = stay_of(row.participant_id, row.join, row.leave, row.left_by, row.user_id, row.user_name)
    return clip_stay(stay, meeting.start, meeting.end)


def stay_of(
    participant_id: str, join: Ms, leave: Ms | None, left_by: str | None, user_id: str | None, user_name: str | None
) -> Stay:  # fmt: skip
    """The kernel's stay of a row."""
    return Stay(participant_id, join, leave, _LEFT_BY[left_by], user_id, user_name)


def _towards_the_end(connection: Connection, meeting: MeetingRow, limit: int, place: _Place) -> list[Entry]:
    most = limit
    while True:
        join, who = place
        rows = connection.rows(
            "select_stays_after", **_within(meeting), limit=most + 1, after_join=join, after_participant=who
        )
        entries = [one for one in _entries(connection, meeting, rows) if in_order(one) > place]
        further = set() if len(entries) <= most else _coming_again(connection, meeting, entries[:most], ">")
        page = _cut(entries[:most], limit, further, whole=len(entries) <= most)
        if page is not None:
            return page
        most *= 2


def _towards_the_start(connection: Connection, meeting: MeetingRow, limit: int, place: _Place) -> list[Entry]:
    """The nearest first."""
    most = limit
    while True:
        join, who = place
        rows = connection.rows(
            "select_stays_before",
            **_within(meeting),
            limit=most + 1,
            before_join=join,
            before_participant=who,
        )
        entries = [one for one in _entries(connection, meeting, rows) if in_order(one) < place][::-1]
        further = set() if len(entries) <= most else _coming_again(connection, meeting, entries[:most], "<")
        page = _cut(entries[:most], limit, further, whole=len(entries) <= most)
        if page is not None:
            return page
        most *= 2


def _cut(entries: list[Entry], limit: int, further: set[str], *, whole: bool) -> list[Entry] | None:
    """The page that `entries` begin with. `further` are the participants who have entries beyond them."""
    if whole and len(entries) <= limit:
        return entries
    last = {entry.participant_id: n for n, entry in enumerate(entries)}
    ends = sorted(n for who, n in last.items() if who not in further)
    fitting = [n for n in ends if n < limit]
    if fitting:
        return entries[: fitting[-1] + 1]
    return entries[: ends[0] + 1] if ends else None


def _coming_again(
    connection: Connection, meeting: MeetingRow, entries: Sequence[Entry], beyond: str
) -> set[str]:
    """The participants of `entries` with further ones beyond the last of these; `beyond` is > or <."""
    join, who = in_order(entries[-1])
    name = "select_participants_after" if beyond == ">" else "select_participants_before"
    names = list({entry.participant_id for entry in entries})
    found: set[str] = set()
    for start in range(0, len(names), _LIST_SIZE):
        some = names[start : start + _LIST_SIZE]
        values = {**_within(meeting), "join": join, "participant_id": who, "participant_ids": some}
        found |= {who for (who,) in connection.query(*with_lists(name, values))}
    for place in _carried_place(meeting):
        if (place > (join, who)) is (beyond == ">") and place != (join, who):
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
    """The entries of these stays, and of the one that a reset carried into the meeting, in order."""
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
