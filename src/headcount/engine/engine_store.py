"""Engine store: what the engine reads and writes.

The store of a service implements it on a database (`headcount.store`), and a shard of a cluster in memory
(`headcount.cluster.shard_store`). One suite of tests holds both to the same contract.

Responsible for the interface. Must not know an implementation.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from headcount.kernel.events import Event, Ms
from headcount.kernel.journal import JournalProtocol
from headcount.store.outbox import MeetingState
from headcount.store.records import (
    BatchChanges,
    DeferredRoom,
    MarkChange,
    PendingNotification,
    RoomKey,
    RoomRow,
    StoredEntry,
)


class EngineJournal(JournalProtocol, Protocol):
    """The finalized past of one room, with what the current batch adds."""

    frozen: Ms
    """Events up to this time do not exist any more."""

    def take_changes(self) -> list[MarkChange]:
        """Return the changes of marks to commit."""

    def committed(self, finalized: Ms, position: int) -> None:
        """Note that everything in memory is committed."""


class EngineLog(Protocol):
    """The log. See `headcount.store.log.Log` for each method."""

    def after(self, position: int, limit: int) -> Sequence[StoredEntry]: ...
    def in_domain(
        self, domain: str, after: int, until: int, limit: int, *, room: str | None = None
    ) -> Sequence[StoredEntry]: ...


class EngineProjections(Protocol):
    """What the engine derives. See `headcount.store.projections.Projections` for each method."""

    def cursor(self) -> tuple[int, int]: ...
    def deadlines(self) -> list[tuple[Ms, str, str]]: ...
    def deferred_rooms(self) -> list[DeferredRoom]: ...
    def room(self, domain: str, room: str) -> RoomRow | None: ...
    def room_rows(self, keys: Sequence[RoomKey]) -> dict[RoomKey, RoomRow]: ...
    def frozen(self, keys: Sequence[RoomKey]) -> dict[RoomKey, Ms]: ...
    def journal(self, domain: str, room: str, finalized: Ms, position: int) -> EngineJournal: ...
    def events_after(self, domain: str, room: str, after: Ms, position: int) -> list[Event]: ...
    def inferred_after(self, domain: str, room: str, after: Ms, position: int) -> list[Event]: ...
    def imported_until(self, domain: str, room: str, after: Ms, position: int) -> Ms | None: ...
    def rejection(self, part: BatchChanges) -> Exception | None: ...
    def commit(self, batch: BatchChanges, epoch: int) -> float: ...


class EngineNotifications(Protocol):
    """Notifications that are not published yet. See `headcount.store.outbox.PendingNotifications` for each method."""

    def next_due(self) -> Ms: ...
    def due(self, now: Ms, limit: int) -> list[PendingNotification]: ...
    def states(
        self, due: Mapping[tuple[str, str], Sequence[PendingNotification]], horizon: Ms
    ) -> dict[tuple[str, str], MeetingState]: ...


class EngineErasures(Protocol):
    """Erasures of people: see `headcount.engine.erasure.Eraser` for each method."""

    def refresh(self) -> None: ...
    def redacted(self, entries: Sequence[StoredEntry], cursor: int) -> Sequence[StoredEntry]: ...
    def step(self, cursor: int, now: Ms) -> bool: ...


class EngineStore(Protocol):
    """The store of an engine."""

    @property
    def log(self) -> EngineLog: ...
    @property
    def projections(self) -> EngineProjections: ...
    @property
    def notifications(self) -> EngineNotifications: ...
