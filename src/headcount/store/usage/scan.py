"""Scan: usage under conditions that the usage tables do not have, computed from the stays of the requested time.

Responsible for one pass over the stays of a time, of limited size. Must not know the usage tables.
"""

from collections.abc import Iterable
from typing import Final

from headcount.errors import BadInput
from headcount.kernel.attributes import AttributeFilter, matches, texts_of
from headcount.kernel.events import Ms
from headcount.store.database import Connection
from headcount.store.usage.entries import ended_meetings, entry_of, ongoing_meetings
from headcount.store.usage.quarters import QUARTER_MS, quarters_of
from headcount.store.usage.series import Entry
from headcount.store.usage.totals import (
    QuarterUsages,
    RoomUsage,
    ValueUsage,
    total_of_room,
    total_of_value,
    usages_of,
)

Conditions = tuple[tuple[str, str], ...]
"""Attributes and the texts of their values. A stay must fulfill all of them."""

_MAX_STAYS: Final = 250_000
"""Stays that one answer reads: about two seconds."""

Placed = tuple[str, Entry]
"""A room and an entry of one of its meetings."""


class Scan:
    """The stays that fulfill the conditions, in one room or in all. Raise `BadInput` if there are too many to look at."""

    def __init__(
        self,
        connection: Connection,
        domain: str,
        room: str | None,
        first: int,
        until: int,
        now: Ms,
        conditions: Conditions,
    ) -> None:
        self._first = first
        self._until = until
        filters = [AttributeFilter(*condition) for condition in conditions]
        entries = [
            *_ended(connection, domain, room, first, until),
            *(
                (name, entry)
                for name, (_, some) in ongoing_meetings(connection, domain, room, now).items()
                for entry in some
            ),
        ]
        self._entries: list[Placed] = [
            (name, entry) for name, entry in entries if matches(entry.attributes, filters)
        ]

    def by_quarter(self) -> QuarterUsages:
        """Return the usage of quarters with any."""
        return self._usage(self._entries)

    def by_room(self) -> list[RoomUsage]:
        """Return the usage of each room with any."""
        rooms: dict[str, list[Placed]] = {}
        for placed in self._entries:
            rooms.setdefault(placed[0], []).append(placed)
        used = {room: self._usage(some) for room, some in rooms.items()}
        return [total_of_room(room, quarters.values()) for room, quarters in used.items() if quarters]

    def by_value(self, attribute: str) -> list[ValueUsage]:
        """Return the usage of each value of an attribute, and that of those without it."""
        values: dict[str | None, list[Placed]] = {}
        for placed in self._entries:
            values.setdefault(texts_of(placed[1].attributes).get(attribute), []).append(placed)
        used = {value: self._usage(some) for value, some in values.items()}
        return [total_of_value(value, quarters.values()) for value, quarters in used.items() if quarters]

    def _usage(self, entries: Iterable[Placed]) -> QuarterUsages:
        entries = list(entries)
        meetings = {(room, entry.start) for room, entry in entries}
        spans = [(entry.join, entry.leave) for _, entry in entries]
        return usages_of(quarters_of((start for _, start in meetings), spans, self._first, self._until))


def _ended(connection: Connection, domain: str, room: str | None, first: int, until: int) -> list[Placed]:
    if room is not None:
        _, entries = ended_meetings(connection, domain, room, first, until)
        _require_few(len(entries))
        return [(room, entry) for entry in entries]
    start, end = first * QUARTER_MS, until * QUARTER_MS
    (longest,) = connection.row("select_longest_meeting", domain=domain) or (0,)
    values = {"domain": domain, "since": start - longest, "first": start, "until": end}
    rows = connection.rows("select_stays_in_meetings", **values, limit=_MAX_STAYS + 1)
    _require_few(len(rows))
    rows += connection.rows("select_carried_stays", **values)
    return [(name, entry_of(*rest)) for name, *rest in rows]


def _require_few(stays: int) -> None:
    if stays > _MAX_STAYS:
        raise BadInput(
            f"more than {_MAX_STAYS:,} stays are in this time, and usage under these conditions is not stored: choose a"
            " shorter time, or one stored attribute as the only condition (setting usage_attributes)"
        )
