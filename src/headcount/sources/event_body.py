"""Event body: an event in our own form, as it is posted."""

import msgspec


class EventBody(msgspec.Struct, forbid_unknown_fields=True):
    """One event as it is posted. `at` and `joined_at`: epoch seconds, or RFC 3339."""

    room: str
    kind: str
    participant_id: str | None = None
    at: int | float | str | None = None
    id: str | None = None
    user_id: str | None = None
    user_name: str | None = None
    source_session: str | None = None
    joined_at: int | float | str | None = None
