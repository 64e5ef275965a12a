"""Recovery: what a shard has to know, from the rows that were written and the entries that are archived.

A shard without state continues from its last round that is in the tables: its checkpoint was lost, or a backfill wrote
them. And a shard may have to remember the past of a room that it has forgotten (`headcount cluster repair`).

Responsible for which rows and entries belong to a round. Must not know Spark.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from headcount.cluster.shard_room import KeyedEntry, RoomPast
from headcount.cluster.shard_store import ShardStore, keyed
from headcount.ingest.topic_records import partition_of, record_key
from headcount.kernel.events import Ms
from headcount.kernel.rules import NEVER
from headcount.store.archive import Archive
from headcount.store.database import Database, consistent_read
from headcount.store.records import DAY_MS, BatchChanges, LogEntry, RoomKey
from headcount.store.room_rows import entries_since, last_marks, pending_since, room_keys, rows_since
from headcount.store.shard_sink import ShardProgress, StateMismatch

_ALWAYS: Final[Ms] = -NEVER


def recovered(
    database: Database, archive: Archive, shard: int, partitions: int, reached: ShardProgress, retention: Ms
) -> ShardStore:
    """Return the store of a shard as it was after the round that it has reached, without what is older than `retention`.

    Raise `StateMismatch` if that cannot be known.
    """
    store = ShardStore()
    store.time = reached.time
    with consistent_read(database) as connection:
        keys = {key for key in room_keys(connection) if partition_of(record_key(*key), partitions) == shard}
        ends = last_marks(connection, dict.fromkeys(keys, reached.time - retention))
        # A notification needs the rows of a meeting, also if it is in a past that is forgotten.
        pending = pending_since(connection, keys)
        before = {key: min(ends.get(key, _ALWAYS), at) for key, at in pending.items()}
        since = {**dict.fromkeys(keys, _ALWAYS), **ends}
        rows = rows_since(
            connection, {**since, **dict.fromkeys(pending, _ALWAYS), **last_marks(connection, before)}
        )
        inferred = entries_since(connection, since)
    _require_known(rows)
    later = {
        (change.domain, change.room)
        for change in rows.marks
        if change.marks[-1].at > since[change.domain, change.room]
    }
    occupied = {key for key, (_, deadline, _) in rows.rooms.items() if deadline is not None}
    occupied |= {key[:2] for key, stay in rows.stays.items() if stay is not None and stay.leave is None}
    needed = {key: since[key] for key in (occupied | later | (keys - ends.keys()))}
    entries = archived(archive, shard, needed, reached.next_offset)
    store.recover([*entries, *inferred], rows, [(*key, at, reached.round) for key, at in ends.items()])
    return store


def _require_known(rows: BatchChanges) -> None:
    for row in rows.deferred.values():
        if row is not None:
            raise StateMismatch(
                f"room '{row.room}' of domain '{row.domain}' is quarantined, so its state cannot be recovered: write all"
                " tables again with 'headcount cluster backfill'"
            )


def archived(
    archive: Archive,
    partition: int,
    since: Mapping[RoomKey, Ms],
    next_offset: int,
    unknown: Collection[bytes] = (),
) -> list[KeyedEntry]:
    """Return the entries of rooms after a moment, of the records before an offset, without those with `unknown` keys."""
    first = min(since.values(), default=_ALWAYS)
    days = None if first == _ALWAYS else first - DAY_MS  # the clock of a source may be ahead
    return [
        keyed(entry)
        for entry, offset, is_inferred in archive.read(partition, since, since=days)
        if not is_inferred
        and offset < next_offset
        and entry.at > since[entry.domain, entry.room]
        and entry.key not in unknown
    ]


def pasts_before(
    database: Database, archive: Archive, partition: int, late: Sequence[LogEntry], reached: ShardProgress
) -> list[RoomPast]:
    """Return the pasts of the rooms of late entries, each from a moment before them at which nobody was in the room.

    `late` are all entries that the shard has refused, as of a round after `reached`. The rows must be read after
    this round, and the archive must be complete up to it.
    """
    first: dict[RoomKey, Ms] = {}
    for entry in late:
        key = (entry.domain, entry.room)
        first[key] = min(entry.first_at, first.get(key, entry.first_at))
    with consistent_read(database) as connection:
        since = dict.fromkeys(first, _ALWAYS) | last_marks(connection, first)
        rows = rows_since(connection, since)
        inferred = entries_since(connection, since)
    refused = {entry.key for entry in late}
    entries: defaultdict[RoomKey, list[KeyedEntry]] = defaultdict(list)
    for one in (*archived(archive, partition, since, reached.next_offset, refused), *inferred):
        entries[one[1].domain, one[1].room].append(one)
    of_rooms = _by_room(rows, since)
    return [RoomPast(*key, at, reached.round, entries[key], of_rooms[key]) for key, at in since.items()]


def _by_room(rows: BatchChanges, keys: Iterable[RoomKey]) -> dict[RoomKey, BatchChanges]:
    """Return the rows that a shard remembers of each room."""
    parts = {key: BatchChanges(0) for key in keys}
    for change in rows.marks:
        parts[change.domain, change.room].marks.append(change)
    for stay_key, stay in rows.stays.items():
        parts[stay_key[:2]].stays[stay_key] = stay
    for name, meeting in rows.meetings.items():
        if meeting is not None:
            parts[meeting.domain, meeting.room].meetings[name] = meeting
    for name, published in rows.published.items():
        parts[published.domain, published.room].published[name] = published
    return parts
