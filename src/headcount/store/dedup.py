"""Deduplication: the keys by which the log recognizes an entry that arrives twice.

The key is the hash of the event's id. If it has none, the key is its time and the hash of all its fields. The keys of
recent events are neighbors, so a commit changes few pages of their index.

Responsible for keys and for building log entries, so that an event by HTTP and the same event in a file are one entry.
Must not know where an event came from.
"""

from hashlib import blake2b
from typing import Final

from headcount.kernel.attributes import Attributes
from headcount.kernel.events import Event, Ms
from headcount.store.records import KIND_CODES, SNAPSHOT, UNKNOWN_PROVENANCE, LogEntry, Origin, Provenance

_TIME_BYTES: Final = 6
_TIME_MASK: Final = (1 << 8 * _TIME_BYTES) - 1
_HASH_BYTES: Final = 10


def id_key(event_id: str) -> bytes:
    """Return the key of an event with an id."""
    return hash_key("id", event_id)


def content_key(
    kind: str,
    room: str,
    participant_id: str | None,
    at: Ms,
    user_id: str | None,
    user_name: str | None,
    source_session: str | None,
    joined_at: Ms | None,
    attributes: Attributes | None = None,
) -> bytes:
    """Return the key of an event without an id."""
    return timed_key(
        at,
        kind,
        room,
        participant_id or "",
        str(at),
        user_id or "",
        user_name or "",
        source_session or "",
        "" if joined_at is None else str(joined_at),
        *(() if attributes is None else (attributes,)),
    )


def inferred_key(inferred: str, cause: bytes, at: Ms, room: str, kind: str, participant_id: str) -> bytes:
    """Return the key of an inferred event. `cause` is the stored key of the snapshot from which it is inferred, or empty."""
    return timed_key(at, inferred, cause.hex(), room, kind, participant_id)


def timed_key(at: Ms, *parts: str) -> bytes:
    """Return a time and the start of the hash of texts, 16 bytes. Equal entries have equal times."""
    return (at & _TIME_MASK).to_bytes(_TIME_BYTES, "big") + hash_key(*parts)[:_HASH_BYTES]


def hash_key(*parts: str) -> bytes:
    """Return the hash of texts, 16 bytes. None of them contains U+0000."""
    return blake2b("\0".join(parts).encode(), digest_size=16).digest()


def entry_of(
    event: Event,
    domain: str,
    received: Ms,
    origin: Origin,
    key: bytes | None = None,
    provenance: Provenance = UNKNOWN_PROVENANCE,
) -> LogEntry:
    """Return the log entry of an event. `key` replaces the key that follows from the event."""
    return log_entry(
        domain, received, origin, event.kind, event.room, event.at, event.participant_id, event.user_id, event.user_name,
        event.source_session, event.joined_at, None if event.inferred is None else event.inferred.value, event.id,
        event.attributes, provenance, key,
    )  # fmt: skip


def log_entry(
    domain: str, received: Ms, origin: Origin, kind: str, room: str, at: Ms, participant_id: str | None,
    user_id: str | None, user_name: str | None, source_session: str | None, joined_at: Ms | None,
    inferred: str | None, event_id: str | None, attributes: Attributes | None = None,
    provenance: Provenance = UNKNOWN_PROVENANCE, key: bytes | None = None,
) -> LogEntry:  # fmt: skip
    """Return the log entry of the event with these fields. All entries of events are made here.

    Its key is `key` if that is given, else follows from its id, else from all its fields.
    """
    if key is None:
        key = id_key(event_id) if event_id else content_key(
            kind if inferred is None else f"{kind} {inferred}", room, participant_id, at, user_id, user_name,
            source_session, joined_at, attributes,
        )  # fmt: skip
    return LogEntry(
        domain, room, KIND_CODES[kind], at, received, participant_id, user_id, user_name, source_session, joined_at,
        inferred, event_id, key, int(origin), None, attributes, *provenance,
    )  # fmt: skip


def snapshot_entry(
    domain: str,
    received: Ms,
    room: str,
    at: Ms,
    participants: str,
    provenance: Provenance = UNKNOWN_PROVENANCE,
) -> LogEntry:
    """Return the log entry of a snapshot; `participants` are those in the room, as JSON."""
    key = timed_key(at, "snapshot", room, str(at), participants)
    return LogEntry(
        domain, room, SNAPSHOT, at, received, None, None, None, None, None, None, None, key, Origin.LIVE, participants,
        None, *provenance,
    )  # fmt: skip
