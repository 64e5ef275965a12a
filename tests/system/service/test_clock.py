"""The service when the machine's clock is moved while it runs or is stopped: nothing is lost, and times are right."""

import itertools
import json
import re
import sqlite3
import time
from contextlib import closing

import httpx2 as httpx
import pytest

from headcount.sources import standard_webhooks
from headcount.sources.api import InboundRequest
from support.faketime import FalseClock
from support.fork_server import ForkServer
from support.running_service import Running, headcount

ADDRESS = re.compile(r"/v1/ingest/generic/\S+")
HOUR_S = 3_600
YEAR_S = 365 * 86_400
TOLERANCE_S = 60
FIVE_MINUTES_S = 300


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """The clock, and what forks processes that see it."""
    clock = FalseClock(tmp_path_factory.mktemp("clock"))
    server = ForkServer(environment=clock.environment)
    yield clock, server
    server.close()


@pytest.fixture
def clock(machine):
    clock, _ = machine
    clock.set(0)
    return clock


@pytest.fixture
def start(machine, clock, tmp_path):
    """Start the service; a jump of the clock is followed once it has stood for `jump_stands_s`."""
    started = []

    def start(jump_stands_s=15):
        constants = {"headcount.clock.JUMP_CONFIRMED_MS": jump_stands_s * 1_000}
        started.append(Running(tmp_path, server=machine[1], constants=constants).start())
        return started[-1]

    yield start
    for running in started:
        running.stop()


@pytest.fixture
def service(start):
    """A service that follows no jump before the test has ended."""
    return start(jump_stands_s=HOUR_S)


def event(room, kind, participant, **fields):
    return {"room": room, "kind": kind, "participant_id": participant, **fields}


def send(service, *events):
    with service.client() as client:
        return client.post("/events", json=events, params={"wait": "1"})


def accept(service, *events):
    answer = send(service, *events)
    assert answer.status_code == 200, answer.text


def meet(service, room, off):
    """Let Ann and Bob meet in `room`, by a clock that is off by so many seconds."""
    now = round(time.time()) + off
    accept(service, event(room, "join", "ann", at=now - 200), event(room, "join", "bob", at=now - 190))
    accept(service, event(room, "leave", "ann", at=now - 100), event(room, "leave", "bob", at=now - 90))
    with service.client() as client:
        (meeting,) = client.get("/meetings", params={"room": room}).json()["data"]
    assert (meeting["start_time"], meeting["duration"], meeting["ongoing"]) == (now - 200, 110, False)


def entries(service):
    """(at, received) of everything in the log, in seconds, in its order."""
    with closing(sqlite3.connect(service.database)) as store:
        return list(
            store.execute("select at_ms / 1000.0, received_ms / 1000.0 from entries order by position")
        )


def last_at(service):
    return entries(service)[-1][0]


def is_about(found, expected):
    return abs(found - expected) < TOLERANCE_S


def doctor(service):
    return headcount("doctor", "--database", service.database, check=False, server=service.server).stdout


def assert_log_is_sound(service, number):
    """All events are in the log, in the order of their receipt, and the tables follow from it."""
    service.stop()
    received = [moment for _, moment in entries(service)]
    assert len(received) == number
    assert received == sorted(received)
    assert headcount("rebuild", "--check", "--database", service.database).stdout.startswith(
        "The tables match"
    )


def test_a_clock_set_back_an_hour_while_the_service_runs_costs_nothing(service, clock):
    meet(service, "before", 0)
    clock.set(-HOUR_S)
    meet(service, "after", -HOUR_S)
    assert "received 3" in doctor(service)
    assert "s in the future" in doctor(service)
    assert_log_is_sound(service, 8)


def test_an_event_without_a_time_follows_a_clock_that_was_set_back_by_an_hour(service, clock):
    accept(service, event("r", "join", "ann"))
    assert is_about(last_at(service), time.time())
    clock.set(-HOUR_S)
    accept(service, event("r", "join", "bob"))
    assert is_about(last_at(service), time.time() - HOUR_S)
    assert_log_is_sound(service, 2)


def test_events_without_a_time_stay_in_order_when_a_clock_is_set_back_by_seconds(service, clock):
    accept(service, event("r", "join", "ann"))
    clock.set(-20)
    accept(service, event("r", "leave", "ann"))
    joined, left = (at for at, _ in entries(service))
    assert joined <= left
    assert_log_is_sound(service, 2)


def test_five_minutes_ahead_are_counted_from_the_clock_as_it_is_now(service, clock):
    accept(service, event("r", "join", "ann"))
    clock.set(-HOUR_S)
    now = time.time() - HOUR_S
    accept(service, event("r", "join", "bob", at=now + FIVE_MINUTES_S - TOLERANCE_S))
    refused = send(service, event("r", "join", "cid", at=now + FIVE_MINUTES_S + 2 * TOLERANCE_S))
    assert refused.status_code == 400
    assert "more than 5 minutes ahead of the server's clock" in refused.json()["info"]


