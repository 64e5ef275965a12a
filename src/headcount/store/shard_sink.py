"""Shard sink: the rounds of a cluster's shards, written into the tables that an engine would write.

A round is written in one transaction with its number, so a round that is written again changes nothing. Only the
driver of the current epoch may write, so a driver that was replaced writes nothing.

Responsible for one transaction per round. Must not know how a round was computed.
"""

from collections.abc import Callable, Mapping, Sequence
from time import monotonic, sleep
from typing import Any, Final, NamedTuple

from headcount.kernel.events import Ms
from headcount.store.cell import CellRule, read_cell
from headcount.store.database import Connection, Database, LeadershipLost, StoreBusy, StoreError
from headcount.store.projections import write_messages, write_rows
from headcount.store.records import BatchChanges, LogEntry
from headcount.store.replacement import clear_tables

QUERY_TIMEOUT_MS: Final[Ms] = 15_000
"""A live query reports every second, also without events. One that has not reported for this time does not run."""
_RETRY_S: Final = 60.0
_PAUSE_S: Final = 0.5
_INFERRED: Final = 1_000
"""After this number of entries that shards have inferred, the cursor of the log moves past them."""
_LOADING: Final = -1
"""The round of a shard until all are loaded. No round follows it, so no live query can write."""


class StateMismatch(StoreError):
    """The state of a shard is not the one that the tables were written from."""


class ShardProgress(NamedTuple):
    """The last round of a shard that is written, the next offset of its partition, and the time of the round in ms."""

    round: int = 0
    next_offset: int = 0
    time: Ms = 0


class Progress(NamedTuple):
    """How far a live query has come. Times are ms; field order is column order.

    What the topic received until `processed_until` is processed. `behind` is the number of records that were unread
    when the last batch began.
    """

    reported: Ms
    processed_until: Ms
    batches: int
    entries: int
    bad_records: int
    behind: int
    rounds: int = 0
    cached_rounds: int = 0

    @property
    def hit_ratio(self) -> float | None:
        """How many of the rounds of shards found their shard in memory, from 0 to 1, or None before the first round."""
        return self.cached_rounds / self.rounds if self.rounds else None


class Occupancy(NamedTuple):
    """How many rooms are occupied, how many stays are open, and how many rooms are quarantined. Field order is column order."""

    rooms: int = 0
    participants: int = 0
    quarantined_rooms: int = 0


