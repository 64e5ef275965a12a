"""Records of the store, as named tuples. Times are milliseconds since the epoch. Field order is column order.

Responsible for the shapes of rows and of a batch of the engine, and for their encoding. Must not know SQL.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from enum import IntEnum
from itertools import islice
from operator import attrgetter
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from headcount.kernel.attributes import Attributes
from headcount.kernel.events import Event, Inferred, Kind, Ms
from headcount.kernel.journal import Mark

KIND_CODES: Final[dict[str, int]] = {Kind.JOIN: 1, Kind.LEAVE: 2, Kind.END: 3}
KINDS: Final = {code: Kind(kind) for kind, code in KIND_CODES.items()}
DAY_MS: Final[Ms] = 86_400_000
"""Meetings are counted by day."""
SNAPSHOT: Final = 4
"""The kind of an entry that lists the participants of a room: `snapshot` has them as JSON."""


class Origin(IntEnum):
    """The way in which an entry came into the log."""

    LIVE = 0
    IMPORTED = 1
    INFERRED = 2


class LogEntry(NamedTuple):
    """One entry to be appended. Entries with the same `key` are the same entry.

    `sender` and `digest` are its `Provenance`.
    """

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
    snapshot: str | None = None
    attributes: Attributes | None = None
    sender: str | None = None
    digest: bytes | None = None

    @property
    def first_at(self) -> Ms:
        """The earliest moment that the entry is about: a leave may know its join."""
        return self.at if self.joined_at is None else min(self.at, self.joined_at)

    def to_event(self) -> Event:
        """Return the event of an entry that is no snapshot. Raise `InvalidEvent` if it is not valid."""
        return decode_event(
            self.room, self.kind, self.at, self.participant_id, self.user_id, self.user_name, self.source_session,
            self.joined_at, self.inferred, self.attributes,
        )  # fmt: skip


class Provenance(NamedTuple):
    """Who delivered entries, and the SHA-256 of the delivery."""

    sender: str | None = None
    digest: bytes | None = None


UNKNOWN_PROVENANCE: Final = Provenance()


class AppendResult(NamedTuple):
    """The numbers of new and of duplicate entries, and the last position of the log."""

    accepted: int
    duplicates: int
    position: int


class StoredEntry(NamedTuple):
    """One entry of the log as the engine reads it. Field order is column order. Only a snapshot has its provenance and its key."""

    position: int
    domain: str
    received: Ms
    origin: int
    snapshot: str | None
    sender: str | None
    digest: bytes | None
    key: bytes | None
    room: str
    kind: int
    at: Ms
    participant_id: str | None
    user_id: str | None
    user_name: str | None
    source_session: str | None
    joined_at: Ms | None
    inferred: str | None
    attributes: Attributes | None

    @property
    def provenance(self) -> Provenance:
        """Who delivered a snapshot."""
        return Provenance(self.sender, self.digest)

    @property
    def event(self) -> Event | None:
        """The event of the entry, or None for a snapshot. Raise `InvalidEvent` if it is not valid."""
        return None if self.kind == SNAPSHOT else self.to_event()

    def to_event(self) -> Event:
        """Return the event of an entry that is no snapshot. Raise `InvalidEvent` if it is not valid."""
        _, _, _, _, _, _, _, _, room, kind, at, who, user, name, session, joined, inferred, attributes = self
        return Event(
            KINDS[kind], room, at, who, user, name, session, joined,
            None if inferred is None else Inferred(inferred), None, attributes,
        )  # fmt: skip


class RoomRow(NamedTuple):
    """The state of a room. `deadline` is None if nothing is due."""

    finalized: Ms
    deadline: Ms | None
    checkpoint: str | None


class KnownRoom(NamedTuple):
    """A room and the time of its first event."""

    name: str
    created: Ms


class DeferredRoom(NamedTuple):
    """A room with unprocessed entries after `position`, deferred at `since` ms and due again at `retry` ms.

    `reason` is the error of a quarantined room, which failed `attempts` times under `release`; it is None if the turn of
    the room was over.
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
    """A stay."""

    domain: str
    room: str
    join: Ms
    participant_id: str
    leave: Ms | None
    left_by: str | None
    user_id: str | None
    user_name: str | None
    attributes: Attributes | None = None


class PendingStayRow(NamedTuple):
    """An open stay that is too young to count (R14)."""

    domain: str
    room: str
    join: Ms
    participant_id: str
    user_id: str | None
    user_name: str | None
    attributes: Attributes | None = None


class MeetingRow(NamedTuple):
    """A meeting. `carried_*` are the key of the stay that continued into it when a reset started it (R7)."""

    domain: str
    id: str
    room: str
    start: Ms
    end: Ms | None
    max_participants: int
    carried_join: Ms | None = None
    carried_participant_id: str | None = None


class Correction(NamedTuple):
    """The stays and meetings from `first` to `last` ms before and after a correction, as JSON."""

    domain: str
    room: str
    corrected: Ms
    first: Ms
    last: Ms
    late: Ms
    reason: str
    before_and_after: str


class SupersededMeeting(NamedTuple):
    """The id of a meeting that a correction replaced (R16)."""

    domain: str
    id: str
    room: str
    start: Ms
    superseded: Ms


class NewMessage(NamedTuple):
    """A message for the outbox: `outbox.Message` without a position."""

    domain: str
    id: str
    type: str
    room: str
    at: Ms
    created: Ms
    payload: str


class RepeatableMessage(NewMessage):
    """A message about a change that may have been published before.

    Its id is that of the first message about the change. A repeated one gets a number when it is written: `ID-2`, `ID-3`.
    """

    __slots__ = ()


