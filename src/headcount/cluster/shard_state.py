"""Shard state: what a shard saves, so that another process can continue from it.

A shard saves **rounds**: the entries that it received and the batches that it committed, in their order. Applying all
rounds to an empty store restores it, so the state is a log of its own. Rounds are stored in **chunks**. Small chunks
are merged, and when the rounds since the last **base** have outgrown it, a new base replaces everything: rounds that
write all rows at once. Saving a round therefore costs as much as the round, on average, and not as much as the shard.

Responsible for the encoding of rounds, and for which chunks exist. Must not know what stores the chunks.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol

import msgspec

from headcount.cluster.shard_room import Forgotten, KeyedEntry, RoomPast
from headcount.cluster.shard_store import ShardStore
from headcount.errors import HeadcountError
from headcount.kernel.events import Ms
from headcount.store.records import (
    BatchChanges,
    DeferredRoom,
    MarkChange,
    MeetingRow,
    PendingNotification,
    PublishedMeeting,
    StayRow,
    StoredEntry,
    decode_mark,
    encode_unconfirmed,
)
from headcount.store.shard_sink import ShardProgress

FORMAT: Final = 1
"""The version of the encoding."""
_MIN_BASE_BYTES: Final = 1_000_000
"""Rounds since the last base may take this much space before a new one is written, or as much as the base."""
_BASE_ROOMS: Final = 1_000
"""Rooms in one chunk of a base."""

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder().decode


class UnknownStateFormat(HeadcountError):
    """The state was written by a later release."""


class Chunks(Protocol):
    """A map from numbers to bytes. Its changes are saved together with those of the head."""

    def get(self, number: int) -> bytes: ...
    def put(self, number: int, value: bytes) -> None: ...
    def remove(self, number: int) -> None: ...


class Head(msgspec.Struct, array_like=True):
    """Which chunks there are, and the time of the engine in ms. `version` is the number of the last saved round."""

    format: int = FORMAT
    version: int = 0
    time: Ms = 0
    next_offset: int = 0
    """The offset of the first record of the shard's partition that is not in its state."""
    next_number: int = 0
    base: list[int] = []
    base_bytes: int = 0
    recent: list[tuple[int, int]] = []
    """Number and size of the chunks since the base."""
    timer: Ms | None = None
    """When the shard has its next round if it receives nothing."""

    @property
    def progress(self) -> ShardProgress:
        """How far the shard has come."""
        return ShardProgress(self.version, self.next_offset, self.time)

    @staticmethod
    def decode(encoded: bytes) -> "Head":
        """Return the head that `encode` encoded. Raise `UnknownStateFormat` if a later release wrote it."""
        head = _decode_head(encoded)
        if head.format > FORMAT:
            raise UnknownStateFormat(
                f"the state of this shard has format {head.format}, and this release reads up to {FORMAT}: run the"
                " release that wrote it, or start with a new database and a new checkpoint"
            )
        return head

    def encode(self) -> bytes:
        """Return the head as bytes."""
        return _encode(self)


_decode_head: Final = msgspec.msgpack.Decoder(Head).decode


def restored(head: Head, chunks: Chunks) -> ShardStore:
    """Return the store as it was when the last round was saved."""
    store = ShardStore()
    store.time = head.time
    for number in (*head.base, *(number for number, _ in head.recent)):
        for encoded in _decode(chunks.get(number)):
            _apply(store, encoded)
    return store


def save(
    head: Head,
    chunks: Chunks,
    store: ShardStore,
    entries: Sequence[KeyedEntry],
    batches: Sequence[BatchChanges],
    forgotten: Sequence[Forgotten] = (),
    pasts: Sequence[RoomPast] = (),
) -> None:
    """Save a round that is in `store` already. It began with some pasts, and ended by forgetting the pasts of some rooms."""
    head.version += 1
    _put(head, chunks, [_encode_round(entries, batches, forgotten, pasts)])
    while len(head.recent) > 1 and head.recent[-2][1] < 2 * head.recent[-1][1]:
        _merge_last_two(head, chunks)
    if sum(size for _, size in head.recent) > max(head.base_bytes, _MIN_BASE_BYTES):
        _write_base(head, chunks, store)


def begin(reached: ShardProgress, chunks: Chunks, store: ShardStore) -> Head:
    """Save a store as the state of a shard that has none, and return its head."""
    head = Head(version=reached.round, next_offset=reached.next_offset, time=reached.time)
    _write_base(head, chunks, store)
    return head


