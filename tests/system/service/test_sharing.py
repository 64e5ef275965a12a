"""Several processes on one PostgreSQL: they share what comes in, one leads, and another takes over."""

import re
import signal
import sqlite3
import threading
import time
from contextlib import closing

import httpx2 as httpx
import pytest

from support.running_service import Running, headcount

TAKEOVER_S = 12


@pytest.fixture
def url(postgres):
    return postgres.database()


@pytest.fixture
def three(tmp_path, url):
    services = []
    for number in range(3):
        folder = tmp_path / str(number)
        folder.mkdir()
        services.append(Running(folder, url, reads_per_5s=0, events_per_5s=0).start())
    for service in services:
        service.key = services[0].key
    yield services
    for service in services:
        if service.process.poll() is None:
            service.signal(signal.SIGCONT)
            service.stop()


def leads(service):
    try:
        told = httpx.get(f"{service.url}/metrics", timeout=2).text
    except httpx.HTTPError:
        return False
    return "headcount_engine_leads 1.0" in told


def leaders(services):
    return [service for service in services if leads(service)]


def wait_for(claim, patience_s=TAKEOVER_S):
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        found = claim()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {patience_s} s")


def send(service, who, room="r", **options):
    event = {"room": room, "kind": "join", "participant_id": who, "id": who}
    with service.client() as client:
        return client.post("/events", json=event, timeout=20, **options).json()


def worked_in(service):
    with service.client() as client:
        return (
            client.post("/events", json={"room": "x", "kind": "end"}, params={"wait": "1"}).status_code == 200
        )


def test_all_take_events_and_one_leads(three):
    for number, service in enumerate(three):
        assert send(service, f"p{number}")["accepted"] == 1
    assert send(three[0], "p2")["duplicates"] == 1
    assert all(worked_in(service) for service in three)
    assert len(leaders(three)) == 1


def test_another_takes_over_within_ten_seconds_when_the_leader_is_killed(three):
    leader = wait_for(lambda: leaders(three))[0]
    others = [service for service in three if service is not leader]
    leader.kill()
    began = time.monotonic()
    wait_for(lambda: leaders(others))
    assert time.monotonic() - began < 10
    assert worked_in(others[0])


def test_a_paused_leader_is_replaced_and_commits_nothing_when_it_wakes_up(three):
    leader = wait_for(lambda: leaders(three))[0]
    others = [service for service in three if service is not leader]
    leader.signal(signal.SIGSTOP)
    wait_for(lambda: leaders(others))
    for number in range(20):
        send(others[number % 2], f"while-paused-{number}")
    assert worked_in(others[0])
    leader.signal(signal.SIGCONT)
    assert worked_in(others[1])
    wait_for(lambda: len(leaders(three)) == 1)
    assert worked_in(leader)
    url = leader.database
    for service in three:
        service.stop()
    assert headcount("rebuild", "--check", "--database", url).stdout.startswith("The tables are")


