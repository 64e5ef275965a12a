"""Servers without an engine: they answer from the tables that a live query on a cluster writes."""

import time

import httpx2 as httpx
import pytest

from headcount.engine.engine import REORDER_WINDOW_MS
from headcount.kernel.events import Event, Kind
from headcount.store.archive import ArchivedEntry
from headcount.store.database import StoreBusy
from headcount.store.leadership import leadership
from headcount.store.open import open_store
from headcount.store.shard_sink import Progress, ShardSink
from support import ROOT
from support.archives import write_archive
from support.lives import HOUR, lives
from support.running_service import Running, headcount
from support.shards import ShardedEngine
from support.stored import entry_of
from support.waiting import wait_until

MINUTE = 60_000


def now():
    return time.time_ns() // 1_000_000


@pytest.fixture
def database(postgres):
    return postgres.database()


@pytest.fixture
def cluster(database):
    """A cluster's shards, and what its driver reports."""
    store = open_store(database)
    yield ShardedEngine(store, subscribed=False)
    store.close()


@pytest.fixture
def server(tmp_path, database):
    running = Running(tmp_path, database, engine="off")
    running.start()
    yield running
    running.stop()


def report(cluster, *, ago=0, behind=0):
    progress = Progress(now() - ago, now() - ago, 1, 1, 0, behind)
    ShardSink(cluster.store.database).report(progress, cluster.epoch)


def test_a_server_without_an_engine_answers_from_the_tables_and_refuses_events(cluster, server, database):
    headers = {"Authorization": f"Bearer {server.key}"}
    with httpx.Client(base_url=server.url, headers=headers) as client:
        answer = client.get("/readyz")
        assert (answer.status_code, answer.text.strip()) == (
            503,
            "the live query of the cluster does not run",
        )
        refused = client.post("/v1/events", json={"room": "r", "kind": "join", "participant_id": "ann"})
        assert refused.status_code == 503
        assert "--log kafka://" in refused.json()["info"]
        started = now() - 5 * MINUTE
        cluster.append(Event(Kind.JOIN, "r", started, "ann"), Event(Kind.JOIN, "r", started, "bob"))
        cluster.show(now() - REORDER_WINDOW_MS)
        report(cluster)
        wait_until(lambda: client.get("/readyz").status_code == 200, 10)
        (meeting,) = client.get("/v1/meetings").json()["data"]
        assert [one["participant_id"] for one in meeting["participants"]] == ["ann", "bob"]
        wait_until(lambda: "\nheadcount_participants_active 2.0\n" in client.get("/metrics").text)
        assert "\nheadcount_rooms_active 1.0\n" in client.get("/metrics").text
        assert "\nheadcount_quarantined_rooms 0.0\n" in client.get("/metrics").text
        checked = headcount("doctor", "--database", database, check=False).stdout
        assert "ok     engine      the live query of the cluster has 0 unread records" in checked
        report(cluster, behind=100_000)
        wait_until(lambda: "\nheadcount_engine_lag_entries 100000.0\n" in client.get("/metrics").text)
        report(cluster, ago=MINUTE)
        wait_until(lambda: "does not run" in client.get("/readyz").text)
        checked = headcount("doctor", "--database", database, check=False)
        assert "Check that 'headcount cluster run' runs" in checked.stdout
        assert checked.returncode == 1


def test_explanations_and_exports_read_the_archive(cluster, tmp_path, database):
    """The archive is a minute behind, and the answer has a field for that."""
    archive, started = tmp_path / "archive", now() - 5 * MINUTE
    times = [
        (Kind.JOIN, "ann", 0),
        (Kind.JOIN, "bob", 0),
        (Kind.LEAVE, "ann", MINUTE),
        (Kind.LEAVE, "bob", MINUTE),
    ]
    events = [Event(kind, "r", started + after, who) for kind, who, after in times]
    entries = [
        ArchivedEntry(entry_of(event, event.at), offset, is_inferred=False)
        for offset, event in enumerate(events)
    ]
    cluster.append(*events)
    cluster.show(now() - REORDER_WINDOW_MS)
    report(cluster)
    server = Running(tmp_path, database, engine="off", archive=archive).start()
    headers = {"Authorization": f"Bearer {server.key}"}
    with httpx.Client(base_url=f"{server.url}/v1", headers=headers) as client:
        (meeting,) = client.get("/meetings").json()["data"]
        path = f"/meetings/{meeting['id']}/explain"
        write_archive(archive, entries[:2], 2)
        early = client.get(path).json()
        assert (early["complete"], len(early["events"])) == (False, 2)
        write_archive(archive, entries[2:], 2)
        explained = client.get(path).json()
        assert (explained["complete"], len(explained["events"])) == (True, 4)
        assert "The last participant left" in explained["end"]["message"]
        assert len({event["log_entry"]["position"] for event in explained["events"]}) == 4
    server.stop()
    refused = headcount("export", "--database", database, "-o", tmp_path / "out", check=False)
    assert "name the archive of the query with --archive" in refused.stderr
    headcount(
        "export", "--database", database, "--archive", archive, "-o", tmp_path / "out", "--format", "csv"
    )
    assert len((tmp_path / "out/events.csv").read_text().splitlines()) == 1 + 4


