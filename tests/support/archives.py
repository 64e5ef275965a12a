"""An archive as a live query writes it, from the entries of a store."""

from collections import defaultdict

from headcount.ingest.topic_records import partition_of, record_key
from headcount.store.archive import Archive, ArchivedEntry
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
    ends = {partition: part[-1].offset + 1 for (partition, inferred), part in parts.items() if not inferred}
    archive.advance(partitions, ends, {})
    return archive
