"""Known again: by what an entry is recognised when it is delivered twice.

Its source's id if it has one; else all that it says. Whoever writes entries asks here, so that
what came by HTTP and comes again in a file is the same.
"""

from hashlib import blake2b

from headcount.kernel.events import Ms


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
