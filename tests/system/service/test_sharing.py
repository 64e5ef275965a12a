"""Several processes on one PostgreSQL: all accept events, one leads, and another takes over."""

import itertools
import re
import signal
import sqlite3
import threading
from contextlib import closing

import httpx2 as httpx
import psycopg
import pytest

from support.running_service import PATIENCE_S, Running, headcount
from support.waiting import wait_until


@pytest.fixture
def url(postgres):
    return postgres.database()


@pytest.fixture
def three(tmp_path, url):
    services = []
    for number in range(3):
        folder = tmp_path / str(number)
        folder.mkdir()
        services.append(Running(folder, url, events_per_5s=0).start())
    for service in services:
        service.key = services[0].key
    yield services
    for service in services:
        if service.process.poll() is None:
            service.signal(signal.SIGCONT)
            service.stop()


def leads(service):
    """Whether a service that runs, or was killed, is the leader."""
    try:
        metrics = httpx.get(f"{service.url}/metrics", timeout=PATIENCE_S).text
    except httpx.HTTPError:
        return False
    return "headcount_engine_leader 1.0" in metrics


def leaders(services):
    return [service for service in services if leads(service)]


def send(service, participant, room="r", **options):
    event = {"room": room, "kind": "join", "participant_id": participant, "id": participant}
    with service.client() as client:
        return client.post("/events", json=event, timeout=PATIENCE_S, **options).json()


def has_caught_up(service):
    """Whether the service processes an event before it answers that it did not: it answers in either case."""
    event = {"room": "x", "kind": "end"}
    with service.client() as client:
        answer = client.post("/events", json=event, params={"wait": "1"}, timeout=PATIENCE_S)
    return answer.status_code == 200


def wait_until_caught_up(service):
    wait_until(lambda: has_caught_up(service), message="the service has not caught up")


def test_all_accept_events_and_one_leads(three):
    for number, service in enumerate(three):
        assert send(service, f"p{number}")["accepted"] == 1
    assert send(three[0], "p2")["duplicates"] == 1
    for service in three:
        wait_until_caught_up(service)
    wait_until(lambda: len(leaders(three)) == 1)


def test_another_takes_over_when_the_leader_is_killed(three):
    leader = wait_until(lambda: leaders(three))[0]
    others = [service for service in three if service is not leader]
    leader.kill()
    wait_until(lambda: leaders(others))
    wait_until_caught_up(others[0])


def test_a_paused_leader_is_replaced_and_commits_nothing_when_it_wakes_up(three):
    leader = wait_until(lambda: leaders(three))[0]
    others = [service for service in three if service is not leader]
    leader.signal(signal.SIGSTOP)
    wait_until(lambda: leaders(others))
    for number in range(20):
        send(others[number % 2], f"while-paused-{number}")
    wait_until_caught_up(others[0])
    leader.signal(signal.SIGCONT)
    wait_until_caught_up(others[1])
    wait_until(lambda: len(leaders(three)) == 1)
    wait_until_caught_up(leader)
    for service in three:
        service.stop()
    rebuilt = headcount("rebuild", "--check", "--database", leader.database)
    assert rebuilt.stdout.startswith("The tables match")


class Sender(threading.Thread):
    """Sends joins one by one until it is stopped, and remembers which were acknowledged."""

    def __init__(self, service, name):
        super().__init__()
        self.service = service
        self.prefix = name
        self.acknowledged = []
        self.stopping = threading.Event()

    def run(self):
        for number in itertools.count():
            name = f"{self.prefix}-{number}"
            try:
                if send(self.service, name).get("accepted") == 1:
                    self.acknowledged.append(name)
            except (httpx.HTTPError, ValueError):
                self.stopping.wait(0.1)
            if self.stopping.is_set():
                return