def wait_until_followed(service, off):
    """Send events until the service's time is off by so many seconds too, and return how many it took."""
    until = time.monotonic() + 60
    for number in itertools.count(1):
        accept(service, event("waiting", "join", f"p{number}-{off}"))
        if is_about(entries(service)[-1][1], time.time() + off):
            return number
        assert time.monotonic() < until
        time.sleep(0.1)
    raise AssertionError


def test_a_clock_set_forward_an_hour_is_followed_once_that_has_lasted(start, clock):
    service = start()
    meet(service, "before", 0)
    clock.set(HOUR_S)
    accept(service, event("r", "join", "ann"))
    assert is_about(last_at(service), time.time())
    meet(service, "of the hour before", 0)
    number = wait_until_followed(service, HOUR_S)
    meet(service, "after", HOUR_S)
    assert "not behind the event log" in doctor(service)
    assert "clock was set forward" in service.log.read_text()
    assert_log_is_sound(service, 13 + number)


def duration(service, room):
    with service.client() as client:
        (meeting,) = client.get("/meetings", params={"room": room}).json()["data"]
    assert meeting["ongoing"]
    return meeting["duration"]


def test_a_glitch_of_a_year_never_shows_and_does_not_survive_a_restart(service, clock):
    now = round(time.time())
    accept(service, event("r", "join", "ann", at=now - 90), event("r", "join", "bob", at=now - 90))
    clock.set(YEAR_S)
    assert duration(service, "r") < HOUR_S
    accept(service, event("without a time", "join", "cid"))
    assert is_about(last_at(service), time.time())
    meet(service, "meanwhile", 0)
    clock.set(-YEAR_S)
    assert 0 < duration(service, "r") < HOUR_S
    clock.set(0)
    assert 0 < duration(service, "r") < HOUR_S
    service.kill()
    service.start()
    assert 0 < duration(service, "r") < HOUR_S
    assert all(is_about(received, time.time()) for _, received in entries(service))
    assert_log_is_sound(service, 7)


def test_a_clock_that_was_a_year_ahead_is_not_followed_any_more_once_it_is_right(start, clock):
    service = start(jump_stands_s=1)
    now = round(time.time())
    accept(service, event("r", "join", "ann", at=now - 90), event("r", "join", "bob", at=now - 90))
    clock.set(YEAR_S)
    wait_until_followed(service, YEAR_S)
    clock.set(0)
    wait_until_followed(service, 0)
    assert 0 < duration(service, "r") < HOUR_S
    meet(service, "after", 0)
    service.kill()
    service.start()
    assert 0 < duration(service, "r") < HOUR_S
    service.stop()
    headcount("rebuild", "--database", service.database)
    assert headcount("rebuild", "--check", "--database", service.database).stdout.startswith(
        "The tables match"
    )


def test_a_clock_that_is_set_back_at_a_restart_costs_nothing(service, clock):
    meet(service, "before", 0)
    service.kill()
    clock.set(-HOUR_S)
    service.start()
    meet(service, "after", -HOUR_S)
    accept(service, event("r", "join", "ann"))
    assert is_about(last_at(service), time.time() - HOUR_S)
    assert "s in the future" in doctor(service)
    assert "clock was set back" in service.log.read_text()
    assert_log_is_sound(service, 9)


def test_our_time_waits_for_a_clock_that_was_set_back_by_seconds(service, clock):
    accept(service, event("r", "join", "ann"))
    clock.set(-20)
    measured = [seconds_ahead(service)]
    assert 0 < measured[0] <= 20
    clock.set(-3)  # as if 17 seconds had passed
    until = time.monotonic() + 60
    while measured[-1] > 0.01:
        assert time.monotonic() < until, measured
        time.sleep(0.1)
        measured.append(seconds_ahead(service))
    assert measured == sorted(measured, reverse=True)


def seconds_ahead(service):
    metrics = httpx.get(f"{service.url}/metrics", timeout=60).text
    (line,) = (line for line in metrics.splitlines() if line.startswith("headcount_clock_ahead_seconds "))
    return float(line.split()[1])


def test_signatures_are_verified_by_the_clock_as_it_is_now(service, clock):
    secret = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"
    added = headcount("source", "create", "generic", "--database", service.database, "--secret", secret)
    path = ADDRESS.search(added.stdout)[0]
    accept(service, event("r", "join", "ann"))
    clock.set(-HOUR_S)
    body = json.dumps(event("r", "join", "bob")).encode()
    received = (time.time_ns() // 10**9 - HOUR_S) * 1_000
    signed = standard_webhooks.sign(
        InboundRequest({"content-type": "application/json"}, body, received_at=received), secret
    )
    answer = httpx.post(service.url + path, content=signed.body, headers=dict(signed.headers), timeout=30)
    assert answer.json()["accepted"] == 1
    assert is_about(last_at(service), time.time() - HOUR_S)
    assert_log_is_sound(service, 2)
