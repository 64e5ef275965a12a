"""The events of one room out of files of many, as events of the kernel.

Responsible for selecting the rows of the room, for the latest time of all files, which is the default of "now", and for
suggestions if the name of the room is misspelled. Must not know what the events mean.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, NamedTuple

from headcount.batch.extra import WITHOUT_IT, batch_extra
from headcount.batch.io import small_files
from headcount.batch.io.event_columns import AS_NAMED, ColumnMap, require_domain
from headcount.batch.io.small_files import Source
from headcount.errors import BadInput
from headcount.kernel.events import Event, Ms

_SIMILAR: Final = 3


class OneRoom(NamedTuple):
    """The events of one room of one domain, in the order of the file."""

    domain: str
    name: str
    events: list[Event]
    latest: Ms
    """The latest time in all the files, of this room or not."""
    files: list[str]
    """The files with events of this room, in any domain."""


def read_room(
    source: Source,
    room: str,
    domain: str | None = None,
    *,
    skip_invalid: bool = False,
    mapping: ColumnMap = AS_NAMED,
) -> OneRoom:
    """Return the events of `room`. Events without a domain are of `domain`, or of 'default'.

    Raises `BadInput` for files that cannot be read, for a room without events, and for one that is in
    several domains if none is given.
    """
    require_domain(domain or "")
    found = _Found({}, set(), 0, [])
    files = small_files.read_small(source, mapping) if small_files.may_be_small(source, None) else None
    if files is None:
        _read_tables(found, source, room, domain or "default", skip_invalid=skip_invalid, mapping=mapping)
    else:
        for file in files:
            own = [event for event in file.events if event[1].room == room]
            times = [event.at for _, event in file.events]
            found.add(file.where, own, {event.room for _, event in file.events}, times, domain or "default")
    chosen = _chosen(found, room, domain)
    return OneRoom(chosen, room, found.events[chosen], found.latest, found.files)


@dataclass(slots=True)
class _Found:
    """The room's events by domain, all rooms, the latest time, and the files with events, as far as read."""

    events: dict[str, list[Event]]
    rooms: set[str]
    latest: Ms
    files: list[str]

    def add(
        self,
        file: str,
        events: Iterable[tuple[str | None, Event]],
        rooms: Iterable[str],
        times: Iterable[Ms],
        domain: str,
    ) -> None:
        self.latest = max(self.latest, *times, 0)
        self.rooms.update(rooms)
        for own, event in events:
            self.events.setdefault(own or domain, []).append(event)
            if file not in self.files:
                self.files.append(file)


def _read_tables(
    found: _Found, source: Source, room: str, domain: str, *, skip_invalid: bool, mapping: ColumnMap
) -> None:
    """Read large files, of which only the rows of the room become events."""
    with batch_extra(WITHOUT_IT):
        from headcount.batch.io.event_tables import of_room  # noqa: PLC0415 - loads Arrow
        from headcount.batch.io.readers import read  # noqa: PLC0415 - likewise
    reading = read(source, skip_invalid=skip_invalid, mapping=mapping, by_file=True)
    for piece in reading:
        own = of_room(piece, room)
        found.add(reading.where, own.events, own.rooms, [own.latest], domain)


def _chosen(found: _Found, room: str, domain: str | None) -> str:
    """Return the domain: the given one, or the only one that has the room."""
    if room not in found.rooms:
        raise BadInput(f"there is no room '{room}'{_similar(room, found.rooms)}")
    domains = sorted(found.events)
    if domain in found.events:
        return domain
    if domain is None and len(domains) == 1:
        return domains[0]
    reason = (
        f"the room '{room}' is not in the domain '{domain}'"
        if domain
        else f"the room '{room}' is in several domains"
    )
    raise BadInput(f"{reason}: choose one of {', '.join(domains)} with --domain")


def _similar(room: str, rooms: set[str]) -> str:
    by_folded = {name.casefold(): name for name in sorted(rooms)}
    close = get_close_matches(room.casefold(), by_folded, n=_SIMILAR, cutoff=0.5)
    if not close:
        return f"; there are {len(rooms):,} other rooms" if rooms else ""
    return f"; there is {', '.join(by_folded[name] for name in close)}"
