"""Events of one room, as sources report them.

Responsible for the fields of an event and their validation. Must not know what an event means: see `stay_table.py`.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from headcount.kernel.attributes import Attributes
from headcount.kernel.names import NUL, nul_message

Ms = int
"""A time or a duration in whole milliseconds; times count from the Unix epoch."""


class Kind(StrEnum):
    """The kind of an event: a join, a leave, or the end of the room."""

    JOIN = "join"
    LEAVE = "leave"
    END = "end"


class Inferred(StrEnum):
    """The evidence for an event that no source reported (R3a)."""

    SNAPSHOT = "snapshot"
    TIMEOUT = "timeout"
    ROOM_RESTARTED = "room_restarted"


class InvalidEvent(ValueError):
    """An event with invalid fields. The message gives the reason and the fix."""


@dataclass(slots=True, unsafe_hash=True)
class Event:
    """One fact about one room (R1). Nothing may change it: it is not frozen only because that doubles the cost of making it.

    `at` and `joined_at` are milliseconds since the epoch. `participant_id` names a
    connection and is absent from an `end`, which concerns everybody. `joined_at` is
    the time of the join, on a `leave` that knows it. `inferred` is None for a
    reported event. An empty `user_id`, `user_name` or `source_session` means
    unknown, as None does. `attributes` are those of the participant at this event, in
    canonical form (see `attributes.py`); an `end` has none.

    Raises `InvalidEvent` where the fields contradict each other, and for a text that contains U+0000.
    """

    kind: Kind
    room: str
    at: Ms
    participant_id: str | None = None
    user_id: str | None = None
    user_name: str | None = None
    source_session: str | None = None
    joined_at: Ms | None = None
    inferred: Inferred | None = None
    id: str | None = None
    attributes: Attributes | None = None

    def __post_init__(self) -> None:
        if not self.room:
            raise InvalidEvent("an event must name its room")
        if self.kind is _END:
            if self.participant_id is not None:
                raise InvalidEvent(
                    "an 'end' applies to the whole room and has no participant_id; send a leave instead"
                )
            if self.attributes is not None:
                raise InvalidEvent(
                    "an 'end' applies to the whole room and has no attributes; send them with a join or a leave"
                )
        elif not self.participant_id:
            raise InvalidEvent(f"a '{self.kind}' must name its participant_id")
        if self.joined_at is not None:
            if self.kind is not Kind.LEAVE:
                raise InvalidEvent(f"joined_at belongs to a 'leave', not to a '{self.kind}'")
            if self.joined_at > self.at:
                raise InvalidEvent(f"joined_at ({self.joined_at}) is after at ({self.at})")
        # All events pass here, and one search is faster than six.
        if NUL in "".join(
            (
                self.room,
                self.participant_id or "",
                self.user_id or "",
                self.user_name or "",
                self.source_session or "",
                self.id or "",
            )
        ):
            raise InvalidEvent(nul_message(_first_with_nul(self)))
        if self.user_id == "" or self.user_name == "" or self.source_session == "":
            _clear_empty_texts(self)


_END = Kind.END
_TEXTS = ("room", "participant_id", "user_id", "user_name", "source_session", "id")


def _first_with_nul(event: Event) -> str:
    """Return the name of the first field that contains U+0000."""
    return next(name for name in _TEXTS if NUL in (getattr(event, name) or ""))


def _clear_empty_texts(event: Event) -> None:
    for name in ("user_id", "user_name", "source_session"):
        if getattr(event, name) == "":
            setattr(event, name, None)


def implied_join(leave: Event) -> Event:
    """Return the join that a leave with `joined_at` implies (R1)."""
    assert leave.joined_at is not None
    return replace(leave, kind=Kind.JOIN, at=leave.joined_at, joined_at=None)


def with_implied_join(event: Event) -> tuple[Event, ...]:
    """Return the event, after the join that it implies if it is a leave with `joined_at` (R1)."""
    return (event,) if event.joined_at is None else (implied_join(event), event)
