"""Entries: an event of the kernel as an entry of the log."""

from headcount.kernel.events import Event, Ms
from headcount.store.known_again import key_of_event, key_of_id
from headcount.store.rows import KIND_CODES, LogEntry, Origin


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
