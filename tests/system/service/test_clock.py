"""The machine's clock moves while the real process runs, or while it is down: nothing is lost, and times are right."""

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
from support.running_service import Running, headcount

ADDRESS = re.compile(r"/v1/ingest/generic/\S+")
HOUR_S = 3_600
YEAR_S = 365 * 86_400
A_LITTLE_S = 30
FIVE_MINUTES_S = 300


@pytest.fixture
def clock(tmp_path):
    return FalseClock(tmp_path)


@pytest.fixture
def service(tmp_path, clock):
    running = Running(tmp_path, environment=clock.environment).start()
    yield running
    running.stop()


def said(room, kind, who, **more):
    return {"room": room, "kind": kind, "participant_id": who, **more}


def send(service, *events):
    with service.client() as client:
        return client.post("/events", json=events, params={"wait": "1"})


def taken(service, *events):
    answer = send(service, *events)
    assert answer.status_code == 200, answer.text


def met(service, room, off):
    """Ann and Bob met in `room`, by a clock that is off by so many seconds."""
    now = round(time.time()) + off
    taken(service, said(room, "join", "ann", at=now - 200), said(room, "join", "bob", at=now - 190))
    taken(service, said(room, "leave", "ann", at=now - 100), said(room, "leave", "bob", at=now - 90))
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
    return abs(found - expected) < A_LITTLE_S


def doctor(service):
    return headcount("doctor", "--database", service.database, check=False, env=service.environment).stdout


def holds_to_its_laws(service, number):
    """All is there, nothing was received before what came before it, and the tables follow from the log."""
    service.stop()
    received = [moment for _, moment in entries(service)]
    assert len(received) == number
    assert received == sorted(received)
    assert headcount("rebuild", "--check", "--database", service.database).stdout.startswith("The tables are")


def test_a_clock_set_back_an_hour_while_it_runs_costs_nothing(service, clock):
    met(service, "before", 0)
    clock.set(-HOUR_S)
    met(service, "after", -HOUR_S)
    assert "received 3" in doctor(service)
    assert "s in the future" in doctor(service)
    holds_to_its_laws(service, 8)


def test_what_has_no_time_of_its_own_follows_a_clock_that_was_set_back_by_much(service, clock):
    taken(service, said("r", "join", "ann"))
    assert is_about(last_at(service), time.time())
    clock.set(-HOUR_S)
    taken(service, said("r", "join", "bob"))
    assert is_about(last_at(service), time.time() - HOUR_S)
    holds_to_its_laws(service, 2)


def test_what_has_no_time_of_its_own_keeps_its_order_when_a_clock_is_set_back_by_a_little(service, clock):
    taken(service, said("r", "join", "ann"))
    clock.set(-20)
    taken(service, said("r", "leave", "ann"))
    joined, left = (at for at, _ in entries(service))
    assert joined <= left
    holds_to_its_laws(service, 2)


def test_five_minutes_ahead_is_meant_by_the_clock_as_it_is_now(service, clock):
    taken(service, said("r", "join", "ann"))
    clock.set(-HOUR_S)
    now = time.time() - HOUR_S
    taken(service, said("r", "join", "bob", at=now + FIVE_MINUTES_S - A_LITTLE_S))
    refused = send(service, said("r", "join", "cid", at=now + FIVE_MINUTES_S + A_LITTLE_S))
    assert refused.status_code == 400
    assert "more than 5 minutes ahead of our clock" in refused.json()["info"]


def follows(service, off):
    """Wait until the service's own time is that of the machine's clock, which is off by so many seconds; how many events that took."""
    until = time.monotonic() + 60
    for number in itertools.count(1):
        taken(service, said("asking", "join", f"p{number}-{off}"))
        if is_about(entries(service)[-1][1], time.time() + off):
            return number
        assert time.monotonic() < until
        time.sleep(0.25)
    raise AssertionError


