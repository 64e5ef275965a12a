"""Backfill: the meetings of an archive, all at once, by the compiled passes.

Spark hands out the partitions of the archive, and each is processed where it is read: a partition has all events of its
rooms, so nothing is shuffled. Files are read and written by Arrow.

Responsible for dividing the work. Must not know the rules.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa
from pyspark.sql import SparkSession

from headcount.batch.io.writers import write_sessions
from headcount.batch.sessionize import sessionize
from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.kernel.rules import Rules

_COLUMNS: Final = "partition string, events long, meetings long"


class Backfilled(NamedTuple):
    """What was read and found."""

    partitions: int
    events: int
    meetings: int


def backfill(spark: SparkSession, archive: str, output: str, rules: Rules, as_of: Ms) -> Backfilled:
    """Write the meetings of an archive as of `as_of` ms into `output`, in a directory for each partition.

    Raise `BadInput` if it is no archive.
    """
    names = sorted(path.name for path in Path(archive).glob("partition=*") if path.is_dir())
    if not names:
        raise BadInput("it has no directories partition=…: give the directory of --archive", where=archive)

    def sessions(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for name in batch.column("value").to_pylist():
                found = sessionize(str(Path(archive) / name), rules=rules, as_of=as_of, threads=1)
                write_sessions(found, Path(output) / name)
                row = {"partition": name, "events": found.summary.events, "meetings": found.meetings.num_rows}
                yield pa.RecordBatch.from_pylist([row])

    divided = spark.createDataFrame([(name,) for name in names], "value string").repartition(len(names))
    rows = divided.mapInArrow(sessions, _COLUMNS).collect()
    return Backfilled(len(rows), sum(row.events for row in rows), sum(row.meetings for row in rows))