def test_a_restart_of_the_server_loses_nothing_that_was_acknowledged(postgres, three, url):
    acknowledged = []
    stop = threading.Event()

    def sender(number):
        n = 0
        while not stop.is_set():
            name = f"s{number}-{n}"
            try:
                if send(three[number], name).get("accepted") == 1:
                    acknowledged.append(name)
                    n += 1
            except (httpx.HTTPError, ValueError):
                time.sleep(0.1)
            n += 1

    threads = [threading.Thread(target=sender, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    for _ in range(2):
        postgres.restart()
        time.sleep(1.5)
    stop.set()
    for thread in threads:
        thread.join()
    wait_for(lambda: leaders(three), 20)
    wait_for(lambda: worked_in(three[0]), 20)
    for service in three:
        service.stop()
    assert len(acknowledged) > 20
    import psycopg

    with psycopg.connect(url) as connection:
        logged = [
            name for (name,) in connection.execute("select event_id from entries where event_id is not null")
        ]
    assert len(set(logged)) == len(logged)
    assert set(acknowledged) <= set(logged)
    assert headcount("rebuild", "--check", "--database", url).stdout.startswith("The tables are")


def test_a_name_too_long_for_an_index_is_refused_at_once_and_fails_nobody_else(tmp_path, url):
    """An entry of an index of PostgreSQL has at most 2,700 bytes."""
    service = Running(tmp_path, url).start()
    event = {"room": "".join(map(chr, range(0x4E00, 0x4E00 + 1_500))), "kind": "join", "participant_id": "a"}
    added = headcount("source", "add", "generic", "--secret", "s" * 40, "--database", url).stdout
    source = re.search(r"/v1(/ingest/generic/\S+)", added)[1]
    with service.client() as client:
        answer = client.post("/events", json=event)
        assert answer.status_code == 400
        assert answer.json()["error"] == "invalid-request-error"
        assert "retry-after" not in answer.headers
        delivered = client.post(source, json=event, headers={"Authorization": f"Bearer {'s' * 40}"})
        assert delivered.json()["kept"]
        assert client.post("/events", json={**event, "room": "r"}, params={"wait": "1"}).status_code == 200
    assert httpx.get(f"{service.url}/readyz", timeout=30).status_code == 200
    service.stop()


PASSWORDS = [
    "postgresql://somebody:pa55%2Fw%40rd@127.0.0.1:1/x",
    "postgresql://127.0.0.1:1/x?user=somebody&password=pa55%2Fw%40rd",
    "postgresql://somebody:pa55/w@rd@127.0.0.1:1/x",
    "postgresql://somebody:pa55%ZZ@127.0.0.1:1/x",
]


@pytest.mark.parametrize("address", PASSWORDS)
def test_the_password_of_a_database_is_shown_nowhere(address):
    for command in (("serve", "--port", "0"), ("config",), ("doctor",), ("key", "list")):
        done = headcount(*command, "--database", address, check=False)
        assert "pa55" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


def test_the_password_of_a_database_in_use_is_shown_nowhere(tmp_path, url):
    address = url.replace("headcount@", "headcount:pa55@")  # the server lets everybody in
    service = Running(tmp_path, address, log_level="debug").start()
    shown = [
        httpx.get(f"{service.url}{path}", timeout=30).text
        for path in ("/metrics", "/readyz", "/openapi.json")
    ]
    shown += [headcount(command, "--database", address).stdout for command in ("doctor", "config")]
    service.stop()
    told = service.log.read_text()
    assert "headcount:***@127.0.0.1" in told
    assert "pa55" not in "".join([*shown, told])


def test_a_store_that_cannot_be_opened_is_said_so(tmp_path):
    refused = headcount("serve", "--database", tmp_path / "nowhere" / "x.db", "--port", "0", check=False)
    assert refused.returncode == 2
    assert "check that the file and its directory can be written" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_what_is_no_store_is_refused(tmp_path):
    file = tmp_path / "x.db"
    file.write_text("something else entirely, and long enough to be looked at" * 30)
    refused = headcount("serve", "--database", file, "--port", "0", check=False)
    assert refused.returncode == 2
    assert "not a database" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_full_disk_is_told_and_what_was_acknowledged_stays(tmp_path):
    service = Running(tmp_path, events_per_5s=0).start(limit_bytes=600_000)
    acknowledged, refused = [], None
    with service.client() as client:
        for number in range(100):
            events = [
                {"room": "r", "kind": "join", "participant_id": f"{number}-{n}" * 5} for n in range(100)
            ]
            answer = client.post("/events", json=events)
            if answer.status_code != 200:
                refused = answer
                break
            acknowledged += [event["participant_id"] for event in events]
    assert refused is not None
    assert refused.status_code == 503
    assert refused.json()["error"] == "server-error"
    assert "try again" in refused.json()["info"]
    assert str(tmp_path) not in refused.text
    ready = httpx.get(f"{service.url}/readyz", timeout=30)
    assert ready.status_code == 503
    assert "cannot be written" in ready.text
    assert str(tmp_path) not in ready.text
    assert httpx.get(f"{service.url}/healthz", timeout=5).status_code == 200
    service.kill()
    service.start()
    assert worked_in(service)
    service.stop()
    with closing(sqlite3.connect(service.database)) as store:
        logged = [name for (name,) in store.execute("select participant_id from entries where kind = 1")]
    assert sorted(logged) == sorted(acknowledged)
    assert headcount("rebuild", "--check", "--database", service.database).stdout.startswith("The tables are")
