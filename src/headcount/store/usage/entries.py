"""Entries: usage computed from meetings and stays, for what the usage tables do not include yet.

Responsible for reading meetings with their stays. Must not know the usage tables.
"""

from collections.abc import Iterator, Sequence

from headcount.kernel.events import Ms
from headcount.kernel.rules import NEVER
from headcount.store.database import Connection
from headcount.store.usage.quarters import QUARTER_MS
from headcount.store.usage.series import Entry

Meetings = tuple[list[Ms], list[Entry]]
"""The starts of meetings of one room, and their entries."""


def ended_meetings(connection: Connection, domain: str, room: str, first: int, until: int) -> Meetings:
    """Return the ended meetings of a room that overlap the quarters from `first` to `until` (exclusive)."""
    values = {"domain": domain, "room": room, "first": first * QUARTER_MS, "until": until * QUARTER_MS}
    meetings = connection.rows("select_ended_meetings", **values)
    stays = connection.rows("select_ended_meeting_stays", **values)
    for start, end, *carried in meetings:
        stays.extend((start, end, *stay) for stay in _carried(connection, domain, room, *carried))
    return [start for start, *_ in meetings], [entry_of(*stay) for stay in stays]


def ongoing_meetings(connection: Connection, domain: str, room: str | None, now: Ms) -> dict[str, Meetings]:
    """Return the ongoing meeting of each room, or of one room, with the entries up to now."""
    meetings = connection.rows("select_ongoing_meetings", domain=domain, room=room)
    stays = connection.rows("select_ongoing_meeting_stays", domain=domain, room=room)
    for name, start, *carried in meetings:
        stays.extend((name, start, *stay) for stay in _carried(connection, domain, name, *carried))
    found: dict[str, Meetings] = {name: ([start], []) for name, start, *_ in meetings}
    for name, start, *stay in stays:
        found[name][1].append(entry_of(start, now, *stay))
    return found


def entry_of(start: Ms, end: Ms, join: Ms, leave: Ms | None, attributes: str | None) -> Entry:
    """Return the part of a stay that is in a meeting."""
    return Entry(start, max(start, join), min(end, NEVER if leave is None else leave), attributes)


def _carried(
    connection: Connection, domain: str, room: str, join: Ms | None, participant_id: str | None
) -> Iterator[Sequence[object]]:
    """Yield join, leave and attributes of the stay that a reset carried into a meeting, if there is one."""
    if join is not None:
        key = {"domain": domain, "room": room, "join": join, "participant_id": participant_id}
        stay = connection.row("select_stay", **key)
        if stay is not None:
            yield join, stay[4], stay[8]
