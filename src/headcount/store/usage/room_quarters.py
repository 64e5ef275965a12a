"""Usage of one room by quarter: what is stored, and what follows from its ended meetings.

Retention deletes meetings and gives their usage: of such a time nothing is computed. Responsible for both reads. Must not
know pending rollups or totals.
"""

from collections.abc import Sequence
from typing import Any

from headcount.store.database import Connection
from headcount.store.usage.entries import ended_meetings
from headcount.store.usage.quarters import QUARTER_MS, Quarter, decode_steps
from headcount.store.usage.series import Entry, RoomQuarter, RoomQuarters, decode_parts, quarters_of_entries


def stored_quarters(connection: Connection, domain: str, room: str, first: int, until: int) -> RoomQuarters:
    """Return the stored quarters of a room."""
    rows = connection.rows("select_room_quarters", domain=domain, room=room, first=first, until=until)
    return {row[0]: decode_quarter(row) for row in rows}


def ended_quarters(
    connection: Connection, domain: str, room: str, first: int, until: int, attributes: Sequence[str]
) -> tuple[RoomQuarters, list[Entry]]:
    """Return the quarters of a room's ended meetings, with those that are given, and the entries that were computed."""
    given, computed = _given_quarters(connection, domain, room, first, until, attributes)
    starts, entries = ended_meetings(connection, domain, room, computed, until)
    return given | quarters_of_entries(starts, entries, computed, until, attributes), entries


def decode_quarter(row: Sequence[Any]) -> RoomQuarter:
    """Return a quarter from its row."""
    _, meetings, time, _, _, before, steps, parts = row
    return RoomQuarter(Quarter(meetings, time, before, decode_steps(steps)), decode_parts(parts))


def _given_quarters(
    connection: Connection, domain: str, room: str, first: int, until: int, attributes: Sequence[str]
) -> tuple[RoomQuarters, int]:
    """Return the quarters of a room whose usage is given, with the parts of these attributes, and the first other one."""
    (ms,) = connection.row("select_usage_given_until", domain=domain, room=room) or (None,)
    computed = first if ms is None else min(until, max(first, ms // QUARTER_MS))
    if computed == first:
        return {}, first
    rows = connection.rows("select_given_quarters", domain=domain, room=room, first=first, until=computed)
    quarters = {row[0]: decode_quarter(row) for row in rows}
    return {
        number: one._replace(
            parts={series: part for series, part in one.parts.items() if series.attribute in attributes}
        )
        for number, one in quarters.items()
    }, computed
