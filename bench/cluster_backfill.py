"""Speed of a backfill on this machine, against `sessionize` on the same files, and of loading the result.

    python bench/cluster_backfill.py [--events 10000000] [--loaded 1000000] [--partitions 8]

`tests/install_cluster.sh` installs what it needs; run it with `build/cluster/venv/bin/python`. Figures are events per second of
processor time. That of Spark is of all its processes, Java and Python, once they run: a first backfill of the same events
starts them, and is not measured. The second figure is that of one process with one thread. Rows are those that one
connection writes per second of processor time, of this process and of PostgreSQL together. The exit code is 1 if the meetings differ.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "tests")]

from headcount import Rules, sessionize  # noqa: E402
from headcount.batch.io.writers import write_sessions  # noqa: E402
from headcount.cluster.backfill import backfill  # noqa: E402
from headcount.cluster.driver import SparkOptions, spark_session  # noqa: E402
from headcount.cluster.load import LoadSettings, load_partition  # noqa: E402
from headcount.cluster.shard import ShardSettings  # noqa: E402
from headcount.demo.sample import sample_table  # noqa: E402
from headcount.store.database import Database  # noqa: E402
from headcount.store.open import open_store  # noqa: E402
from headcount.store.records import BatchChanges  # noqa: E402
from headcount.store.shard_sink import ShardSink  # noqa: E402
from support.archives import archive_of_table  # noqa: E402
from support.servers import Postgres  # noqa: E402


def main() -> int:
    asked = arguments()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spark, embedded, same = backfilled(folder, asked.events, asked.partitions)
        rows, events = loaded(folder, asked.loaded, asked.partitions)
    sys.stdout.write(
        "\n| backfill on this machine | |\n|---|---|\n"
        f"| Spark, to Parquet | {spark / 1e6:.2f} million events per CPU-second |\n"
        f"| one process, to Parquet | {embedded / 1e6:.2f} million events per CPU-second |\n"
        f"| Spark against one process | {spark / embedded:.0%} |\n"
        f"| rows into PostgreSQL | {rows:,.0f} per CPU-second of one connection |\n"
        f"| events into PostgreSQL | {events:,.0f} per CPU-second |\n"
        f"meetings: {'the same' if same else 'DIFFERENT'}\n"
    )
    return 0 if same else 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--loaded", type=int, default=1_000_000)
    parser.add_argument("--partitions", type=int, default=8)
    return parser.parse_args()


def backfilled(folder: Path, events: int, partitions: int) -> tuple[float, float, bool]:
    """Return the events per CPU-second of Spark and of one process, and whether both find the same number of meetings."""
    whole = archive_of_table(folder / "archive", sample_table(events), partitions)
    archive, as_of = whole.location, whole.latest(0)
    began = time.process_time()
    meetings = 0
    for number in range(partitions):
        found = sessionize(f"{archive}/partition={number}", as_of=as_of, threads=1)
        write_sessions(found, folder / "embedded" / str(number))
        meetings += found.summary.meetings
    embedded = events / (time.process_time() - began)
    session = spark_session(SparkOptions("local[2]", extra={"spark.driver.memory": "1g"}, needs_kafka=False))
    backfill(session, archive, str(folder / "out"), Rules(), as_of)
    shutil.rmtree(folder / "out")
    before = cpu_seconds(os.getpid())
    done = backfill(session, archive, str(folder / "out"), Rules(), as_of)
    spark = events / (cpu_seconds(os.getpid()) - before)
    session.stop()
    return spark, embedded, done.meetings == meetings


def loaded(folder: Path, events: int, partitions: int) -> tuple[float, float]:
    """Return the rows and the events per CPU-second that are loaded into PostgreSQL, one partition after the other."""
    archive = archive_of_table(folder / "loaded", sample_table(events), partitions).location
    postgres = Postgres()
    store = open_store(postgres.database())
    sink = CountingSink(store.database, postgres.process.pid)
    settings = LoadSettings(archive, sink.begin_load(partitions, replace=False), ShardSettings())
    load_partition(settings, sink, 0)
    sink.rows, sink.cpu_s = 0, 0.0
    before = cpu_seconds(os.getpid()) + cpu_seconds(postgres.process.pid)
    done = [load_partition(settings, sink, number) for number in range(1, partitions)]
    used = cpu_seconds(os.getpid()) + cpu_seconds(postgres.process.pid) - before
    store.close()
    postgres.end()
    return sink.rows / sink.cpu_s, sum(one.events for one in done) / used


class CountingSink(ShardSink):
    """Counts rows and the processor time of writing them."""

    def __init__(self, database: Database, server: int) -> None:
        super().__init__(database)
        self.server = server
        self.rows, self.cpu_s = 0, 0.0

    def load(self, batch: BatchChanges, epoch: int) -> None:
        before = time.process_time() + cpu_seconds(self.server)
        super().load(batch, epoch)
        self.cpu_s += time.process_time() + cpu_seconds(self.server) - before
        self.rows += sum(
            len(rows) for rows in (batch.rooms, batch.marks, batch.stays, batch.meetings, batch.published)
        )


def cpu_seconds(root: int) -> float:
    """Return the processor time of a process, and of all that descend from it, including those that have ended."""
    ticks: dict[int, int] = {}
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        process = int(path.parent.name)
        ticks[process] = sum(map(int, fields[11:15]))
        children.setdefault(int(fields[1]), []).append(process)
    waiting, total = [root], 0
    while waiting:
        process = waiting.pop()
        total += ticks.get(process, 0)
        waiting += children.get(process, [])
    return total / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
