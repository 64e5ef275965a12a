"""The processes of a service: each is killed or paused by itself, and nothing is lost, doubled or left running."""

import os
import signal
import subprocess
import sys

import httpx2 as httpx
import pytest

from support.crash_runs import Crashes
from support.running_service import PATIENCE_S, Running, headcount
from support.service_processes import Processes, kill
from support.waiting import wait_until

EVENT = {"room": "r", "kind": "join", "participant_id": "a"}


@pytest.fixture
def service(tmp_path):
    running = Running(tmp_path, events_per_5s=0).start()
    yield running
    running.stop()


def send(service, name):
    """Send an event, and return the answer once the engine has processed it."""
    with service.client() as client:
        event = EVENT | {"participant_id": name, "id": name}
        return client.post("/events?wait=true", json=event, timeout=PATIENCE_S)


def metric(service, line):
    return line in httpx.get(f"{service.url}/metrics", timeout=PATIENCE_S).text


def test_an_engine_process_that_is_killed_is_started_again(service):
    assert send(service, "before").status_code == 200
    processes = Processes(service)
    kill(processes.engine)
    assert send(service, "after").status_code == 200
    assert Processes(service).engine != processes.engine
    assert Processes(service).supervisor == processes.supervisor
    wait_until(lambda: metric(service, "headcount_engine_leader 1.0"))


def test_the_counts_of_rooms_and_participants_survive_a_restart(service):
    assert send(service, "before").status_code == 200
    wait_until(lambda: metric(service, "headcount_participants_active 1.0"))
    service.stop()
    service.start()
    wait_until(lambda: metric(service, "headcount_engine_leader 1.0"))
    assert metric(service, "headcount_participants_active 1.0")
    assert metric(service, "headcount_rooms_active 1.0")


def test_a_service_ends_if_the_supervisor_of_its_engine_is_killed_and_starts_again(service):
    assert send(service, "before").status_code == 200
    processes = Processes(service)
    kill(processes.supervisor)
    assert service.process.wait(PATIENCE_S) == 2
    wait_until(processes.all_have_ended)
    assert "the engine process has ended" in service.log.read_text()
    service.start()
    assert send(service, "after").status_code == 200


@pytest.mark.parametrize("end", [Running.kill, Running.stop])
def test_no_process_outlives_the_service(service, end):
    assert send(service, "before").status_code == 200
    processes = Processes(service)
    end(service)
    wait_until(processes.all_have_ended)


def test_a_signal_to_all_processes_ends_them_in_order(service):
    assert send(service, "before").status_code == 200
    processes = Processes(service)
    for pid in (processes.engine, processes.supervisor, processes.service):
        os.kill(pid, signal.SIGTERM)
    assert service.process.wait(PATIENCE_S) == 0
    wait_until(processes.all_have_ended)
    assert "the engine process has ended" not in service.log.read_text()


def test_a_paused_engine_process_is_reported_and_continues(service):
    assert send(service, "before").status_code == 200
    engine = Processes(service).engine
    os.kill(engine, signal.SIGSTOP)
    wait_until(lambda: "engine has stopped" in httpx.get(f"{service.url}/readyz", timeout=PATIENCE_S).text)
    with service.client() as client:
        assert client.post("/events", json=EVENT | {"participant_id": "b"}).status_code == 200
    os.kill(engine, signal.SIGCONT)
    wait_until(lambda: httpx.get(f"{service.url}/readyz", timeout=PATIENCE_S).status_code == 200)
    assert send(service, "after").status_code == 200


def test_the_processes_are_killed_one_by_one_under_load_and_no_event_is_lost_or_doubled(tmp_path):
    service = Running(tmp_path, events_per_5s=0).start()
    crashes = Crashes(service)
    crashes.kill_parts(12)
    crashes.end()
    assert crashes.acknowledged > 20
    assert headcount("doctor", "--database", service.database).returncode == 0


def test_an_engine_that_was_just_started_counts_as_alive():
    program = (
        "import time; from headcount.service.engine_process import EngineProcess\n"
        "engine = EngineProcess(lambda link: time.sleep(0.2), lambda: None)\n"
        "assert not engine.alive()\n"
        "engine.start()\n"
        "assert engine.alive()\n"
        "engine.stop()\n"
        "assert not engine.alive()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
