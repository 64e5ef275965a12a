"""The live query on a real broker, Spark and PostgreSQL: what it writes is what one engine writes, whatever is killed."""

import json
import os
import subprocess
import sys
import time
from itertools import chain, groupby
from operator import attrgetter
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headcount import sessionize
from headcount.engine.engine import REORDER_WINDOW_MS
from headcount.ingest.topic_records import decode_record, encode_record, record_key
from headcount.kernel.events import Event, Kind
from headcount.kernel.rules import Rules
from headcount.limits import Limits
from headcount.store.archive import Archive
from headcount.store.records import SNAPSHOT, Origin
from headcount.store.replacement import first_difference
from support import TESTS
from support.engines import kernel
from support.engines import meetings_in as meetings_of
from support.live_query import PATIENCE_S, LiveQuery, kill_all, processes_of
from support.lives import lives, tidy_life
from support.message_receiver import Receiver, as_received, inside
from support.stored import DOMAIN, StoredEngine, entry_of, meetings_in

HOUR = 3_600_000


def records(events):
    return [encode_record(entry_of(event, event.at, domain=DOMAIN)) for event in events]


@pytest.fixture
def query(tmp_path, broker, postgres):
    topic = broker.topic(4)
    archive = tmp_path / "archive"
    started = LiveQuery(
        tmp_path, broker, postgres.database(), topic, "--records", "400", "--archive", str(archive),
        "--archive-trigger", "5 seconds",
    )  # fmt: skip
    started.topic, started.archive = topic, archive
    yield started
    if started.process is not None and started.process.poll() is None:
        started.kill()


def now():
    return time.time_ns() // 1_000_000


def test_a_history_is_as_one_engine_writes_it_whatever_dies_meanwhile(
    query, broker, postgres, tmp_path, monkeypatch
):
    """All kinds of events arrive, and each part of the system dies once, and the checkpoint is lost. A receiver knows what is so."""
    until = now() - HOUR
    sent = [encode_record(entry) for entry in lives(1, 20, until - 3 * HOUR, until)]
    order = tmp_path / "order to die"
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), *filter(None, [os.getenv("PYTHONPATH")])]))
    query.command[2:3] = ["support.dying_query", str(order)]
    query.store.messages.stream_opened(DOMAIN, now())
    query.start()
    for number, start in enumerate(range(0, len(sent), 250)):
        if number == 1:
            order.touch()
        broker.produce(query.topic, sent[start : start + 250])
        if number == 1:
            query.process.wait(PATIENCE_S)
            assert not order.exists()
            assert batches(query, "offsets") == batches(query, "commits") + 1
            query.start()
        elif number == 2:
            kill_python_workers(query)
        elif number == 3:
            broker.restart()
        elif number == 4:
            postgres.restart()
        elif number == 5:
            query.kill()
            query.lose_checkpoint()
            query.start()
    query.until_read(len(sent))
    query.store.usage_rollup.finish()
    alone = engine_on(tmp_path, [decode_record(*record, now(), Limits()) for record in sent])
    assert first_difference(alone.store.database, query.store.database) is None
    entries = [entry for entry in alone.store.log.after(0, 100_000) if entry.kind != SNAPSHOT]
    expected = kernel([entry.event for entry in entries], as_of=now(), domain=DOMAIN)
    assert meetings_in(query.store) == expected
    imported = {entry.room for entry in entries if entry.origin == Origin.IMPORTED}
    heard = Receiver(query.store.messages.after(0, limit=100_000))
    assert heard.meetings == as_received(meeting for meeting in expected if meeting.room not in imported)
    live = [entry.event for entry in entries if entry.room not in imported]
    assert heard.inside == inside(live, Rules(), now()) != set()
    query.until(lambda: is_archived(query, len(sent), len(alone.inferred_facts())))
    assert query.stop() == 0
    assert meetings_of(sessionize(str(query.archive), as_of=now(), domain=DOMAIN)) == expected
    require_backfilled(query.archive, expected)
    alone.close()


def batches(query, folder):
    """Return the number of the last batch that has a file in a folder of the checkpoint, or -1."""
    checkpoint = Path(query.command[query.command.index("--checkpoint") + 1])
    names = (path.name for path in (checkpoint / folder).iterdir())
    return max((int(name) for name in names if name.isdigit()), default=-1)


def engine_on(folder, entries):
    """Return the store of one engine, and the engine, after these entries."""
    alone = StoredEngine(folder, batch_size=100_000, stopwatch=None)
    alone.append_entries(entries)
    alone.show(now())
    alone.store.usage_rollup.finish()
    return alone


def is_archived(query, events, inferred):
    """Return whether the archive has so many events, and at least so many inferred ones."""
    state = Archive(str(query.archive)).state()
    return (
        state is not None
        and sum(state.events.values()) == events
        and sum(state.inferred.values()) >= inferred
    )


def require_backfilled(archive, expected):
    """Raise if a backfill of the archive has other meetings than these."""
    output = archive.parent / "meetings"
    command = ["cluster", "backfill", archive, "--output", output, "--as-of", now(), "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "headcount.cli", *map(str, command)],
        check=True,
        capture_output=True,
        text=True,
    )
    assert json.loads(done.stdout)["meetings"] == len(expected)
    found = [pq.read_table(path) for path in output.glob("partition=*/meetings.parquet")]
    assert sorted(pa.concat_tables(found)["id"].to_pylist()) == sorted(meeting.id for meeting in expected)


