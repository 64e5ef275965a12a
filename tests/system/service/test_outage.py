"""An outage of PostgreSQL: probes answer, requests wait and get 503, and afterwards all is as before."""

import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx2 as httpx
import pytest

from headcount.service.readiness import Probe
from support.browser import sign_in
from support.running_service import Running
from support.servers import free_port
from support.service_processes import Processes, kill
from support.waiting import wait_until

REQUEST_S = 6
EVENT = {"room": "r", "kind": "join", "participant_id": "a", "id": "sent during the outage"}


def test_the_last_measurement_stays_while_another_request_measures():
    finish = threading.Event()

    async def measured_twice():
        probe = Probe(lambda: finish.wait() and 1)
        finish.set()
        assert await probe.measure() == 1
        finish.clear()
        second = asyncio.ensure_future(probe.measure())
        await asyncio.sleep(0)
        assert not second.done()
        assert probe.latest == 1
        finish.set()
        await second

    asyncio.run(measured_twice())


class Paused:
    """The processes of the server are paused: connections stay open, and no query is answered."""

    def __init__(self, postgres):
        self.url = postgres.database()
        self.begin, self.end = postgres.pause, postgres.resume


class Swallowed:
    """The network loses packets for a while: connections are neither refused nor closed."""

    def __init__(self, postgres):
        self.port, self.target = free_port(), postgres.port
        self.url = postgres.database().replace(f":{postgres.port}/", f":{self.port}/")
        self.flows = threading.Event()
        self.begin, self.end = self.flows.clear, self.flows.set
        self.end()
        self.listening = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with suppress(OSError):
            while True:
                here, _ = self.listening.accept()
                there = socket.create_connection(("127.0.0.1", self.target))
                for one, other in ((here, there), (there, here)):
                    threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, one, other):
        with suppress(OSError):
            while chunk := one.recv(65_536):
                self.flows.wait()
                other.sendall(chunk)
        with suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)


@pytest.fixture(params=[Paused, Swallowed], ids=["paused", "swallowed"])
def outage(request, postgres):
    found = request.param(postgres)
    yield found
    found.end()


def test_probes_answer_while_requests_wait_and_then_get_503(outage, tmp_path):
    service = Running(tmp_path, outage.url, request_timeout_s=REQUEST_S).start()
    try:
        browser = sign_in(service)
        with httpx.Client(base_url=service.url, timeout=60) as client, ThreadPoolExecutor(8) as many:
            key = {"Authorization": f"Bearer {service.key}"}
            client.get("/v1/meetings", headers=key).raise_for_status()
            client.post("/v1/events", headers=key, json=EVENT | {"id": "before"}).raise_for_status()
            outage.begin()
            waiting = [
                many.submit(client.get, "/v1/meetings", headers=key),
                many.submit(client.get, "/v1/presence", headers={"Authorization": "Bearer hc_of-nobody"}),
                many.submit(client.post, "/v1/events", headers=key, json=EVENT),
                many.submit(client.post, "/v1/events?wait=false", headers=key, json=EVENT),
                many.submit(client.post, "/v1/ingest/jitsi/no-such-token", json={}),
                many.submit(browser.get, "/dashboard/meetings"),
            ]
            probes = [
                httpx.get(f"{service.url}{path}", timeout=60) for path in ("/healthz", "/readyz", "/metrics")
            ]
            assert not any(one.done() for one in waiting)
            assert [one.status_code for one in probes] == [200, 503, 200]
            assert "the database does not answer" in probes[1].text
            assert "headcount_database_up 0.0" in probes[2].text
            assert "\nheadcount_engine_lag_entries" not in probes[2].text
            assert [one.result().status_code for one in waiting] == [503] * len(waiting)
            assert "whether it took this is not known" in waiting[2].result().json()["info"]
            outage.end()
            wait_until(lambda: client.get("/readyz").status_code == 200)
            sent = client.post("/v1/events?wait=true", headers=key, json=EVENT).json()
            assert sent["accepted"] + sent["duplicates"] == 1
            # Presence lists stays that count, from 10 s on (R4).
            wait_until(lambda: client.get("/v1/rooms/r/presence", headers=key).json()["total_count"] == 1)
            assert "headcount_database_up 1.0" in client.get("/metrics").text
            assert browser.get("/dashboard/meetings").status_code == 200
    finally:
        outage.end()
        service.stop()
    assert "Traceback" not in service.log.read_text()


def test_an_engine_process_that_starts_during_an_outage_is_started_again(outage, tmp_path):
    service = Running(tmp_path, outage.url, request_timeout_s=REQUEST_S).start()
    try:
        processes = Processes(service)
        outage.begin()
        kill(processes.engine)
        wait_until(lambda: "the engine process cannot use the store" in service.log.read_text())
        outage.end()
        wait_until(lambda: httpx.get(f"{service.url}/readyz", timeout=60).status_code == 200)
    finally:
        outage.end()
        service.stop()
    assert "Traceback" not in service.log.read_text()
