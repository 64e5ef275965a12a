"""The running service behind the proxy, and the meetings of a room by its API."""

import time
from typing import NamedTuple
from urllib.parse import quote

import httpx2 as httpx

from support.running_service import Running, headcount, new_store

DROPPED_HEADERS = {"host", "content-length", "accept-encoding", "connection"}


VISIBLE_WITHIN_S = 1.2
"""Events become visible within a second."""


class Meeting(NamedTuple):
    """A meeting; times are whole seconds, `end` is None while it is open."""

    start: int
    end: int | None
    peak_participants: int
    stays: list["Stay"]


class Stay(NamedTuple):
    """One stay in a room. `left_by` is None while it is open."""

    user: str
    join: int
    leave: int | None
    left_by: str | None


class Service:
    """`headcount serve` with one source, which receives what the proxy forwards."""

    def __init__(self, folder, kind, *flags, **settings):
        self.running = Running(folder, **settings)
        store = ("--database", new_store(self.running.database))
        self.key = self.running.make_key("default", "admin")
        added = headcount("source", "create", kind, *flags, *store).stdout
        self.path = next(part for part in added.split() if f"/ingest/{kind}/" in part).partition("/v1/")[2]
        self.path = f"/v1/{self.path}"
        self.last_accepted_at = 0.0
        self.start()

    def start(self):
        self.running.start()
        self.client = self.running.client(self.key)
        self.sender = httpx.Client(base_url=self.running.url, timeout=30)

    def __call__(self, path, headers, body):
        forwarded = {name: value for name, value in headers.items() if name.lower() not in DROPPED_HEADERS}
        try:
            answered = self.sender.post(path, content=body, headers=forwarded).status_code
        except httpx.TransportError:
            return 503
        self.last_accepted_at = time.monotonic()
        return answered

    def get_json(self, path, **params):
        answer = self.client.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def meetings(self, room):
        """Return the meetings of a room, oldest first, after all accepted events have become visible."""
        self.wait_until_processed()
        time.sleep(max(0, self.last_accepted_at + VISIBLE_WITHIN_S - time.monotonic()))
        found = self.get_json("/meetings", room=room, order="asc")["data"]
        return [self._meeting(room, one) for one in found]

    def attributes(self, room):
        """Return the attributes of the participants of the only meeting of a room, by their user."""
        self.meetings(room)
        (meeting,) = self.get_json("/meetings", room=room, include="attributes")["data"]
        return {one["user_id"]: one["attributes"] for one in meeting["participants"]}

    def wait_until_processed(self):
        """Wait until the engine has processed all accepted events: until a later event without effect is processed."""
        nobody = {"room": "nobody's", "kind": "leave", "participant_id": "nobody"}
        assert self.client.post("/events", params={"wait": "true"}, json=nobody).status_code == 200

    def _meeting(self, room, one):
        found = self.get_json(f"/rooms/{quote(room, safe='')}/presence", **{"from": one["start_time"]})[
            "data"
        ]
        listed = {entry["participant_id"] for entry in one["participants"]}
        stays = [
            Stay(stay["user_id"], stay["join_time"], stay["leave_time"], stay["left_by"])
            for stay in found if stay["participant_id"] in listed
        ]  # fmt: skip
        # Start and duration are both rounded down, so the last leave is more precise than their sum.
        end = None if one["ongoing"] else max(stay.leave for stay in stays)
        return Meeting(one["start_time"], end, one["max_participants"], stays)

    def kill(self):
        self.running.kill()

    def stop(self):
        self.running.stop()