def kill_python_workers(query):
    """Kill the Python processes of Spark, which have the shards in memory."""

    def workers():
        return [
            pid for pid, command in processes_of(query.process.pid).items() if "pyspark.daemon" in command
        ]

    query.until(workers)
    kill_all(workers())


def test_a_backlog_of_hours_is_not_late_and_bad_records_in_it_are_dead_letters(query, broker, tmp_path):
    """The messages are those of one engine which read each event when it was received, and nothing is corrected."""
    until, chance = now() - HOUR, Random(7)
    rooms = [
        tidy_life(f"room-{number}", until - 2 * HOUR, until, chance, delays=(0, 50, 150))
        for number in range(20)
    ]
    entries = sorted(chain(*rooms), key=attrgetter("received"))
    value = json.dumps({"domain": DOMAIN, "room": "r", "kind": "wave", "at": now() / 1_000}).encode()
    bad = [(record_key(DOMAIN, "r"), value), (b"other", value)]
    middle = len(entries) // 2
    sent = [*map(encode_record, entries[:middle]), *bad, *map(encode_record, entries[middle:])]
    times = [entry.received for entry in (*entries[:middle], *[entries[middle]] * 2, *entries[middle:])]
    query.topic = broker.received_at(4, sent, times)
    query.command[query.command.index("--log") + 1] = f"kafka://{broker.servers}/{query.topic}"
    query.store.messages.stream_opened(DOMAIN, now())
    query.start()
    query.until_processed(len(sent))
    found = broker.consume(f"{query.topic}.dead-letters", 2)
    reasons = [dict(message.headers())["reason"].decode() for message in found]
    assert sorted(message.key() for message in found) == [b"default/r", b"other"]
    assert any("must be one of [join, leave, end]" in reason for reason in reasons)
    assert any("must be 'default/r'" in reason for reason in reasons)
    assert [message.value() for message in found] == [value, value]
    live = StoredEngine(tmp_path, stopwatch=None)
    for received, together in groupby(entries, attrgetter("received")):
        live.append_entries(list(together))
        live.show(received - REORDER_WINDOW_MS)
    live.show(now())
    live.store.usage_rollup.finish()
    query.store.usage_rollup.finish()
    assert first_difference(live.store.database, query.store.database) is None
    assert messages_of(query.store) == messages_of(live.store)
    assert not any(name.startswith("met-upd-") for name, *_ in messages_of(query.store))
    assert query.stop() == 0
    live.close()


def messages_of(store):
    """Return all that messages have, except when they were written."""
    found = store.messages.after(0, limit=100_000)
    return sorted((one.id, one.type, one.room, one.at, one.payload) for one in found)


def test_what_came_too_late_is_repaired(query, broker):
    """Ann's leave was lost, and her visit has been over for hours when it is sent again."""
    start = now() - 6 * HOUR
    visits = [
        Event(Kind.JOIN, "r", start, "ann"),
        Event(Kind.JOIN, "r", start + 1_000, "bob"),
        Event(Kind.END, "r", start + HOUR),
        Event(Kind.JOIN, "r", start + 2 * HOUR, "cid"),
        Event(Kind.LEAVE, "r", start + 3 * HOUR, "cid"),
    ]
    late = [Event(Kind.LEAVE, "r", start + 700_000, "ann"), Event(Kind.JOIN, "r", start + HOUR + 5, "dan")]
    query.command += ["--retention", "1s"]
    query.start()
    sent = 0
    for part in (visits[:3], visits[3:], late):
        broker.produce(query.topic, records(part))
        sent += len(part)
        query.until_processed(sent)
    assert meetings_in(query.store) == kernel(visits, as_of=now(), domain=DOMAIN)
    topic = query.command[query.command.index("--log") + 1]
    command = [
        sys.executable,
        "-m",
        "headcount.cli",
        "cluster",
        "repair",
        "--json",
        "--database",
        query.database,
    ]
    command += ["--log", topic, "--archive", str(query.archive)]
    done = [subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout for _ in range(2)]
    assert [json.loads(one) for one in done] == [{"rooms": 1, "entries": 2}, {"rooms": 0, "entries": 0}]
    assert meetings_in(query.store) == kernel([*visits, *late], as_of=now(), domain=DOMAIN)
    assert query.stop() == 0


def test_deadlines_come_without_new_events_and_a_second_query_replaces_the_first(query, broker, tmp_path):
    """After half a minute alone a meeting has begun, although nothing is sent any more."""
    joined = now() - 20_000
    broker.produce(query.topic, records([Event(Kind.JOIN, "r", joined, "ann")]))
    query.start()
    query.until_processed(1)
    query.until(lambda: [meeting.start for meeting in meetings_in(query.store)] == [joined])
    folder = tmp_path / "second"
    folder.mkdir()
    topic_of = query.command.index("--log")
    second = LiveQuery(folder, broker, query.database, query.topic, "--records", "400")
    second.command[topic_of + 1] = query.command[topic_of + 1]
    second.command[second.command.index("--checkpoint") + 1] = str(tmp_path / "checkpoint")
    first = query.process
    query.process = None
    second.start()
    assert first.wait(PATIENCE_S) == 2
    assert "another driver runs this cell now" in query.log.read_text()
    assert second.stop() == 0
