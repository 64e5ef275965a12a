"""Somebody who listens to the stream of a real service, line by line, and messages for them to hear."""

import json
import time
from dataclasses import dataclass

import httpx2 as httpx

from headcount.store.open import open_store
from headcount.store.outbox import MessageType

T0 = 1_767_225_600_000
PATIENCE_S = 60


@dataclass
class Heard:
    id: str
    event: str
    data: dict


class PendingNotifications:
    """What is told: rows of the outbox, as the engine writes them."""

    def __init__(self, database):
        self.store = open_store(str(database))
        self.told = 0

    def tell(self, *rooms, domain="default", type_=MessageType.MEETING_STARTED, padding=""):
        """Tell of something in each of the rooms, in one commit; the ids of it."""
        # What is older than a month is thrown away, ten seconds after the start.
        created = time.time_ns() // 1_000_000
        rows = []
        for room in rooms:
            self.told += 1
            name = f"m-{domain}-{time.time_ns()}-{self.told}"
            said = {"id": f"{name}{padding}", "start": T0 + self.told}
            rows.append((domain, name, str(type_), room, T0, created, json.dumps(said)))
        with self.store.database.writing() as connection:
            connection.write("insert_message", rows)
        return [row[1] for row in rows]

    def close(self):
        self.store.close()


class Ear:
    """Listens. `hear` gives the next events, or fails when none comes."""

    def __init__(self, service, key=None, headers=None, **query):
        self.client = httpx.Client(base_url=service.url, timeout=40)
        shown = {"Authorization": f"Bearer {key or service.key}"} if "token" not in query else {}
        asked = self.client.build_request("GET", "/v1/stream", params=query, headers=shown | (headers or {}))
        self.answer = self.client.send(asked, stream=True)
        assert self.answer.status_code == 200, self.answer.read()
        self.last = None
        self.comments = 0
        self._blocks = self._read()
        self.retry = int(next(self._blocks)["retry"])

    def _read(self):
        """The blocks between empty lines. Only \\n ends a line here: a name may hold other ends of lines."""
        kept = b""
        for some in self.answer.iter_raw():
            kept += some
            *blocks, kept = kept.split(b"\n\n")
            for block in blocks:
                fields = dict(line.partition(": ")[::2] for line in block.decode().split("\n"))
                self.comments += "" in fields
                self.last = fields.get("id", self.last)
                yield fields

    def hear(self, number=1):
        heard = []
        until = time.monotonic() + PATIENCE_S
        while len(heard) < number:
            fields = next(self._blocks)
            assert time.monotonic() < until, f"{len(heard)} of {number} were told"
            if "event" in fields:
                heard.append(Heard(self.last, fields["event"], json.loads(fields["data"])))
        return heard

    def ids(self, number):
        return [one.data["id"] for one in self.hear(number)]

    def rest(self):
        """Everything until the service ends it."""
        return [fields for fields in self._blocks if "event" in fields]

    def hear_comment(self):
        before = self.comments
        while self.comments == before:
            next(self._blocks)

    def close(self):
        self.answer.close()
        self.client.close()