def _put(head: Head, chunks: Chunks, rounds: Sequence[bytes]) -> None:
    value = _encode(rounds)
    chunks.put(head.next_number, value)
    head.recent = [*head.recent, (head.next_number, len(value))]
    head.next_number += 1


def _merge_last_two(head: Head, chunks: Chunks) -> None:
    numbers = [number for number, _ in head.recent[-2:]]
    head.recent = head.recent[:-2]
    _put(head, chunks, [encoded for number in numbers for encoded in _decode(chunks.get(number))])
    for number in numbers:
        chunks.remove(number)


def _write_base(head: Head, chunks: Chunks, store: ShardStore) -> None:
    before = [*head.base, *(number for number, _ in head.recent)]
    head.recent = []
    keys = store.keys()
    for start in range(0, len(keys), _BASE_ROOMS):
        some = keys[start : start + _BASE_ROOMS]
        entries, batch = store.everything(some)
        _put(head, chunks, [_encode_round(entries, [batch], store.forgotten(some))])
    head.base = [number for number, _ in head.recent]
    head.base_bytes = sum(size for _, size in head.recent)
    head.recent = []
    for number in before:
        chunks.remove(number)


# The encoding of a round.

_ROWS: Final[dict[str, tuple[int, Any]]] = {
    "stays": (4, StayRow),
    "meetings": (2, MeetingRow),
    "notifications": (3, PendingNotification),
    "published": (2, PublishedMeeting),
    "deferred": (2, DeferredRoom),
}
"""Rows that begin with their key, and its length. A row that is deleted is its key alone."""
_VALUES: Final = ("rooms", "checkpoints", "progress", "carried")
"""Values that do not contain their key."""


def _encode_round(
    entries: Sequence[KeyedEntry],
    batches: Sequence[BatchChanges],
    forgotten: Sequence[Forgotten],
    pasts: Sequence[RoomPast] = (),
) -> bytes:
    saved = [dict(_saved(batch)) for batch in batches]
    return _encode((_flat(entries), saved, forgotten, [encode_past(one) for one in pasts]))


def encode_past(past: RoomPast) -> bytes:
    """Return a past as bytes."""
    return _encode((*past[:4], _flat(past.entries), dict(_saved(past.rows))))


def decode_past(encoded: bytes) -> RoomPast:
    """Return the past that `encode_past` encoded. Raise `msgspec.MsgspecError` or `ValueError` if it is none."""
    domain, room, since, number, entries, rows = _decode(encoded)
    stored = [(key, StoredEntry._make(values)) for key, *values in entries]
    return RoomPast(domain, room, since, number, stored, _batch(rows))


def _flat(entries: Sequence[KeyedEntry]) -> list[tuple[Any, ...]]:
    return [(key, *entry) for key, entry in entries]


def _saved(batch: BatchChanges) -> Iterator[tuple[str, Any]]:
    """Yield what a batch changes in the store of a shard, by name."""
    yield "cursor", batch.cursor
    for name in _ROWS:
        if changes := getattr(batch, name):
            yield name, [key if row is None else row for key, row in changes.items()]
    for name in _VALUES:
        if changes := getattr(batch, name):
            yield name, list(changes.items())
    if batch.handled:
        yield "handled", batch.handled
    if batch.marks:
        yield (
            "marks",
            [
                (*change[:4], [(mark.at, encode_unconfirmed(mark)) for mark in change.marks])
                for change in batch.marks
            ],
        )


def _apply(store: ShardStore, encoded: bytes) -> None:
    entries, batches, forgotten, pasts = _decode(encoded)
    for past in pasts:
        store.remember(decode_past(past))
    for key, *values in entries:
        store.restore(key, StoredEntry._make(values))
    for saved in batches:
        store.apply(_batch(saved))
    store.forget([tuple(one) for one in forgotten])


def _batch(saved: dict[str, Any]) -> BatchChanges:
    batch = BatchChanges(saved["cursor"])
    for name, (length, row_type) in _ROWS.items():
        changes = getattr(batch, name)
        for values in saved.get(name, ()):
            key = tuple(values[:length])
            changes[key] = None if len(values) == length else row_type._make(values)
    for name in _VALUES:
        changes = getattr(batch, name)
        for key, value in saved.get(name, ()):
            changes[tuple(key)] = tuple(value) if isinstance(value, list) else value
    batch.handled.extend(PendingNotification._make(values) for values in saved.get("handled", ()))
    for domain, room, after, to, marks in saved.get("marks", ()):
        batch.marks.append(MarkChange(domain, room, after, to, tuple(decode_mark(*mark) for mark in marks)))
    return batch