def test_a_restart_of_the_server_loses_nothing_that_was_acknowledged(postgres, three, url):
    senders = [Sender(service, f"s{number}") for number, service in enumerate(three)]
    for sender in senders:
        sender.start()

    def wait_for_more():
        """Wait until every service has acknowledged more events."""
        before = [len(sender.acknowledged) for sender in senders]
        wait_until(lambda: all(len(s.acknowledged) >= n + 5 for s, n in zip(senders, before, strict=True)))

    wait_for_more()
    for _ in range(2):
        postgres.restart()
        wait_for_more()
    for sender in senders:
        sender.stopping.set()
    for sender in senders:
        sender.join()
    wait_until(lambda: leaders(three))
    wait_until_caught_up(three[0])
    for service in three:
        service.stop()
    acknowledged = {name for sender in senders for name in sender.acknowledged}
    assert len(acknowledged) > 20
    with psycopg.connect(url) as connection:
        rows = connection.execute("select event_id from entries where event_id is not null").fetchall()
    logged = [name for (name,) in rows]
    assert len(set(logged)) == len(logged)
    assert acknowledged <= set(logged)
    assert headcount("rebuild", "--check", "--database", url).stdout.startswith("The tables match")


def test_a_name_too_long_for_an_index_is_refused_at_once_and_fails_nobody_else(tmp_path, url):
    """An entry of an index of PostgreSQL has at most 2,700 bytes."""
    service = Running(tmp_path, url).start()
    event = {"room": "".join(map(chr, range(0x4E00, 0x4E00 + 1_500))), "kind": "join", "participant_id": "a"}
    added = headcount("source", "create", "generic", "--secret", "s" * 40, "--database", url).stdout
    source = re.search(r"/v1(/ingest/generic/\S+)", added)[1]
    with service.client() as client:
        answer = client.post("/events", json=event)
        assert answer.status_code == 400
        assert answer.json()["error"] == "invalid-request-error"
        assert "retry-after" not in answer.headers
        delivered = client.post(source, json=event, headers={"Authorization": f"Bearer {'s' * 40}"})
        assert delivered.json()["status"] == "dead_letter"
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
    no_waiting = {"headcount.store.postgres._TIMEOUT_S": 1}
    for command in (("serve", "--port", "0"), ("config",), ("doctor",), ("key", "list")):
        done = headcount(*command, "--database", address, check=False, constants=no_waiting)
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
    log = service.log.read_text()
    assert "headcount:***@127.0.0.1" in log
    assert "pa55" not in "".join([*shown, log])


def test_a_server_without_a_directory_of_its_own_serves_and_names_the_commands_for_access(tmp_path, postgres):
    service = Running(tmp_path, postgres.database())
    service.variables = {"STATE_DIRECTORY": "/proc/nowhere"}
    service.start()
    service.stop()
    assert "Create a sign-in link with 'headcount login-link'" in service.log.read_text()


def test_a_store_that_cannot_be_opened_is_refused_with_the_reason(tmp_path):
    refused = headcount("serve", "--database", tmp_path / "nowhere" / "x.db", "--port", "0", check=False)
    assert refused.returncode == 2
    assert "check that the file and its directory can be written" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_file_that_is_not_a_store_is_refused(tmp_path):
    file = tmp_path / "x.db"
    file.write_text("something else entirely, and long enough to be looked at" * 30)
    refused = headcount("serve", "--database", file, "--port", "0", check=False)
    assert refused.returncode == 2
    assert "not a database" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_full_disk_is_reported_and_acknowledged_events_stay(tmp_path):
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
    assert httpx.get(f"{service.url}/healthz", timeout=PATIENCE_S).status_code == 200
    service.kill()
    service.start()
    wait_until_caught_up(service)
    service.stop()
    with closing(sqlite3.connect(service.database)) as store:
        logged = [name for (name,) in store.execute("select participant_id from entries where kind = 1")]
    assert sorted(logged) == sorted(acknowledged)
    assert headcount("rebuild", "--check", "--database", service.database).stdout.startswith(
        "The tables match"
    )
