"""Speed of a cluster on this machine: Kafka, Spark and PostgreSQL.

    python bench/cluster.py [--only live,latency,sink,cache,memory] [--master URL] …

`tests/install_cluster.sh` installs what it needs; run it with `build/cluster/venv/bin/python`. Processor time is that of the
query with all its processes, Java and Python, without the broker and PostgreSQL. Two executors have one core each, as
operators should run it.

- *Live*: the events are in the topic before the query starts, with the times of their receipt. Events per second of
  processor time, from the second batch on: the first one starts Python and compiles. The meetings in the tables must
  be those of `sessionize`; otherwise the exit code is 1.
- *Idle*: processor time of a batch without events, half a minute after the last event.
- *Latency*: one minute with 1,000 events per second. From the moment at which a join or leave may be visible, which is
  the reorder window after it, until its message is committed in PostgreSQL. The commit times are those of PostgreSQL.
- *Sink* and *memory*: see `cluster_parts.py`.
- *Cache*: rounds of shards that found their shard in memory, on two executors with one core each.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "tests")]

import psycopg  # noqa: E402
from confluent_kafka import Producer  # noqa: E402

from cluster_parts import bytes_per_event, bytes_per_forgotten_room, bytes_per_room, sink  # noqa: E402
from engine import DOMAIN, sessions, stored, traffic  # noqa: E402
from figures import Figure  # noqa: E402
from headcount.engine.engine import REORDER_WINDOW_MS  # noqa: E402
from headcount.ingest.topic_records import encode_record  # noqa: E402
from headcount.kernel.events import Kind  # noqa: E402
from headcount.store.dedup import log_entry  # noqa: E402
from headcount.store.outbox import MessageType  # noqa: E402
from headcount.store.records import LogEntry, Origin  # noqa: E402
from headcount.store.shard_sink import Progress  # noqa: E402
from headcount.store.webhooks import Endpoint, EndpointStatus, RetryType  # noqa: E402
from server_processes import processor_s  # noqa: E402
from support.kafka import Broker  # noqa: E402
from support.live_query import LiveQuery  # noqa: E402
from support.servers import Postgres  # noqa: E402

FIGURES = {
    "live": Figure("topic to committed rows, batches of 100,000", "", 20_000, "events/CPU-s", at_least=True),
    "idle": Figure("batch without events", "", 0.4, "CPU-s"),
    "p50": Figure("visible after the rules allow it, 1,000 events/s, p50", "", 2.5, "s"),
    "p95": Figure("the same, p95", "", 2.5, "s"),
    "sink": Figure("sink, one connection", "", 45_000, "rows/s", at_least=True),
    "cache": Figure("shards found in memory, executors with one core", "", 95, "%", at_least=True),
}
SETTLED_S = 30
IDLE_S = 30
RATE = 1_000
LATENCY_S = 60
ROOMS = 500
PEOPLE = 5_000
"""Participants who are in a room at once: each one stays for ten seconds."""


def main() -> int:
    asked = arguments()
    wanted = asked.only.split(",")
    found: dict[str, float] = {}
    noted: dict[str, str] = {}
    is_equal = True
    with servers() as (broker, postgres):
        if "live" in wanted or "latency" in wanted:
            is_equal = live(asked, broker, postgres, found, noted, with_latency="latency" in wanted)
        if "cache" in wanted:
            found["cache"] = cache(asked, broker, postgres)
    if "sink" in wanted:
        written = sink()
        found["sink"] = written.rows / written.seconds
        noted["the same, if neither side had to wait for a processor"] = (
            f"{written.rows / written.cpu_s:,.0f} rows/s"
        )
        noted["rows for each event"] = f"{written.rows / written.events:.1f}"
    if "memory" in wanted:
        noted["memory of a shard for each event"] = f"{bytes_per_event():,.0f} bytes"
        noted["memory of a shard for each room with one call"] = f"{bytes_per_room():,.0f} bytes"
        noted["the same, over for longer than the retention"] = f"{bytes_per_forgotten_room():,.0f} bytes"
    report(found, noted)
    print(f"\nmeetings and entries: {'the same' if is_equal else 'DIFFERENT'}")
    return 0 if is_equal else 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", default="live,latency,sink,cache,memory")
    parser.add_argument("--events", type=int, default=500_000)
    parser.add_argument("--master", default="local-cluster[2,1,1024]")
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--batch", type=int, default=100_000)
    return parser.parse_args()


@contextmanager
def servers() -> Iterator[tuple[Broker, Postgres]]:
    broker, postgres = Broker(), Postgres()
    try:
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
            connection.execute("alter system set track_commit_timestamp = on")
        postgres.restart()
        yield broker, postgres
    finally:
        postgres.end()
        broker.end()


def report(found: dict[str, float], noted: dict[str, str]) -> None:
    print(f"\nload of the machine at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print("\n| cluster on this machine | measured | target | met |\n|---|---|---|---|")
    for name, value in found.items():
        figure = FIGURES[name]
        measured = f"{value:,.0f}" if value >= 1_000 else f"{value:.3g}"
        bar = f"{'≥' if figure.at_least else '≤'} {figure.bar:,g} {figure.unit}"
        print(
            f"| {figure.what} | {measured} {figure.unit} | {bar} | {'yes' if figure.met(value) else '**no**'} |"
        )
    for what, text in noted.items():
        print(f"| {what} | {text} | | |")


# Live, idle, latency.


def live(
    asked: argparse.Namespace,
    broker: Broker,
    postgres: Postgres,
    found: dict[str, float],
    noted: dict[str, str],
    *,
    with_latency: bool,
) -> bool:
    """Measure one query: a backlog, then nothing, then a minute of events. Return whether the meetings are right."""
    entries = list(traffic(asked.events, attributes=False))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        topic = broker.received_at(
            asked.partitions, map(encode_record, entries), [entry.received for entry in entries]
        )
        options = ("--records", str(asked.batch), "--master", asked.master)
        query = running.enter_context(query_on(folder, broker, postgres, topic, *options))
        found["live"], others = live_rate(query, len(entries), (postgres, broker))
        noted["processor time of PostgreSQL for each event, batches of 100,000"] = f"{others[0] * 1e6:.0f} µs"
        noted["processor time of the broker for each event, without appending"] = f"{others[1] * 1e6:.0f} µs"
        time.sleep(SETTLED_S)
        found["idle"] = idle_seconds(query)
        is_equal = stored(query.store) == sessions(entries)
        if with_latency:
            query.store.endpoints.add(_endpoint())
            first = progress(query)
            busy, own = cpu_seconds(query.process.pid), processor_s(postgres.process.pid)
            produce_for(LATENCY_S, broker.servers, topic)
            query.until(lambda: progress(query).entries == len(entries) + LATENCY_S * RATE, 120)
            cores = (cpu_seconds(query.process.pid) - busy) / LATENCY_S
            last = progress(query)
            noted["shards found in memory at the same time"] = (
                f"{100 * (last.cached_rounds - first.cached_rounds) / (last.rounds - first.rounds):.1f} %"
            )
            noted["cores that the query uses at 1,000 events/s, with messages"] = f"{cores:.2f}"
            noted["cores that PostgreSQL uses at the same time"] = (
                f"{(processor_s(postgres.process.pid) - own) / LATENCY_S:.2f}"
            )
            seconds = sorted(seconds_until_committed(query.database))
            found["p50"], found["p95"] = (seconds[int(len(seconds) * part)] for part in (0.5, 0.95))
    return is_equal


@contextmanager
def query_on(
    folder: str, broker: Broker, postgres: Postgres, topic: str, *options: str
) -> Iterator[LiveQuery]:
    """Run a query until the block ends."""
    query = LiveQuery(folder, broker, postgres.database(), topic, *options)
    try:
        yield query.start()
        query.stop()
    finally:
        if query.process.poll() is None:
            query.kill()


def live_rate(
    query: LiveQuery, events: int, others: Sequence[Broker | Postgres]
) -> tuple[float, list[float]]:
    """Return the events per second of processor time, and the seconds of other servers for each event."""
    query.until(lambda: progress(query).entries > 0, 120)
    done, began, before = (
        progress(query).entries,
        cpu_seconds(query.process.pid),
        [processor_s(other.process.pid) for other in others],
    )
    query.until(lambda: progress(query).entries == events, 600)
    rate = (events - done) / (cpu_seconds(query.process.pid) - began)
    return rate, [
        (processor_s(other.process.pid) - spent) / (events - done)
        for other, spent in zip(others, before, strict=True)
    ]


def idle_seconds(query: LiveQuery) -> float:
    batches, began = progress(query).batches, cpu_seconds(query.process.pid)
    time.sleep(IDLE_S)
    return (cpu_seconds(query.process.pid) - began) / max(1, progress(query).batches - batches)


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


def _endpoint() -> Endpoint:
    types = tuple(str(one) for one in MessageType)
    return Endpoint(
        "endpoint", DOMAIN, "https://example.com", ("",), None, RetryType.CIRCUIT_BREAKER, types,
        state=EndpointStatus.ACTIVE,
    )  # fmt: skip


def produce_for(seconds: int, servers: str, topic: str) -> None:
    """Append RATE events per second for some seconds. Participants join, and leave when PEOPLE others have joined."""
    settings = {"bootstrap.servers": servers, "partitioner": "murmur2_random", "linger.ms": 5}
    producer = Producer(settings)  # type: ignore[arg-type]
    began = time.time()
    for number in range(seconds * RATE):
        while (ahead := began + number / RATE - time.time()) > 0:
            time.sleep(min(ahead, 0.005))
        key, value = encode_record(_move(number))
        producer.produce(topic, value, key)
        producer.poll(0)
    assert producer.flush(60) == 0


def _move(number: int) -> LogEntry:
    """Return the event with this number: a join, or the leave of one who joined before."""
    is_leave = number % 2 and number > 2 * PEOPLE
    who = (number - 1) // 2 - PEOPLE if is_leave else number // 2 + (number % 2) * 10**9
    kind = Kind.LEAVE if is_leave else Kind.JOIN
    now = time.time_ns() // 1_000_000
    return log_entry(
        DOMAIN, now, Origin.LIVE, kind, f"live-{who % ROOMS}", now, f"person-{who}", f"user-{who}", "Ann Example",
        None, None, None, None, None,
    )  # fmt: skip


def seconds_until_committed(database: str) -> list[float]:
    """Return how long after it might be visible each message about a join or leave was committed."""
    statement = (
        "select extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000 - at_ms from messages"
        " where type in ('participant.joined', 'participant.left')"
    )
    with psycopg.connect(database) as connection:
        rows = connection.execute(statement).fetchall()
    return [(float(ms) - REORDER_WINDOW_MS) / 1_000 for (ms,) in rows]


# The cache.


def cache(asked: argparse.Namespace, broker: Broker, postgres: Postgres) -> float:
    """Return how many percent of the rounds found their shard in memory, after the first round of each shard."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        topic = broker.topic(asked.partitions)
        query = running.enter_context(query_on(folder, broker, postgres, topic, "--master", asked.master))
        produce_for(5, broker.servers, topic)
        query.until(lambda: progress(query).entries == 5 * RATE, 120)
        first = progress(query)
        produce_for(LATENCY_S, broker.servers, topic)
        query.until(lambda: progress(query).entries == (5 + LATENCY_S) * RATE, 120)
        last = progress(query)
    return 100 * (last.cached_rounds - first.cached_rounds) / (last.rounds - first.rounds)


if __name__ == "__main__":
    sys.exit(main())
