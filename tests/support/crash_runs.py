"""Kills and restores of the real service under load, and the checks of its store afterwards."""

import json
import sqlite3
import threading
import time
from contextlib import closing
from random import Random

import httpx2 as httpx

from support.running_service import PATIENCE_S, headcount
from support.service_processes import Processes, kill

SENDERS = 4


class Sender(threading.Thread):
    """Sends joins and leaves one by one, repeats those that failed, and remembers those that were acknowledged."""

    def __init__(self, name, service, stop):
        super().__init__(name=name)
        self.service = service
        self.stopping = stop
        self.sent = []
        self.acknowledged = []

    def run(self):
        chance = Random(self.name)
        while not self.stopping.is_set():
            number = len(self.acknowledged)
            name = f"{self.name}-{number}"
            event = {
                "room": f"room-{chance.randrange(3)}",
                "kind": "leave" if number % 2 else "join",
                "participant_id": f"p-{self.name}-{number // 2}",
                "id": name,
                "at": time.time() - chance.choice((0, 0, 0, 2, 20, 700)),
            }
            self.sent.append(name)
            if self._send(event):
                self.acknowledged.append(name)

    def _send(self, event):
        try:
            with self.service.client() as client:
                return client.post("/events", content=json.dumps(event), timeout=5).status_code == 200
        except httpx.HTTPError:
            self.stopping.wait(0.05)
            return False


class Load:
    """Several senders at the same time."""

    def __init__(self, service, generation):
        self._stop = threading.Event()
        self._senders = [Sender(f"{generation}-{n}", service, self._stop) for n in range(SENDERS)]
        for sender in self._senders:
            sender.start()

    def acknowledged(self):
        return {name for sender in self._senders for name in list(sender.acknowledged)}

    def sent(self):
        return {name for sender in self._senders for name in list(sender.sent)}

    def stop(self):
        self._stop.set()
        for sender in self._senders:
            sender.join()


class Crashes:
    """Kills a service, restores its store, and compares its log with the acknowledged events.

    What was acknowledged after a backup is not in it, so a restore loses that. Nothing else may be lost.
    """

    def __init__(self, service, report=lambda _: None):
        self._service = service
        self._report = report
        self._chance = Random(0)
        self._expected = set()
        self._sent = set()
        self.acknowledged = 0
        self._restores = 0
        self._load = Load(service, 0)

    def kill(self, times):
        for _ in range(times):
            time.sleep(self._chance.uniform(0.05, 0.8))
            self._service.kill()
            self._service.start()

    def kill_parts(self, times):
        """Kill one process of the service at a time. The service ends with each but the engine process."""
        for number in range(times):
            time.sleep(self._chance.uniform(0.05, 0.8))
            processes = Processes(self._service)
            victim = (processes.engine, processes.supervisor, processes.service)[number % 3]
            kill(victim)
            if victim != processes.engine:
                self._service.process.wait(PATIENCE_S)
                self._service.start()

    def restore(self):
        """Back up while the service runs, kill it, and restore by the documented procedure."""
        database, backup = self._service.database, self._service.folder / f"{self._restores}.backup"
        known = self._load.acknowledged()
        headcount("backup", "-o", backup, "--database", database)
        time.sleep(self._chance.uniform(0.05, 0.5))
        self._service.kill()
        self._end_load()
        moved = self._service.folder / f"moved-{self._restores}"
        moved.mkdir()
        for file in [database, *database.parent.glob(f"{database.name}-*")]:
            file.rename(moved / file.name)
        restored = headcount("restore", backup, "--database", database).stdout
        assert "The tables match the event log." in restored, restored
        self._require(moved / database.name, self._expected | self._load.acknowledged())
        self._expected |= known
        self._require(database, self._expected)
        self._restores += 1
        self._load = Load(self._service, self._restores)
        self._service.start()

    def end(self):
        """Kill the service a last time, and check the store."""
        self._service.kill()
        self._end_load()
        self._require(self._service.database, self._expected | self._load.acknowledged())
        checked = headcount("rebuild", "--check", "--database", self._service.database, check=False)
        assert checked.returncode == 0, checked.stderr

    def close(self):
        """End the senders."""
        self._load.stop()

    def _end_load(self):
        self._load.stop()
        self._sent |= self._load.sent()
        self.acknowledged += len(self._load.acknowledged())

    def _require(self, database, acknowledged):
        with closing(sqlite3.connect(database)) as store:
            state = store.execute("pragma integrity_check").fetchall()
            logged = [name for (name,) in store.execute("select event_id from entries")]
        lost, foreign = acknowledged - set(logged), set(logged) - self._sent
        doubled = len(logged) - len(set(logged))
        self._report(
            f"{database}: {len(logged):,} events, {len(lost)} lost, {doubled} doubled, {len(foreign)} never sent,"
            f" integrity {state[0][0]}"
        )
        assert state == [("ok",)]
        assert not lost
        assert not doubled
        assert not foreign