def test_a_clock_set_forward_an_hour_is_followed_if_it_stays_so(service, clock):
    met(service, "before", 0)
    clock.set(HOUR_S)
    taken(service, said("r", "join", "ann"))
    assert is_about(last_at(service), time.time())
    met(service, "of the hour before", 0)
    asked = follows(service, HOUR_S)
    met(service, "after", HOUR_S)
    assert "not behind the log" in doctor(service)
    assert "clock was set forward" in service.log.read_text()
    holds_to_its_laws(service, 13 + asked)


def duration(service, room):
    with service.client() as client:
        (meeting,) = client.get("/meetings", params={"room": room}).json()["data"]
    assert meeting["ongoing"]
    return meeting["duration"]


def test_a_glitch_of_a_year_is_never_seen_and_survives_no_restart(service, clock):
    now = round(time.time())
    taken(service, said("r", "join", "ann", at=now - 90), said("r", "join", "bob", at=now - 90))
    clock.set(YEAR_S)
    assert duration(service, "r") < HOUR_S
    taken(service, said("without a time", "join", "cid"))
    assert is_about(last_at(service), time.time())
    met(service, "meanwhile", 0)
    clock.set(-YEAR_S)
    assert 0 < duration(service, "r") < HOUR_S
    clock.set(0)
    assert 0 < duration(service, "r") < HOUR_S
    service.kill()
    service.start()
    assert 0 < duration(service, "r") < HOUR_S
    assert all(is_about(received, time.time()) for _, received in entries(service))
    holds_to_its_laws(service, 7)


def test_a_clock_that_was_a_year_ahead_for_long_is_left_behind_when_it_is_right(service, clock):
    now = round(time.time())
    taken(service, said("r", "join", "ann", at=now - 90), said("r", "join", "bob", at=now - 90))
    clock.set(YEAR_S)
    follows(service, YEAR_S)
    clock.set(0)
    follows(service, 0)
    assert 0 < duration(service, "r") < HOUR_S
    met(service, "after", 0)
    service.kill()
    service.start()
    assert 0 < duration(service, "r") < HOUR_S
    service.stop()
    headcount("rebuild", "--database", service.database)
    assert headcount("rebuild", "--check", "--database", service.database).stdout.startswith("The tables are")


def test_a_clock_that_is_back_at_a_restart_costs_nothing(service, clock):
    met(service, "before", 0)
    service.kill()
    clock.set(-HOUR_S)
    service.start()
    met(service, "after", -HOUR_S)
    taken(service, said("r", "join", "ann"))
    assert is_about(last_at(service), time.time() - HOUR_S)
    assert "s in the future" in doctor(service)
    assert "clock was set back" in service.log.read_text()
    holds_to_its_laws(service, 9)


def test_our_time_waits_for_a_clock_that_was_set_back(service, clock):
    taken(service, said("r", "join", "ann"))
    clock.set(-6)
    until = time.monotonic() + 30
    seen = [ahead(service)]
    assert 0 < seen[0] <= 6
    while seen[-1] > 0.01 and time.monotonic() < until:
        time.sleep(0.25)
        seen.append(ahead(service))
    assert seen[-1] <= 0.01
    assert seen == sorted(seen, reverse=True)


def ahead(service):
    told = httpx.get(f"{service.url}/metrics", timeout=5).text
    (line,) = (line for line in told.splitlines() if line.startswith("headcount_clock_ahead_seconds "))
    return float(line.split()[1])


def test_signatures_are_judged_by_the_clock_as_it_is_now(service, clock):
    secret = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"
    made = headcount("source", "add", "generic", "--database", service.database, "--secret", secret)
    path = ADDRESS.search(made.stdout)[0]
    taken(service, said("r", "join", "ann"))
    clock.set(-HOUR_S)
    body = InboundRequest({"content-type": "application/json"}, json.dumps(said("r", "join", "bob")).encode())
    signed = standard_webhooks.sign(
        body._replace(received_at=(time.time_ns() // 10**9 - HOUR_S) * 1_000), secret
    )
    answer = httpx.post(service.url + path, content=signed.body, headers=dict(signed.headers), timeout=30)
    assert answer.json()["accepted"] == 1
    assert is_about(last_at(service), time.time() - HOUR_S)
    holds_to_its_laws(service, 2)
