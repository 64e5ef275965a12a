"""Inference: joins and leaves that no source reported, inferred from snapshots and timeouts (R3a).

A participant who is missing from a snapshot has left; one who is on it and unknown has joined. A participant who
stays longer than `stale_after` has left.

Responsible for the log entries of inferred events. Must not know how they are committed.
"""

from collections.abc import Iterable, Iterator

import msgspec

from headcount.kernel.attributes import Value, canonical
from headcount.kernel.events import Event, Inferred, Kind, Ms
from headcount.kernel.room import Room
from headcount.store.dedup import inferred_key
from headcount.store.records import KIND_CODES, UNKNOWN_PROVENANCE, LogEntry, Origin, Provenance, StoredEntry


class SnapshotParticipant(msgspec.Struct):
    """One participant of a snapshot."""

    participant_id: str
    user_id: str | None = None
    user_name: str | None = None
    attributes: dict[str, Value] | None = None


_DECODER = msgspec.json.Decoder(list[SnapshotParticipant])


def infer_from_snapshot(room: Room, entry: StoredEntry, unread: Iterable[Event] = ()) -> Iterator[LogEntry]:
    """Yield the joins and leaves that a snapshot reveals, with its provenance.

    `unread` was inferred from earlier snapshots, and the room has not received it yet.

    Their keys follow from that of the snapshot, and not from its position, which differs between one engine and a cluster.
    """
    assert entry.snapshot is not None
    assert entry.key is not None
    listed = {one.participant_id: one for one in _DECODER.decode(entry.snapshot)}
    known = room.participants_at(entry.at, unread)
    cause = (Inferred.SNAPSHOT, entry.key)
    for who in sorted(known.keys() - listed.keys()):
        yield _entry(
            room, Kind.LEAVE, entry.at, entry.received, SnapshotParticipant(who), *cause, entry.provenance
        )
    for who in sorted(listed.keys() - known.keys()):
        yield _entry(room, Kind.JOIN, entry.at, entry.received, listed[who], *cause, entry.provenance)


def infer_timeouts(room: Room, stale_after: Ms, now: Ms) -> Iterator[LogEntry]:
    """Yield leaves of the stays that have lasted `stale_after` ms at `now`."""
    first = room.earliest_join()
    if first is None or first + stale_after > now:
        return
    for stay in room.open_stays():
        left = stay.join + stale_after
        if left <= now:
            who = SnapshotParticipant(stay.participant_id)
            yield _entry(room, Kind.LEAVE, left, now, who, Inferred.TIMEOUT, b"")


def next_timeout(room: Room, stale_after: Ms) -> Ms | None:
    """Return when the earliest open stay will have lasted `stale_after` ms, or None."""
    first = room.earliest_join()
    return None if first is None else first + stale_after


def _entry(
    room: Room, kind: Kind, at: Ms, received: Ms, who: SnapshotParticipant, inferred: Inferred, cause: bytes,
    provenance: Provenance = UNKNOWN_PROVENANCE,
) -> LogEntry:  # fmt: skip
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
        key=inferred_key(inferred, cause, at, room.name, kind, who.participant_id),
        origin=Origin.INFERRED,
        attributes=canonical(who.attributes) if who.attributes else None,
        sender=provenance.sender,
        digest=provenance.digest,
    )
