"""Inferring: events that no source reported, worked out from what is known and written into the log.

Who is not on a list of those present has left without a word; who is on it and unknown has
come without one (R3a). Whoever stays longer than anybody can, has left, too.
"""

from collections.abc import Iterator
from hashlib import blake2b

import msgspec

from headcount.kernel.events import Inferred, Kind, Ms
from headcount.kernel.room import Room
from headcount.store.records import KIND_CODES, LogEntry, Origin, StoredEntry


class SnapshotParticipant(msgspec.Struct):
    """One of those who were in a room when somebody looked."""

    participant_id: str
    user_id: str | None = None
    user_name: str | None = None


_LIST = msgspec.json.Decoder(list[SnapshotParticipant])


def infer_from_snapshot(room: Room, snapshot: StoredEntry) -> Iterator[LogEntry]:
    """What a list of those present says that was not known: who came, and who went."""
    assert snapshot.listed is not None
    listed = {one.participant_id: one for one in _LIST.decode(snapshot.listed)}
    known = room.participants_at(snapshot.at)
    said = (str(snapshot.position), Inferred.SNAPSHOT)
    for who in sorted(known.keys() - listed.keys()):
        yield _entry(room, Kind.LEAVE, snapshot.at, snapshot.received, SnapshotParticipant(who), *said)
    for who in sorted(listed.keys() - known.keys()):
        yield _entry(room, Kind.JOIN, snapshot.at, snapshot.received, listed[who], *said)


def infer_timeouts(room: Room, max_stay: Ms, now: Ms) -> Iterator[LogEntry]:
    """Leaves for those who have been in for `max_stay` ms at `now` without anybody having closed it."""
    first = room.earliest_join()
    if first is None or first + max_stay > now:
        return
    for stay in room.open_stays():
        left = stay.join + max_stay
        if left <= now:
            who = SnapshotParticipant(stay.participant_id)
            yield _entry(room, Kind.LEAVE, left, now, who, str(stay.join), Inferred.TIMEOUT)


def next_timeout(room: Room, max_stay: Ms) -> Ms | None:
    """When the next of those who are in will have been in for `max_stay` ms."""
    first = room.earliest_join()
    return None if first is None else first + max_stay


def _entry(
    room: Room, kind: Kind, at: Ms, received: Ms, who: SnapshotParticipant, cause: str, inferred: Inferred
) -> LogEntry:
    text = f"{inferred}\0{cause}\0{room.name}\0{kind}\0{who.participant_id}"
    return LogEntry(
        domain=room.domain,
        room=room.name,
        kind=KIND_CODES[kind],
        at=at,
        received=received,
        participant_id=who.participant_id,
        user_id=who.user_id,
        user_name=who.user_name,
        source_session=None,
        joined_at=None,
        inferred=inferred.value,
        event_id=None,
        key=blake2b(text.encode(), digest_size=16).digest(),
        origin=Origin.INFERRED,
    )