def test_the_server_that_leads_delivers_and_the_driver_keeps_its_epoch(cluster, server, tmp_path, database):
    """Two servers lead one after the other, and neither takes the epoch from the driver of the cluster."""
    report(cluster)
    wait_until(lambda: leads(server))
    (tmp_path / "second").mkdir()
    second = Running(tmp_path / "second", database, engine="off").start()
    assert not leads(second)
    server.kill()
    wait_until(lambda: leads(second))
    assert cluster.store.projections.cursor()[1] == cluster.epoch
    second.stop()
    server.start()


def test_a_server_with_an_engine_that_takes_over_continues_where_the_cluster_stopped(
    cluster, tmp_path, database
):
    """It derives nothing again from what shards inferred, and misses no event that came before it leads."""
    start = now() - 4 * HOUR
    cluster.append_entries(lives(1, 5, start, start + 2 * HOUR))
    cluster.show(now() - REORDER_WINDOW_MS)
    assert cluster.inferred_facts()
    before = cluster.meetings()
    early = [
        Event(kind, "new", start + number * MINUTE, "ann")
        for number, kind in enumerate((Kind.JOIN, Kind.LEAVE))
    ]
    cluster.store.log.append([[entry_of(event, now()) for event in early]])
    report(cluster, ago=MINUTE)
    server = Running(tmp_path, database).start()
    wait_until(lambda: leads(server))
    wait_until(lambda: len(cluster.meetings()) > len(before))
    assert [meeting for meeting in cluster.meetings() if meeting.room != "new"] == before
    checked = headcount("doctor", "--database", database, check=False).stdout
    assert "ok     engine      all events are processed" in checked
    server.stop()


def test_nothing_else_processes_the_events_of_a_cluster(cluster, database, tmp_path):
    """A second engine would take the epoch from the live query, and a table of events would be read by nobody."""
    report(cluster)
    for command, reason in (
        (["import", ROOT / "docs/examples/monday.csv"], "name its topic with --log kafka://"),
        (["source", "dead-letters", "retry"], "name its topic with --log kafka://"),
        (["demo", "--remove"], "a live query on a cluster also has this domain in its state"),
        (["rebuild"], "the log of this database is the topic of a cluster"),
    ):
        refused = headcount(*command, "--database", database, check=False)
        assert refused.returncode == 2, refused.stderr
        assert reason in refused.stderr
    second = leadership(cluster.store.database)
    with pytest.raises(StoreBusy, match="set --engine off, or stop the query"):
        second.try_lead()
    assert cluster.store.projections.cursor()[1] == cluster.epoch
    assert cluster.store.log.end() == (0, 0)
    report(cluster, ago=MINUTE)
    assert second.try_lead() == cluster.epoch + 1
    second.give_up()


def leads(server):
    return "\nheadcount_engine_leader 1.0\n" in httpx.get(f"{server.url}/metrics").text


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (["--engine", "off"], "needs a postgresql:// database"),
        (["--log", "kafka://localhost:9092/events"], "also set --engine off"),
        (["--archive", "/srv/archive"], "a server with an engine has its log in the database"),
        (["--log", "http://localhost/events"], "expected kafka://HOST:PORT/TOPIC"),
    ],
)
def test_settings_that_do_not_fit_each_other_are_refused(tmp_path, flags, reason):
    done = headcount("serve", "--database", tmp_path / "a.db", "--port", "0", *flags, check=False)
    assert done.returncode == 2
    assert reason in done.stderr
