"""kill -9 of the real process, again and again, while events come in: nothing acknowledged is lost or doubled."""

import json
import sqlite3
import threading
import time
from random import Random

import httpx2 as httpx

from service.running import Running, headcount

KILLS = 20
SENDERS = 4


class Sender(threading.Thread):
    """Sends joins and leaves one by one and remembers what was acknowledged; sends again what was not."""

    def __init__(self, number, service, stop):
        super().__init__()
        self.number = number
        self.service = service
        self.stopping = stop
        self.acknowledged = []

    def run(self):
        chance = Random(self.number)
        sent = 0
        while not self.stopping.is_set():
            room = f"room-{chance.randrange(3)}"
            kind = "leave" if sent % 2 else "join"
            name = f"{self.number}-{sent}"
            event = {"room": room, "kind": kind, "participant_id": f"p-{self.number}-{sent // 2}", "id": name}
            event["at"] = time.time() - chance.choice((0, 0, 0, 2, 20, 700))
            if self._send(event):
                self.acknowledged.append(name)
                sent += 1

    def _send(self, event):
        try:
            with self.service.client() as client:
                return client.post("/events", content=json.dumps(event), timeout=5).status_code == 200
        except httpx.HTTPError:
            time.sleep(0.05)
            return False


def test_nothing_acknowledged_is_lost_when_the_process_is_killed(tmp_path):
    service = Running(tmp_path, reads_per_5s=0, events_per_5s=0).start()
    stop = threading.Event()
    senders = [Sender(number, service, stop) for number in range(SENDERS)]
    for sender in senders:
        sender.start()
    chance = Random(0)
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.05, 0.5))
        service.kill()
        service.start()
    stop.set()
    for sender in senders:
        sender.join()
    service.kill()
    acknowledged = [name for sender in senders for name in sender.acknowledged]
    with sqlite3.connect(service.database) as store:
        logged = [name for (name,) in store.execute("select event_id from entries")]
    assert len(acknowledged) > KILLS
    assert len(set(logged)) == len(logged)
    assert set(acknowledged) <= set(logged)
    assert headcount("rebuild", "--check", "--database", service.database).stdout.startswith("The tables are")


def test_a_graceful_stop_commits_what_it_has_and_ends_within_five_seconds(tmp_path):
    service = Running(tmp_path).start()
    with service.client() as client:
        client.post("/events", json={"room": "r", "kind": "join", "participant_id": "a"})
    began = time.monotonic()
    service.stop()
    assert time.monotonic() - began < 5
    assert service.process.returncode == 0
    service.start()
    with service.client() as client:
        client.post(
            "/events", json={"room": "s", "kind": "join", "participant_id": "a"}, params={"wait": "1"}
        )
        until = time.monotonic() + 15
        while time.monotonic() < until and not client.get("/rooms/r/presence").json()["data"]:
            time.sleep(0.2)
        assert [one["id"] for one in client.get("/rooms/r/presence").json()["data"]] == ["a"]
    service.stop()


def test_a_second_process_on_the_file_is_refused_and_commands_that_read_still_work(tmp_path):
    service = Running(tmp_path).start()
    second = headcount("serve", "--database", service.database, "--port", "0", check=False)
    assert second.returncode == 2
    assert "is served by another process" in second.stderr
    assert headcount("key", "list", "--database", service.database).returncode == 0
    assert headcount("doctor", "--database", service.database).returncode == 0
    service.stop()
