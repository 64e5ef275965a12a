"""Rows: what goes into the store and comes out of it, as plain named tuples.

Times are milliseconds since the epoch. Field order is column order.
"""

from collections.abc import Iterable
from enum import IntEnum
from typing import Any, Final, NamedTuple

import msgspec

from headcount.kernel.events import Event, Inferred, Kind, Ms
from headcount.kernel.journal import Mark

KIND_CODES: Final[dict[str, int]] = {Kind.JOIN: 1, Kind.LEAVE: 2, Kind.END: 3}
KINDS: Final = {code: Kind(kind) for kind, code in KIND_CODES.items()}
DAY_MS: Final[Ms] = 86_400_000
"""Meetings are tallied by day."""
SNAPSHOT: Final = 4
"""The kind of an entry that lists who is in: `listed` holds them, as JSON."""


class Origin(IntEnum):
    """Which way an entry came into the log."""

    LIVE = 0
    IMPORTED = 1
    INFERRED = 2


class LogEntry(NamedTuple):
    """One entry to be appended. `key` makes it known again: the same key is the same entry."""

    domain: str
    room: str
    kind: int
    at: Ms
    received: Ms
    participant_id: str | None
    user_id: str | None
    user_name: str | None
    source_session: str | None
    joined_at: Ms | None
    inferred: str | None
    event_id: str | None
    key: bytes
    origin: int = Origin.LIVE
    listed: str | None = None


class AppendResult(NamedTuple):
    """What became of some entries: how many were new, how many known, and where the log ends now."""

    accepted: int
    duplicates: int
    position: int


class StoredEntry(NamedTuple):
    """One entry of the log as the engine reads it. `listed` is None for anything but a snapshot."""

    position: int
    domain: str
    room: str
    at: Ms
    received: Ms
    origin: int
    listed: str | None
    kind: int
    fields: tuple[Any, ...]

    @property
    def event(self) -> Event | None:
        """What the entry says, or None for a snapshot. Raises `InvalidEvent` if it makes no sense."""
        return None if self.kind == SNAPSHOT else decode_event(self.room, self.kind, self.at, *self.fields)


class RoomRow(NamedTuple):
    """How far a room has come. `deadline` is None while nothing is to come."""

    settled: Ms
    deadline: Ms | None
    checkpoint: str | None


class DeferredRoom(NamedTuple):
    """A room whose entries after `position` are not worked in yet, since `since` ms and until `retry` ms at least.

    `reason` says why it failed, `attempts` times, under `release`; it is None for a room that only waits its turn.
    """

    domain: str
    room: str
    position: int
    reason: str | None
    attempts: int
    since: Ms
    retry: Ms
    release: str


class StayRow(NamedTuple):
    domain: str
    room: str
    join: Ms
    participant_id: str
    leave: Ms | None
    left_by: str | None
    user_id: str | None
    user_name: str | None


class MeetingRow(NamedTuple):
    """A meeting. `carried_*` name the stay that went on into it when a reset began it (rule 7)."""

    domain: str
    id: str
    room: str
    start: Ms
    end: Ms | None
    max_participants: int
    carried_join: Ms | None = None
    carried_participant_id: str | None = None


class Correction(NamedTuple):
    """What was told of the time from `first` to `last` and what holds in its place, as JSON."""

    domain: str
    room: str
    corrected: Ms
    first: Ms
    last: Ms
    late: Ms
    because: str
    before_and_after: str


class SupersededMeeting(NamedTuple):
    """An id that was handed out for a meeting which a correction replaced (rule 16)."""

    domain: str
    id: str
    room: str
    start: Ms
    superseded: Ms


class NewMessage(NamedTuple):
    """A message to be written into the outbox: as `messages.Message`, without a position."""

    domain: str
    id: str
    type: str
    room: str
    at: Ms
    created: Ms
    said: str


class PendingNotification(NamedTuple):
    """Something is to be told of a meeting that began at `start`, from `due` on; `because` of a correction."""

    domain: str
    id: str
    due: Ms
    room: str
    start: Ms
    because: str | None = None


class PublishedMeeting(NamedTuple):
    """What the world was told of a meeting the last time, and how often that was revised."""

    domain: str
    id: str
    room: str
    start: Ms
    end: Ms | None
    max_participants: int
    participants: int
    revisions: int = 0


class MarkChange(NamedTuple):
    """The marks of a room in (after, to] are `marks` from now on."""

    domain: str
    room: str
    after: Ms
    to: Ms
    marks: tuple[Mark, ...]