class MessagesOfDomain(Protocol):
    """Messages that are written only if their domain has subscribers."""

    @property
    def domain(self) -> str: ...
    def __iter__(self) -> Iterator[NewMessage]: ...


class PendingNotification(NamedTuple):
    """A notification about a meeting that started at `start`, due at `due` ms. `reason` is that of a correction."""

    domain: str
    id: str
    due: Ms
    room: str
    start: Ms
    reason: str | None = None


class PublishedMeeting(NamedTuple):
    """The content of the latest message about a meeting, and the number of published revisions."""

    domain: str
    id: str
    room: str
    start: Ms
    end: Ms | None
    max_participants: int
    participants: int
    revisions: int = 0


class MarkChange(NamedTuple):
    """Replaces the marks of a room in (after, to] by `marks`."""

    domain: str
    room: str
    after: Ms
    to: Ms
    marks: tuple[Mark, ...]


StayKey = tuple[str, str, Ms, str]
RoomKey = tuple[str, str]
Sizes = tuple[int, ...]
"""How many rows each container of a batch has."""


@dataclass(slots=True)
class BatchChanges:
    """The changes of one batch of the engine. A batch is committed atomically.

    A stay or meeting that is None is deleted, and a deferred room that is None has caught up. `rooms` are the finalized
    time, the deadline, and the time of the earliest event of the batch. `pending_stays` are open and too young to count.
    `progress` is the end and the peak participants of stored meetings, `carried` the key of the stay that a reset
    carried into one.
    `checkpoints` are those that changed. `pending_rollups` are the time ranges of rooms in which ended meetings changed.
    `reindexed` are those in which a meeting may have lost an attribute.
    `presence` are messages about joins and leaves, written in domains with subscribers.
    `notifications` become due later; `handled` are deleted, and `published` is what their messages reported.

    The parts of a batch, such as its rooms, are written one after the other, and none has keys of another. So a part is
    what was added between two `sizes`.
    """

    cursor: int
    rooms: dict[RoomKey, tuple[Ms, Ms | None, Ms | None]] = field(default_factory=dict)
    checkpoints: dict[RoomKey, str | None] = field(default_factory=dict)
    stays: dict[StayKey, StayRow | None] = field(default_factory=dict)
    pending_stays: dict[StayKey, PendingStayRow | None] = field(default_factory=dict)
    meetings: dict[tuple[str, str], MeetingRow | None] = field(default_factory=dict)
    progress: dict[tuple[str, str], tuple[Ms | None, int]] = field(default_factory=dict)
    carried: dict[tuple[str, str], tuple[Ms, str]] = field(default_factory=dict)
    marks: list[MarkChange] = field(default_factory=list)
    corrections: list[Correction] = field(default_factory=list)
    superseded: list[SupersededMeeting] = field(default_factory=list)
    pending_rollups: dict[RoomKey, tuple[Ms, Ms]] = field(default_factory=dict)
    reindexed: dict[RoomKey, tuple[Ms, Ms]] = field(default_factory=dict)
    inferred: list[LogEntry] = field(default_factory=list)
    messages: list[NewMessage] = field(default_factory=list)
    presence: list[MessagesOfDomain] = field(default_factory=list)
    notifications: dict[tuple[str, str, Ms], PendingNotification] = field(default_factory=dict)
    handled: list[PendingNotification] = field(default_factory=list)
    published: dict[tuple[str, str], PublishedMeeting] = field(default_factory=dict)
    deferred: dict[RoomKey, DeferredRoom | None] = field(default_factory=dict)

    def sizes(self) -> Sizes:
        """Return how much the batch has so far."""
        return tuple(map(len, _containers(self)))

    def add(self, other: "BatchChanges", first: Sizes, last: Sizes) -> None:
        """Add the part of another batch that was added between two of its sizes."""
        for mine, theirs, start, end in zip(_containers(self), _containers(other), first, last, strict=True):
            if start < end:
                (mine.update if isinstance(mine, dict) else mine.extend)(
                    islice(theirs.items() if isinstance(theirs, dict) else theirs, start, end)
                )

    def truncate(self, sizes: Sizes) -> None:
        """Remove what was added since the batch had these sizes."""
        for container, size in zip(_containers(self), sizes, strict=True):
            while len(container) > size:
                container.popitem() if isinstance(container, dict) else container.pop()


_containers: Final = attrgetter(*[field.name for field in fields(BatchChanges)][1:])


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
    attributes: Attributes | None,
) -> Event:
    """Return the event of an entry."""
    cause = None if inferred is None else Inferred(inferred)
    return Event(
        KINDS[kind], room, at, participant_id, user_id, user_name, source_session, joined_at, cause, None, attributes
    )  # fmt: skip


def listed_in(snapshot: str | None) -> list[dict[str, Any]]:
    """Return who is listed in a snapshot. One that cannot be read quarantines its room, and lists nobody here."""
    try:
        return msgspec.json.decode(snapshot or "[]", type=list[dict[str, Any]])
    except msgspec.MsgspecError:
        return []


def encode_unconfirmed(mark: Mark) -> str | None:
    """Return the unconfirmed inferred leaves of a mark, as JSON."""
    return msgspec.json.encode(mark.unconfirmed).decode() if mark.unconfirmed else None


def decode_mark(at: Ms, unconfirmed: str | None) -> Mark:
    """Return the mark of a row."""
    return Mark(at, _deep_tuple(msgspec.json.decode(unconfirmed)) if unconfirmed else ())


def _deep_tuple(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(_deep_tuple(value) if isinstance(value, list) else value for value in values)
