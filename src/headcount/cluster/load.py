"""Load: the meetings of one partition of an archive, as rows of the tables.

The past of a room ends where nobody was in it and every inferred leave was confirmed, longer ago than the retention. It is
worked by the compiled passes. What followed is worked by the engine, as a live query does, so that a shard can continue from
its rows.

Nothing is sent: the messages about these meetings were sent when they happened. What they reported is recorded, so that
a later correction is an update of it.

Responsible for the rows, and for writing them. Must not know Spark, or the rules.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from typing import Any, Final, NamedTuple, TypeVar

from headcount.batch.io.event_columns import AS_NAMED
from headcount.batch.rows import lists_of, taken
from headcount.batch.sessionize import sessionize_mapped
from headcount.batch.sessions import Sessions
from headcount.cluster.shard import ShardSettings, derive
from headcount.kernel.events import Ms
from headcount.kernel.journal import Mark
from headcount.kernel.rules import NEVER
from headcount.store.archive import Archive
from headcount.store.cell import CellRule
from headcount.store.records import (
    DAY_MS,
    BatchChanges,
    LogEntry,
    MarkChange,
    MeetingRow,
    PublishedMeeting,
    RoomKey,
    StayRow,
)
from headcount.store.shard_sink import ShardSink, when_available

_EVENT_COLUMNS: Final = (
    "room", "participant_id", "kind", "at", "user_id", "user_name", "domain", "source_session", "joined_at",
    "inferred", "attributes",
)  # fmt: skip
_HOUR_MS: Final[Ms] = 3_600_000
_ROWS: Final = 20_000
"""Rows in one transaction."""
_RECENT_ROOMS: Final = 500
"""Rooms that an engine works at once."""
_CLOCKS_MS: Final[Ms] = DAY_MS
"""An event may have a time this much later than its receipt."""
_T = TypeVar("_T")


class LoadSettings(NamedTuple):
    """What is loaded from where. `epoch` is that of the process that loads all partitions."""

    archive: str
    epoch: int
    shard: ShardSettings


class Loaded(NamedTuple):
    """How much was read and written. `next_offset` is the first that is not included, and `time` that of the last before it."""

    partition: int
    events: int
    meetings: int
    stays: int
    rooms: int
    recent_rooms: int
    next_offset: int
    time: Ms


def load_partition(settings: LoadSettings, sink: ShardSink, number: int) -> Loaded:
    """Write the rows of one partition, in which rooms must have none, for the domains of the cell. Raise `LeadershipLost` if another process loads or runs."""
    archive = Archive(settings.archive)
    next_offset = archive.require_state().events.get(number, 0)
    time = archive.latest(number)
    before = time - settings.shard.retention
    sessions = sessionize_mapped(
        archive.events(number, _EVENT_COLUMNS), AS_NAMED, rules=settings.shard.rules, empty_before=before, threads=1
    )  # fmt: skip
    cell = sink.cell()
    rooms = [room for room in _rooms(sessions, before) if cell.has(room.key[0])]
    recent = _recent(archive, number, rooms)
    pasts = [room for room in rooms if room.until is not None]
    written: Counter[str] = Counter()
    until = {room.key: room.until for room in pasts if room.until is not None}
    for batch in chain(
        _of_inferred(archive, number, cell),
        _of_pasts(sessions, pasts, until),
        _of_recent(settings, recent, until, time),
    ):
        written.update({name: len(getattr(batch, name)) for name in ("meetings", "stays")})
        when_available(partial(sink.load, batch, settings.epoch))
    return Loaded(
        number, sessions.summary.events, written["meetings"], written["stays"], len(rooms), len(recent), next_offset, time
    )  # fmt: skip


class _Room(NamedTuple):
    """A room, the time of its first event, and until when its past is over, if it is: nothing before has an effect later."""

    key: RoomKey
    first: Ms
    until: Ms | None
    is_over: bool


def _rooms(sessions: Sessions, before: Ms) -> Iterator[_Room]:
    for piece in sessions.found_rooms():
        columns = lists_of(piece, "domain", "room", "first_at", "last_at", "is_closed", "empty_at")
        for domain, room, first, last, is_closed, empty_at in zip(*columns, strict=True):
            is_over = is_closed and last < before
            yield _Room((domain, room), first, last if is_over else empty_at, is_over)


def _recent(archive: Archive, number: int, rooms: list[_Room]) -> dict[RoomKey, list[LogEntry]]:
    """Return the entries of each room since its past was over. The past of a room to which one of them refers is not over."""
    remaining = {room.key: room for room in rooms if not room.is_over}
    found = _entries_after(archive, number, remaining)
    reopened = [
        key for key, entries in found.items() if any(entry.first_at <= _until(remaining[key]) for entry in entries)
    ]  # fmt: skip
    if reopened:
        whole = {key: remaining[key]._replace(until=None) for key in reopened}
        rooms[:] = [whole.get(room.key, room) for room in rooms]
        found |= _entries_after(archive, number, whole)
    return found


def _entries_after(
    archive: Archive, number: int, rooms: Mapping[RoomKey, _Room]
) -> dict[RoomKey, list[LogEntry]]:
    found: dict[RoomKey, list[LogEntry]] = {key: [] for key in rooms}
    state = archive.require_state()
    ends = state.events.get(number, 0), state.inferred.get(number, 0)
    for some, after in _by_age(rooms):
        since = min(room.first for room in some.values()) if after is None else after
        for one in archive.read(number, some, since=max(0, since - _CLOCKS_MS), after=after):
            entry = one.entry
            key = (entry.domain, entry.room)
            if one.offset < ends[one.is_inferred] and entry.at > _until(some[key]):
                found[key].append(entry)
    return found


def _by_age(rooms: Mapping[RoomKey, _Room]) -> Iterator[tuple[dict[RoomKey, _Room], Ms | None]]:
    """Yield rooms with pasts that ended at similar times, each time with the earliest of these, or None without a past.

    A room whose past ended long ago costs no other one: what happened since is read together.
    """
    latest = max((room.until for room in rooms.values() if room.until is not None), default=0)
    groups: defaultdict[int, dict[RoomKey, _Room]] = defaultdict(dict)
    for key, room in rooms.items():
        age = -1 if room.until is None else ((latest - room.until) // _HOUR_MS).bit_length() // 2
        groups[age][key] = room
    for some in groups.values():
        yield some, min((room.until for room in some.values() if room.until is not None), default=None)


def _until(room: _Room) -> Ms:
    return -NEVER if room.until is None else room.until


def _of_inferred(archive: Archive, number: int, cell: CellRule) -> Iterator[BatchChanges]:
    """Yield what was inferred. It is in the database, because the topic of the events does not have it."""
    for some in _batched(
        (one.entry for one in archive.inferred(number) if cell.has(one.entry.domain)), _ROWS
    ):
        batch = BatchChanges(0)
        batch.inferred.extend(some)
        yield batch


def _of_pasts(
    sessions: Sessions, rooms: Sequence[_Room], until: Mapping[RoomKey, Ms]
) -> Iterator[BatchChanges]:
    """Yield the rows of the pasts that are over."""
    for some in _batched(rooms, _ROWS // 2):
        batch = BatchChanges(0)
        for key, first, *_ in some:
            at = until[key]
            batch.rooms[key] = (at, None, first)
            batch.marks.append(MarkChange(*key, at, at, (Mark(at),)))
        yield batch
    carried: dict[int, tuple[Ms, str]] = {}
    for piece in sessions.found_stays():
        keys = lists_of(taken(piece.stays, piece.carried), "join", "participant_id")
        carried.update(zip(map(int, piece.meetings), zip(*keys, strict=True), strict=True))
        for first in range(0, len(piece.stays), _ROWS):
            yield _of_stays(piece.stays.slice(first, _ROWS), until)
    for first in range(0, len(sessions.found), _ROWS // 2):
        yield _of_meetings(sessions.found.slice(first, _ROWS // 2), first, until, carried)


def _of_recent(
    settings: LoadSettings,
    recent: Mapping[RoomKey, Sequence[LogEntry]],
    until: Mapping[RoomKey, Ms],
    time: Ms,
) -> Iterator[BatchChanges]:
    """Yield the rows of what may still change."""
    for some in _batched(recent.values(), _RECENT_ROOMS):
        for batch in derive(settings.shard, [entry for entries in some for entry in entries], time):
            # The engine knows no past, and its mark remains. The usage of everything is requested at the end.
            batch.pending_rollups.clear()
            batch.marks[:] = [
                change._replace(after=max(change.after, until.get((change.domain, change.room), -NEVER)))
                for change in batch.marks
            ]
            yield batch


def _of_stays(table: Any, until: Mapping[RoomKey, Ms]) -> BatchChanges:
    batch = BatchChanges(0)
    columns = lists_of(
        table, "domain", "room", "join", "participant_id", "leave", "left_by", "user_id", "user_name", "attributes"
    )  # fmt: skip
    for row in zip(*columns, strict=True):
        if row[2] <= until.get(row[:2], -NEVER):
            batch.stays[row[:4]] = StayRow._make(row)
    return batch


def _of_meetings(
    table: Any, first: int, until: Mapping[RoomKey, Ms], carried: Mapping[int, tuple[Ms, str]]
) -> BatchChanges:
    """Return the rows of meetings from number `first` on, and what was published of them."""
    batch = BatchChanges(0)
    columns = lists_of(table, "domain", "id", "room", "start", "end", "max_participants", "participants")
    for number, row in enumerate(zip(*columns, strict=True), first):
        domain, name, room = row[:3]
        if row[3] <= until.get((domain, room), -NEVER):
            batch.meetings[domain, name] = MeetingRow(*row[:6], *carried.get(number, ()))
            batch.published[domain, name] = PublishedMeeting._make((*row, 0))
    return batch


def _batched(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    remaining = iter(items)
    while some := list(islice(remaining, size)):
        yield some
