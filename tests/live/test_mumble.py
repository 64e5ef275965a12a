"""Polling of a real Mumble server by the program of the docs, as the page has it."""

import os
import re
import subprocess
import textwrap
from pathlib import Path
from urllib.parse import quote

import pytest

from live.mumble_server import ICE_PYTHON, SLICE, Mumble, Participant
from support.running_service import Running
from support.waiting import PATIENCE_S, wait_until

PAGE = Path(__file__).parents[2] / "docs/sources/mumble.md"
ROOM = "mumble/Root"


@pytest.fixture
def mumble(tmp_path_factory):
    server = Mumble(tmp_path_factory.mktemp("mumble"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def service(tmp_path):
    service = Running(tmp_path, min_stay_s=0)
    service.start()
    yield service
    service.stop()


@pytest.fixture
def program(service, mumble, tmp_path):
    """The program, polling five times a second."""
    (written,) = re.findall(r"^ *```python3\n(.*?)^ *```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    file = tmp_path / "mumble_to_headcount.py"
    file.write_text(textwrap.dedent(written))
    settings = {
        "HEADCOUNT_URL": service.url,
        "HEADCOUNT_KEY": service.make_key("default", "ingest", "read"),
        "MUMBLE_SLICE": str(SLICE),
        "MUMBLE_ICE": mumble.ice,
        "INTERVAL_S": "0.2",
    }
    running = subprocess.Popen(
        [ICE_PYTHON, file], env={**os.environ, **settings}, stdout=subprocess.PIPE, text=True
    )
    yield running
    running.kill()
    running.wait(PATIENCE_S)


def present_users(service):
    there = service.client().get(f"/rooms/{quote(ROOM, safe='')}/presence").json()["data"]
    return {one["userName"] for one in there}


def test_connected_clients_are_present(service, mumble, program):
    ann, bob = Participant(mumble, "Änn"), Participant(mumble, "bob")
    wait_until(lambda: present_users(service) == {"Änn", "bob"}, 20)
    ann.leave_room()
    wait_until(lambda: present_users(service) == {"bob"}, 20)
    bob.stop_pings()
    wait_until(lambda: not present_users(service), 60)
    (meeting,) = service.client().get("/meetings", params={"room": ROOM}).json()["data"]
    assert meeting["max_participants"] == 2


def test_a_server_that_is_down_changes_nothing_until_it_is_back(service, mumble, program):
    Participant(mumble, "ann")
    wait_until(lambda: present_users(service) == {"ann"}, 20)
    mumble.kill()
    assert program.stdout.readline().startswith("poll failed, nothing changed")
    assert present_users(service) == {"ann"}
    mumble.start()
    wait_until(lambda: not present_users(service), 20)
