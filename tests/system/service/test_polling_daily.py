"""Polling Daily. Another Headcount takes the part of Daily: its API is compatible."""

import time
from contextlib import contextmanager

import pytest

from support.livekit_source import added, present
from support.running_service import Running, headcount
from support.waiting import wait_until


@contextmanager
def serving(folder):
    folder.mkdir()
    running = Running(folder, min_stay_s=0)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def there(tmp_path):
    with serving(tmp_path / "there") as running:
        yield running


@pytest.fixture
def here(tmp_path):
    with serving(tmp_path / "here") as running:
        yield running


def send(service, kind, who, ago=0):
    event = {
        "room": "blue", "kind": kind, "participant_id": f"c-{who}", "user_id": who, "user_name": who.title(),
        "at": time.time() - ago,
    }  # fmt: skip
    assert service.client().post("/events?wait=true", json=event).status_code == 200


def participants(service):
    people = service.client().get("/presence").json()["blue"]
    return [(one["id"], one["userName"], one["joinTime"]) for one in people]


def test_participants_there_are_participants_here(there, here):
    send(there, "join", "ann", ago=60)
    send(there, "join", "bob", ago=30)
    flags = ("--poll", f"{there.url}/v1", "--poll-key", there.key, "--poll-interval", "1s")
    added(here, "daily", "--secret", "d29yZA==", *flags)
    wait_until(lambda: present(here, "blue") == {"ann", "bob"})
    assert participants(here) == participants(there)
    send(there, "leave", "ann")
    wait_until(lambda: present(here, "blue") == {"bob"})
    send(there, "leave", "bob")
    wait_until(lambda: not present(here, "blue"))


def test_a_wrong_key_is_reported(there, here):
    flags = ("--poll", f"{there.url}/v1", "--poll-key", "hc_wrong", "--poll-interval", "1s")
    added(here, "daily", "--secret", "d29yZA==", *flags)
    asked = headcount("source", "poll", "daily", "--database", here.database, check=False)
    assert asked.returncode == 2
    assert "Daily refused the key (401)" in asked.stderr