class ShardSink:
    """Where the shards of one cell write."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def prepare(self, shards: int) -> None:
        """Add the rows of this number of shards. Raise `StateMismatch` if the tables were written by another number.

        Then rooms would be in other shards than before, and their state would be lost.
        """
        known = self.shards()
        if len(known) not in (0, shards):
            raise StateMismatch(
                f"the topic has {shards} partitions, and the tables were written by {len(known)} shards: the number of"
                " partitions cannot change. Use a new database, topic and checkpoint"
            )
        if _is_loading(known):
            raise StateMismatch(
                "a backfill of this database has not ended: run 'headcount cluster backfill' again"
            )
        with self._database.writing() as connection:
            connection.write("insert_shard", [(shard, *ShardProgress()) for shard in range(shards)])

    def assign(self, cell: CellRule) -> None:
        """Record which domains the cell has."""
        with self._database.writing() as connection:
            connection.run("assign_domains", domains=cell.encode())

    def cell(self) -> CellRule:
        """Return which domains the cell has."""
        with self._database.reading() as connection:
            return read_cell(connection)

    def shards(self) -> dict[int, ShardProgress]:
        """Return how far each shard has come."""
        with self._database.reading() as connection:
            return _shards(connection)

    def report(self, progress: Progress, epoch: int) -> None:
        """Record how far the live query has come; its numbers are added. Raise `LeadershipLost` as `write` does."""
        with self._database.writing() as connection:
            _require_epoch(connection, epoch)
            connection.run("report_progress", **progress._asdict())
        # Not in the same transaction: it waits for those of the shards, and they must not wait for it.
        with self._database.writing() as connection:
            connection.run("pass_inferred", least=_INFERRED)

    def progress(self) -> Progress | None:
        """Return how far the live query has come, or None before its first batch."""
        with self._database.reading() as connection:
            row = connection.row("select_progress")
            return None if row is None or not row[0] else Progress(*row)

    def forget_query(self) -> None:
        """Record that no live query runs for this database: an engine of its own does.

        What the shards have inferred is in the log of the database, and processed. Events behind it are not: a server
        accepts them before its engine leads.
        """
        with self._database.writing() as connection:
            if connection.run("forget_query"):
                connection.run("skip_inferred_entries")

    def occupancy(self) -> Occupancy:
        """Return what the rooms of all shards have in total. Reads all open stays."""
        with self._database.reading() as connection:
            return Occupancy(*(connection.row("select_occupancy") or ()))

    def write(self, shard: int, reached: ShardProgress, batches: Sequence[BatchChanges], epoch: int) -> bool:
        """Write the batches of the round that a shard has reached, and return whether it was not written before.

        Raise `LeadershipLost` if another driver has begun an epoch, `StateMismatch` if neither this round nor the one
        before was the last one written, and `StoreBusy` if a retry may succeed.
        """
        with self._database.writing() as connection:
            _require_epoch(connection, epoch)
            if connection.run("advance_shard", shard=shard, **reached._asdict()) != 1:
                self._require_written(connection, shard, reached.round)
                return False
            write_rows(connection, *batches)
            inferred = [entry for batch in batches for entry in batch.inferred]
            if inferred:
                # Without the lock of the log: nobody reads it by position, and shards would wait for it.
                connection.write("insert_entries", _unkeyed(inferred))
            write_messages(connection, batches)
        return True

    def begin_load(self, shards: int, *, replace: bool) -> int:
        """Begin to load tables, which must be empty, or are emptied: those of a load that did not end, or with `replace`.

        Return the epoch of this load: whatever else writes is stopped. Raise `StoreError` if the tables are not empty, or if the
        database has a log of its own; then nothing has changed.
        """
        with self._database.writing() as connection:
            connection.run("increment_epoch")
            if connection.row("select_own_entry") is not None:
                raise StoreError(
                    "this database has a log of events of its own, from a server without a cluster: use another database"
                )
            is_loading = _is_loading(_shards(connection))
            if connection.row("select_loaded_room") is not None and not (replace or is_loading):
                raise StoreError(
                    "the database has meetings already: use a new one, or replace its meetings with --replace"
                )
            clear_tables(connection)
            connection.write("insert_shard", [(shard, _LOADING, 0, 0) for shard in range(shards)])
            return connection.lock_epoch()

    def load(self, batch: BatchChanges, epoch: int) -> None:
        """Write the rows of a batch and what it inferred, and no messages. Raise `LeadershipLost` and `StoreBusy` as `write` does."""
        with self._database.writing() as connection:
            _require_epoch(connection, epoch)
            write_rows(connection, batch)
            if batch.inferred:
                connection.write("insert_entries", _unkeyed(batch.inferred))

    def end_load(self, reached: Mapping[int, ShardProgress], epoch: int) -> None:
        """Record what each shard has reached, from where a live query continues, and request the usage of everything."""
        with self._database.writing() as connection:
            _require_epoch(connection, epoch)
            connection.write("end_load_of_shard", [(*one, shard) for shard, one in sorted(reached.items())])
            connection.run_text("delete from pending_rollups")
            connection.run("insert_all_pending_rollups")

    @staticmethod
    def _require_written(connection: Connection, shard: int, number: int) -> None:
        """Raise `StateMismatch` unless the round is the last one that was written."""
        row = connection.row("select_shard_round", shard=shard)
        if row is None or row[0] != number:
            written = "no round" if row is None else f"round {row[0]}"
            raise StateMismatch(
                f"the state of shard {shard} has come to round {number}, and the tables have {written}: the checkpoint"
                " and the database do not belong together. If one of them was lost or restored, give an empty"
                " --checkpoint: the query then continues from the database and the archive"
            )


def _shards(connection: Connection) -> dict[int, ShardProgress]:
    return {shard: ShardProgress(*row) for shard, *row in connection.rows("select_shards")}


def _is_loading(shards: Mapping[int, ShardProgress]) -> bool:
    return any(one.round == _LOADING for one in shards.values())


def _require_epoch(connection: Connection, epoch: int) -> None:
    """Raise `LeadershipLost` if another process has begun an epoch. None can begin until this transaction ends."""
    if connection.lock_epoch() != epoch:
        raise LeadershipLost("another driver runs this cell now")


def when_available(write: Callable[[], object]) -> None:
    """Call `write`. While the database cannot be used, try again for a minute, then raise `StoreBusy`."""
    until = monotonic() + _RETRY_S
    while True:
        try:
            write()
        except StoreBusy:
            if monotonic() > until:
                raise
            sleep(_PAUSE_S)
        else:
            return


def _unkeyed(entries: Sequence[LogEntry]) -> list[tuple[Any, ...]]:
    """Return entries as rows with the keys by which shards recognize them. The topic has no salts."""
    return [(*entry, None) for entry in entries]
