"""The live query on a real broker, Spark and PostgreSQL: what it writes is what one engine writes, whatever is killed."""

import json
import subprocess
import sys
import time
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headcount import sessionize
from headcount.ingest.topic_records import encode_record, record_key
from headcount.kernel.events import Event, Kind
from support.engines import kernel
from support.engines import meetings_in as meetings_of
from support.live_query import LiveQuery, kill_all, processes_of
from support.stored import DOMAIN, entry_of, meetings_in

HOUR = 3_600_000


def history(seed, rooms, until):
    """Events of some rooms in the last hours, in the order in which they arrive: out of order, repeated and late."""
    chance = Random(seed)
    events = []
    for number in range(rooms):
        room, at = f"room-{number}", until - 6 * HOUR + chance.randrange(HOUR)
        while at < until - HOUR:
            who, length = chance.choice("abcde"), chance.choice((5_000, 40_000, 700_000, 1_500_000))
            known = {"user_id": who.upper(), "user_name": f"Name of {who}"}
            events.append((at, Event(Kind.JOIN, room, at, who, **known)))
            if chance.random() < 0.9:
                joined = at if chance.random() < 0.2 else None
                events.append((at + length, Event(Kind.LEAVE, room, at + length, who, joined_at=joined)))
            if chance.random() < 0.03:
                events.append((at + length, Event(Kind.END, room, at + length)))
            at += chance.choice((0, 3_000, 60_000, 900_000))
    late = [(at + chance.choice((0, 0, 0, 2_000, 90_000, 1_200_000)), event) for at, event in events]
    return [event for _, event in sorted([*late, *chance.sample(late, 20)], key=lambda pair: pair[0])]


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


def test_a_history_is_as_the_kernel_says_whatever_dies_meanwhile(query, broker, postgres):
    """Driver and workers are killed, servers start again, the checkpoint is lost, and the rest of the history follows."""
    until = now()
    events = history(1, 40, until)
    parts = [events[start : start + 300] for start in range(0, len(events), 300)]
    query.start()
    sent = 0
    for number, part in enumerate(parts):
        broker.produce(query.topic, records(part))
        sent += len(part)
        if number == 1:
            time.sleep(1.5)
            query.kill()
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
    query.until_processed(sent, 120)
    expected = kernel(events, as_of=until + HOUR, domain=DOMAIN)
    assert meetings_in(query.store) == expected
    query.until(lambda: archived(query) >= sent, 90)
    assert query.stop() == 0
    assert meetings_of(sessionize(str(query.archive), as_of=until + HOUR, domain=DOMAIN)) == expected
    output = query.archive.parent / "meetings"
    command = ["cluster", "backfill", query.archive, "--output", output, "--as-of", until + HOUR, "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "headcount.cli", *map(str, command)],
        check=True,
        capture_output=True,
        text=True,
    )
    assert json.loads(done.stdout)["meetings"] == len(expected)
    found = [pq.read_table(path) for path in output.glob("partition=*/meetings.parquet")]
    assert sorted(pa.concat_tables(found)["id"].to_pylist()) == sorted(meeting.id for meeting in expected)


def archived(query):
    """Return how many events are in the archive."""
    return sum(pq.read_metadata(path).num_rows for path in query.archive.rglob("*.parquet"))


def kill_python_workers(query):
    """Kill the Python processes of Spark, which have the shards in memory."""

    def workers():
        return [
            pid for pid, command in processes_of(query.process.pid).items() if "pyspark.daemon" in command
        ]

    query.until(workers)
    kill_all(workers())


def test_a_record_that_cannot_be_read_is_a_dead_letter_and_stops_nothing(query, broker):
    good = records([Event(Kind.JOIN, "r", now() - HOUR, "ann"), Event(Kind.LEAVE, "r", now() - 1_000, "ann")])
    value = json.dumps({"domain": DOMAIN, "room": "r", "kind": "wave", "at": now() / 1_000}).encode()
    broker.produce(query.topic, [good[0], (record_key(DOMAIN, "r"), value), (b"other", value), good[1]])
    query.start()
    query.until_processed(4)
    found = broker.consume(f"{query.topic}.dead-letters", 2)
    reasons = [dict(message.headers())["reason"].decode() for message in found]
    assert sorted(message.key() for message in found) == [b"default/r", b"other"]
    assert any("must be one of [join, leave, end]" in reason for reason in reasons)
    assert any("must be 'default/r'" in reason for reason in reasons)
    assert [message.value() for message in found] == [value, value]
    (meeting,) = meetings_in(query.store)
    assert meeting.participants[0].participant_id == "ann"
    assert query.stop() == 0


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
    assert first.wait(60) == 2
    assert "another driver runs this cell now" in query.log.read_text()
    assert second.stop() == 0
