"""Speed of a cluster on this machine: from the topic to committed rows in PostgreSQL.

    python bench/cluster.py [--events 300000] [--partitions 8] [--batch 100000]

`tests/install_cluster.sh` installs what it needs; run it with `build/cluster/venv/bin/python`. The events are in the topic before the
live query starts, with the times of their receipt. Figures are events per second of processor time of the query with all its processes, Java and Python,
without PostgreSQL, from the second batch on: the first one starts Python and compiles. *Idle* is the processor time of a
batch without events. The meetings in the tables must be those of `sessionize`; otherwise the exit code is 1.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "tests")]

from engine import sessions, stored, traffic  # noqa: E402
from headcount.ingest.topic_records import encode_record  # noqa: E402
from headcount.store.records import LogEntry  # noqa: E402
from headcount.store.shard_sink import Progress  # noqa: E402
from support.kafka import Broker  # noqa: E402
from support.live_query import LiveQuery  # noqa: E402
from support.servers import Postgres  # noqa: E402

IDLE_S = 20


def main() -> int:
    asked = arguments()
    entries = list(traffic(asked.events, attributes=False))
    broker, postgres = Broker(), Postgres()
    try:
        with tempfile.TemporaryDirectory() as folder:
            times = [entry.received for entry in entries]
            topic = broker.received_at(asked.partitions, map(encode_record, entries), times)
            query = LiveQuery(folder, broker, postgres.database(), topic, "--records", str(asked.batch))
            return measure(query, entries)
    finally:
        postgres.end()
        broker.end()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--batch", type=int, default=100_000)
    return parser.parse_args()


def measure(query: LiveQuery, entries: list[LogEntry]) -> int:
    query.start()
    query.until(lambda: progress(query).entries > 0, 120)
    done, began = progress(query).entries, cpu_seconds(query.process.pid)
    query.until(lambda: progress(query).entries == len(entries), 300)
    used = cpu_seconds(query.process.pid) - began
    rate = (len(entries) - done) / used
    batches, began = progress(query).batches, cpu_seconds(query.process.pid)
    time.sleep(IDLE_S)
    idle = (cpu_seconds(query.process.pid) - began) / max(1, progress(query).batches - batches)
    equal = stored(query.store) == sessions(entries)
    query.stop()
    sys.stdout.write(
        "\n| cluster on this machine | |\n|---|---|\n"
        f"| topic to committed rows | {rate:,.0f} events per CPU-second |\n"
        f"| batch without events | {idle:.2f} CPU-s |\n"
        f"meetings and entries: {'the same' if equal else 'DIFFERENT'}\n"
    )
    return 0 if equal else 1


def progress(query: LiveQuery) -> Progress:
    return query.sink.progress() or Progress(0, 0, 0, 0, 0, 0)


def cpu_seconds(session: int) -> float:
    """Return the processor time of all processes of a session, including those that have ended.

    It is not that of a process group: Spark gives its Python processes a group of their own.
    """
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session:
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
