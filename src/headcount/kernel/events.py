"""Events: what a source says happened in a room.

This module knows what an event may say and refuses those that say nothing
sensible. It does not know what an event means: that is `stays.py`.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from headcount.kernel.names import NUL, divided

Ms = int
"""A moment or a span in whole milliseconds; moments count from the Unix epoch."""


class Kind(StrEnum):
    """What happened: somebody came, somebody went, or the room was closed."""

    JOIN = "join"
    LEAVE = "leave"
    END = "end"


class Inferred(StrEnum):
    """How an event came to be believed that no source reported (rule 3a)."""

    SNAPSHOT = "snapshot"
    TIMEOUT = "timeout"
    SUPERSEDED = "superseded"


class InvalidEvent(ValueError):
    """The event cannot be true as it stands. The message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Event:
    """One fact about one room (rule 1).

    `at` and `joined_at` are milliseconds since the epoch. `participant_id` names a
    connection and is absent from an `end`, which is about everybody. `joined_at`
    belongs to a `leave` that also knows when its join was. `inferred` is None for
    what the source reported itself. An empty `user_id`, `user_name` or
    `source_session` means that it is not known, as None does.

    Raises `InvalidEvent` where the fields contradict each other, and for a text that holds U+0000.
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

    def __post_init__(self) -> None:
        if not self.room:
            raise InvalidEvent("an event must name its room")
        if self.kind is _END:
            if self.participant_id is not None:
                raise InvalidEvent("an 'end' is about the whole room: leave participant_id out")
        elif not self.participant_id:
            raise InvalidEvent(f"a '{self.kind}' must name its participant_id")
        if self.joined_at is not None:
            if self.kind is not Kind.LEAVE:
                raise InvalidEvent(f"joined_at belongs to a 'leave', not to a '{self.kind}'")
            if self.joined_at > self.at:
                raise InvalidEvent(f"joined_at ({self.joined_at}) is after at ({self.at})")
        # Every event passes here, so all texts are looked at in one go.
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
            raise InvalidEvent(divided(_first_divided(self)))
        if self.user_id == "" or self.user_name == "" or self.source_session == "":
            _forget_what_is_empty(self)


_END = Kind.END
_TEXTS = ("room", "participant_id", "user_id", "user_name", "source_session", "id")


def _first_divided(event: Event) -> str:
    """The name of the first text that holds U+0000."""
    return next(name for name in _TEXTS if NUL in (getattr(event, name) or ""))


def _forget_what_is_empty(event: Event) -> None:
    for unknown in ("user_id", "user_name", "source_session"):
        if getattr(event, unknown) == "":
            object.__setattr__(event, unknown, None)


def join_of(leave: Event) -> Event:
    """The join that a leave with `joined_at` stands for (R1)."""
    assert leave.joined_at is not None
    return replace(leave, kind=Kind.JOIN, at=leave.joined_at, joined_at=None)


def facts(event: Event) -> tuple[Event, ...]:
    """All that one event says: a leave with `joined_at` stands for a join, too (R1)."""
    return (event,) if event.joined_at is None else (join_of(event), event)
