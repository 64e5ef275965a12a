"""A client of the event stream of a real service, and events for it."""

import json
import time
from dataclasses import dataclass

import httpx2 as httpx

from headcount.store.open import open_store
from headcount.store.outbox import MessageType

T0 = 1_767_225_600_000
PATIENCE_S = 120


@dataclass
class StreamEvent:
    id: str
    event: str
    data: dict


class Outbox:
    """Rows of the outbox, written as the engine writes them."""

    def __init__(self, database):
        self.store = open_store(str(database))
        self.published = 0

    def publish(self, *rooms, domain="default", type_=MessageType.MEETING_STARTED, padding=""):
        """Write an event for each of the rooms, in one commit, and return their ids."""
        # Maintenance deletes what is older than a month, ten seconds after the start.
        created = time.time_ns() // 1_000_000
        rows = []
        for room in rooms:
            self.published += 1
            name = f"m-{domain}-{time.time_ns()}-{self.published}"
            body = {"id": f"{name}{padding}", "start": T0 + self.published}
            rows.append((domain, name, str(type_), room, T0, created, json.dumps(body)))
        with self.store.database.writing() as connection:
            connection.write("insert_message", rows)
        return [row[1] for row in rows]

    def close(self):
        self.store.close()


class StreamReader:
    """Reads the stream. `read` returns the next events, or fails if none comes."""

    def __init__(self, service, key=None, headers=None, **query):
        self.client = httpx.Client(base_url=service.url, timeout=PATIENCE_S)
        authorization = {"Authorization": f"Bearer {key or service.key}"} if "token" not in query else {}
        request = self.client.build_request(
            "GET", "/v1/stream", params=query, headers=authorization | (headers or {})
        )
        self.answer = self.client.send(request, stream=True)
        assert self.answer.status_code == 200, self.answer.read()
        self.last = None
        self.comments = 0
        self._blocks = self._parse()
        self.retry = int(next(self._blocks)["retry"])

    def _parse(self):
        """Yield the blocks between empty lines. Only \\n ends a line here: a name may hold other line ends."""
        buffer = b""
        for chunk in self.answer.iter_raw():
            buffer += chunk
            *blocks, buffer = buffer.split(b"\n\n")
            for block in blocks:
                fields = dict(line.partition(": ")[::2] for line in block.decode().split("\n"))
                self.comments += "" in fields
                self.last = fields.get("id", self.last)
                yield fields

    def read(self, number=1):
        events = []
        until = time.monotonic() + PATIENCE_S
        while len(events) < number:
            fields = next(self._blocks)
            assert time.monotonic() < until, f"{len(events)} of {number} events arrived"
            if "event" in fields:
                events.append(StreamEvent(self.last, fields["event"], json.loads(fields["data"])))
        return events

    def read_ids(self, number):
        return [event.data["id"] for event in self.read(number)]

    def read_to_end(self):
        """Return every event until the service ends the stream."""
        return [fields for fields in self._blocks if "event" in fields]

    def read_comment(self):
        before = self.comments
        while self.comments == before:
            next(self._blocks)

    def close(self):
        self.answer.close()
        self.client.close()
