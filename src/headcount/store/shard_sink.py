"""Shard sink: the rounds of a cluster's shards, written into the tables that an engine would write.

A round is written in one transaction with its number, so a round that is written again changes nothing. Only the
driver of the current epoch may write, so a driver that was replaced writes nothing.

Responsible for one transaction per round. Must not know how a round was computed.
"""

from collections.abc import Sequence

from headcount.store.database import Database, LeadershipLost
from headcount.store.projections import write_messages, write_rows
from headcount.store.records import BatchChanges


class ShardSink:
    """Where the shards of one cell write."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def prepare(self, shards: int) -> None:
        """Add the rows of shards that have never written."""
        with self._database.writing() as connection:
            connection.write("insert_shard", [(shard, 0) for shard in range(shards)])

    def rounds(self) -> dict[int, int]:
        """Return the number of the last round of each shard that is written."""
        with self._database.reading() as connection:
            return dict(connection.rows("select_shard_rounds"))

    def write(self, shard: int, number: int, batches: Sequence[BatchChanges], epoch: int) -> bool:
        """Write the batches of a round, and return whether it was not written before.

        Raise `LeadershipLost` if another driver has begun an epoch, and `StoreBusy` if a retry may succeed.
        """
        with self._database.writing() as connection:
            if connection.lock_epoch() != epoch:
                raise LeadershipLost("another driver runs this cell now")
            if connection.run("advance_shard_round", shard=shard, round=number) != 1:
                return False
            for batch in batches:
                write_rows(connection, batch)
            write_messages(connection, batches)
        return True
