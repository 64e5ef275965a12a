"""Known again: by what an entry is recognised when it is delivered twice.

Its source's id if it has one; else all that it says. Whoever writes entries asks here, so that
what came by HTTP and comes again in a file is the same.
"""

from hashlib import blake2b

from headcount.kernel.events import Event, Ms
from headcount.store.records import KIND_CODES, LogEntry, Origin


def key_of_id(event_id: str) -> bytes:
    """The key of an event that has an id of its own."""
    return key_of("id", event_id)


def key_of_event(
    kind: str,
    room: str,
    participant_id: str | None,
    at: Ms,
    user_id: str | None,
    user_name: str | None,
    source_session: str | None,
    joined_at: Ms | None,
) -> bytes:
    """The key of an event that has none."""
    return key_of(
        kind,
        room,
        participant_id or "",
        str(at),
        user_id or "",
        user_name or "",
        source_session or "",
        "" if joined_at is None else str(joined_at),
    )


def key_of(*parts: str) -> bytes:
    """Sixteen bytes that stand for these texts; none of them holds U+0000."""
    return blake2b("\0".join(parts).encode(), digest_size=16).digest()


def entry_of(event: Event, domain: str, received: Ms, origin: Origin, key: bytes | None = None) -> LogEntry:
    """The entry that an event becomes.

    It is known again by `key`, if one is given; else by its id, or else by all that it says.
    """
    return LogEntry(
        domain=domain,
        room=event.room,
        kind=KIND_CODES[event.kind],
        at=event.at,
        received=received,
        participant_id=event.participant_id,
        user_id=event.user_id,
        user_name=event.user_name,
        source_session=event.source_session,
        joined_at=event.joined_at,
        inferred=None if event.inferred is None else event.inferred.value,
        event_id=event.id,
        key=_key(event) if key is None else key,
        origin=origin,
    )


def _key(event: Event) -> bytes:
    if event.id:
        return key_of_id(event.id)
    return key_of_event(
        event.kind if event.inferred is None else f"{event.kind} {event.inferred}",
        event.room,
        event.participant_id,
        event.at,
        event.user_id,
        event.user_name,
        event.source_session,
        event.joined_at,
    )
