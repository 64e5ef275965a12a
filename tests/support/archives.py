"""Archives as a live query writes them, from the entries of a store or from a table of events."""

from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from headcount.ingest.topic_records import partition_of, record_key
from headcount.store.archive import _SCHEMA, Archive, ArchivedEntry
from headcount.store.records import LogEntry, Origin

COLUMNS = {"at": "at_ms", "joined_at": "joined_ms", "received": "received_ms", "key": "event_key"}


def logged_entries(store):
    """The entries of a store with the offsets that they would have in their topics."""
    selected = ", ".join(COLUMNS.get(name, name) for name in LogEntry._fields)
    with store.database.reading() as connection:
        rows = connection.query(f"select {selected}, position from entries order by position", {})
    found = [(LogEntry(*row[:-1]), row[-1]) for row in rows]
    return [ArchivedEntry(entry, position, entry.origin == Origin.INFERRED) for entry, position in found]


def write_archive(location, entries, partitions):
    """Write entries as the files of one batch, and return the archive."""
    archive = Archive(str(location))
    parts = defaultdict(list)
    for one in entries:
        key = record_key(one.entry.domain, one.entry.room)
        parts[partition_of(key, partitions), one.is_inferred].append(one)
    for (partition, _), part in parts.items():
        archive.write(partition, part)
    events, inferred = (
        {
            partition: part[-1].offset + 1
            for (partition, is_inferred), part in parts.items()
            if is_inferred is kind
        }
        for kind in (False, True)
    )
    archive.advance(partitions, events, inferred)
    return archive


def archive_of_table(location, events, partitions, *, domain="default", rows_at_once=100_000):
    """Write events, all of which were received a second after the last one, in files of this size; return the archive."""
    events = events.sort_by("at")
    received = int(pc.max(events["at"]).cast(pa.int64()).as_py()) + 1_000
    rooms = events["room"].cast(pa.string()).combine_chunks().dictionary_encode()
    numbers = [partition_of(record_key(domain, room), partitions) for room in rooms.dictionary.to_pylist()]
    partition_of_row = np.array(numbers)[rooms.indices.to_numpy()]
    events = events.set_column(events.column_names.index("room"), "room", rooms)
    day = datetime.fromtimestamp(received // 1_000, UTC).date()
    ends = {}
    for partition in range(partitions):
        own = events.filter(pa.array(partition_of_row == partition))
        ends[partition] = len(own)
        folder = Path(location) / f"partition={partition}" / f"day={day}"
        folder.mkdir(parents=True)
        for first in range(0, len(own), rows_at_once):
            columns = _columns(own.slice(first, rows_at_once), first, partition, received, domain)
            table = pa.table([columns[field.name] for field in _SCHEMA], schema=_SCHEMA)
            pq.write_table(table, folder / f"events-{first:016d}.parquet", compression="zstd")
    archive = Archive(str(location))
    archive.advance(partitions, ends, {})
    return archive


def _columns(events, first, partition, received, domain):
    size = len(events)
    known = {
        name: events[name].cast(_SCHEMA.field(name).type)
        for name in _SCHEMA.names
        if name in events.column_names
    }
    absent = {name: pa.nulls(size, _SCHEMA.field(name).type) for name in _SCHEMA.names}
    keys = b"".join(partition.to_bytes(8) + number.to_bytes(8) for number in range(first, first + size))
    return (
        absent
        | known
        | {
            "offset": pa.array(range(first, first + size), pa.int64()),
            "received": pa.array([received] * size, pa.int64()).cast(_SCHEMA.field("received").type),
            "domain": pa.array([domain] * size),
            "origin": pa.array([0] * size, pa.int8()),
            "key": pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), size, [None, pa.py_buffer(keys)]),
        }
    )
