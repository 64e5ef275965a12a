"""The events of one room out of files of many, as events of the kernel.

Responsible for selecting the rows of the room, for the latest time of all files, which is the default of "now", and for
suggestions if the name of the room is misspelled. Must not know what the events mean.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from headcount.batch.io.event_columns import AS_NAMED, ColumnMap
from headcount.batch.io.readers import Source, read, require_domain
from headcount.errors import BadInput
from headcount.kernel.events import Event, Inferred, Kind, Ms

_KINDS: Final = (Kind.JOIN, Kind.LEAVE, Kind.END)
_INFERRED: Final = (None, Inferred.SNAPSHOT, Inferred.TIMEOUT, Inferred.ROOM_RESTARTED)
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
    reading = read(source, skip_invalid=skip_invalid, mapping=mapping, by_file=True)
    for piece in reading:
        found.add(piece, room, domain or "default", reading.where)
    chosen = _chosen(found, room, domain)
    return OneRoom(chosen, room, found.events[chosen], found.latest, found.files)


@dataclass(slots=True)
class _Found:
    """The room's events by domain, all rooms, the latest time, and the files with events, as far as read."""

    events: dict[str, list[Event]]
    rooms: set[str]
    latest: Ms
    files: list[str]

    def add(self, piece: pa.Table, room: str, domain: str, file: str) -> None:
        if not len(piece):
            return
        self.latest = max(self.latest, pc.max(piece["at"]).as_py())
        rooms = piece["room"].combine_chunks()
        self.rooms.update(rooms.dictionary.to_pylist())
        in_room = pc.equal(rooms.indices, pc.index(rooms.dictionary, room))
        rows = piece.filter(in_room).to_pylist()
        if rows and file not in self.files:
            self.files.append(file)
        for row in rows:
            self.events.setdefault(row.pop("domain", None) or domain, []).append(_event(row))


def _event(row: dict[str, Any]) -> Event:
    kind = _KINDS[row.pop("kind")]
    return Event(kind, inferred=_INFERRED[row.pop("inferred", None) or 0], **row)


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
