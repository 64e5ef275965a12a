"""Tables of few events as events of the kernel.

Responsible for the values of canonical columns (`schema.py`). Must not know what the events mean.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from headcount.batch.io.readers import EventTable
from headcount.kernel.events import Event, Inferred, Kind, Ms

_KINDS: Final = (Kind.JOIN, Kind.LEAVE, Kind.END)
_MARKS: Final = (None, *Inferred)
_FIELDS: Final = (
    "kind", "room", "at", "participant_id", "user_id", "user_name", "source_session", "joined_at", "inferred", "id",
    "attributes",
)  # fmt: skip


class OfRoom(NamedTuple):
    """The events of one room in a table, the names of all rooms in it, and its latest time."""

    events: list[tuple[str | None, Event]]
    rooms: list[str]
    latest: Ms


def events_of(table: EventTable) -> Iterator[tuple[str | None, Event]]:
    """Yield the events of a canonical table, each with its domain, if it has one."""
    nothing = [None] * len(table)
    columns = {name: _values(table[name]) for name in table.column_names}
    columns["kind"] = [_KINDS[kind] for kind in columns["kind"]]
    columns["inferred"] = [_MARKS[mark or 0] for mark in columns.get("inferred", nothing)]
    fields = zip(*(columns.get(name, nothing) for name in _FIELDS), strict=True)
    for domain, values in zip(columns.get("domain", nothing), fields, strict=True):
        yield domain, Event(*values)


def of_room(table: EventTable, room: str) -> OfRoom:
    """Return the events of a room in a canonical table, which may be large."""
    if not len(table):
        return OfRoom([], [], 0)
    rooms = table["room"].combine_chunks()
    in_room = pc.equal(rooms.indices, pc.index(rooms.dictionary, room))
    return OfRoom(
        list(events_of(table.filter(in_room))), rooms.dictionary.to_pylist(), pc.max(table["at"]).as_py()
    )


def _values(column: pa.ChunkedArray) -> list[Any]:
    is_coded = pa.types.is_dictionary(column.type)
    values: list[Any] = (column.cast(column.type.value_type) if is_coded else column).to_pylist()
    return values