StayKey = tuple[str, str, Ms, str]
RoomKey = tuple[str, str]


class BatchChanges:
    """All that one round of the engine changes: it is committed whole, or not at all.

    A stay or meeting that is None is taken out. `progress` is the end and the largest head count
    of meetings that are there already, `carried` the stay that a reset carried on into one, where
    that is another now. `checkpoints` hold only those that changed. `to_tell` is what is to be told of
    meetings later on, `told_of` what is settled of it, `told` what the world knows now. `to_tally` is in which
    time of a room meetings that are over have changed. `behind` are rooms that fell behind, or have caught up (None).

    Its containers are made when they are first used: a round has thousands of parts, and most parts use few.
    """

    cursor: int
    rooms: dict[RoomKey, tuple[Ms, Ms | None]]
    checkpoints: dict[RoomKey, str | None]
    stays: dict[StayKey, StayRow | None]
    meetings: dict[tuple[str, str], MeetingRow | None]
    progress: dict[tuple[str, str], tuple[Ms | None, int]]
    carried: dict[tuple[str, str], tuple[Ms, str]]
    marks: list[MarkChange]
    corrections: list[Correction]
    superseded: list[SupersededMeeting]
    to_tally: dict[RoomKey, tuple[Ms, Ms]]
    inferred: list[LogEntry]
    messages: list[NewMessage]
    to_tell: dict[tuple[str, str, Ms], PendingNotification]
    told: dict[tuple[str, str], PublishedMeeting]
    told_of: list[PendingNotification]
    behind: dict[RoomKey, DeferredRoom | None]
    __slots__ = (
        "_used",
        "behind",
        "carried",
        "checkpoints",
        "corrections",
        "cursor",
        "inferred",
        "marks",
        "meetings",
        "messages",
        "progress",
        "rooms",
        "stays",
        "superseded",
        "to_tally",
        "to_tell",
        "told",
        "told_of",
    )

    def __init__(self, cursor: int, **given: Any) -> None:
        self.cursor = cursor
        self._used = list(given)
        for name, container in given.items():
            setattr(self, name, container)

    def __getattr__(self, name: str) -> Any:
        """Make a container that is used for the first time."""
        make = _CONTAINERS.get(name)
        if make is None:
            raise AttributeError(name)
        made = make()
        setattr(self, name, made)
        self._used.append(name)
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BatchChanges) and self._filled() == other._filled()

    __hash__ = None  # type: ignore[assignment]

    def _filled(self) -> dict[str, Any]:
        used = {name: found for name in self._used if (found := getattr(self, name))}
        return {"cursor": self.cursor, **used}

    def add(self, part: "BatchChanges") -> None:
        """Take in what another room's part of the same round changes."""
        for name in part._used:  # noqa: SLF001 - another one of ours
            found, mine = getattr(part, name), getattr(self, name)
            (mine.update if isinstance(mine, dict) else mine.extend)(found)


_CONTAINERS: Final[dict[str, type[dict[Any, Any]] | type[list[Any]]]] = {
    "rooms": dict,
    "checkpoints": dict,
    "stays": dict,
    "meetings": dict,
    "progress": dict,
    "carried": dict,
    "marks": list,
    "corrections": list,
    "superseded": list,
    "to_tally": dict,
    "inferred": list,
    "messages": list,
    "to_tell": dict,
    "told": dict,
    "told_of": list,
    "behind": dict,
}


def decode_event(
    room: str,
    kind: int,
    at: Ms,
    participant_id: str | None,
    user_id: str | None,
    user_name: str | None,
    source_session: str | None,
    joined_at: Ms | None,
    inferred: str | None,
) -> Event:
    """The kernel's event of an entry."""
    guess = None if inferred is None else Inferred(inferred)
    return Event(KINDS[kind], room, at, participant_id, user_id, user_name, source_session, joined_at, guess)


def encode_unconfirmed(mark: Mark) -> str | None:
    """What is doubted at a mark, as JSON."""
    return msgspec.json.encode(mark.unconfirmed).decode() if mark.unconfirmed else None


def decode_mark(at: Ms, doubts: str | None) -> Mark:
    """The kernel's mark of a row."""
    return Mark(at, _deep_tuple(msgspec.json.decode(doubts)) if doubts else ())


def _deep_tuple(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(_deep_tuple(value) if isinstance(value, list) else value for value in values)
