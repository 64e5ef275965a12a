"""The real service behind the gate, and the meetings of a room as it tells them."""

import time
from typing import NamedTuple
from urllib.parse import quote

import httpx2 as httpx

from support.running_service import Running, headcount

NOT_PASSED_ON = {"host", "content-length", "accept-encoding", "connection"}


SHOWS_WITHIN_S = 1.2
"""What can be decided shows within a second (docs/service.md)."""


class Met(NamedTuple):
    """A meeting; times are whole seconds, `end` is None while it goes on."""

    start: int
    end: int | None
    most: int
    people: list["Was"]


class Was(NamedTuple):
    """Somebody's unbroken time in a room. `left_by` is None while it lasts."""

    user: str
    join: int
    leave: int | None
    left_by: str | None


class Service:
    """Takes what the gate lets through, as `headcount serve` with one source."""

    def __init__(self, folder, kind, *flags, **settings):
        self.running = Running(folder, reads_per_5s=0, **settings)
        store = ("--database", self.running.database)
        headcount("migrate", *store)
        self.key = self.running.make_key("default", "admin")
        added = headcount("source", "add", kind, *flags, *store).stdout
        self.path = next(part for part in added.split() if f"/ingest/{kind}/" in part).partition("/v1/")[2]
        self.path = f"/v1/{self.path}"
        self.took_last = 0.0
        self.start()

    def start(self):
        self.running.start()
        self.client = self.running.client(self.key)
        self.sender = httpx.Client(base_url=self.running.url, timeout=30)

    def __call__(self, path, headers, body):
        passed_on = {name: value for name, value in headers.items() if name.lower() not in NOT_PASSED_ON}
        try:
            answered = self.sender.post(path, content=body, headers=passed_on).status_code
        except httpx.TransportError:
            return 503
        self.took_last = time.monotonic()
        return answered

    def answers(self, path, **asked):
        answer = self.client.get(path, params=asked)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def meetings(self, room):
        """Its meetings as of now, the oldest first, once all that was taken shows."""
        self.comes_to_the_end()
        time.sleep(max(0, self.took_last + SHOWS_WITHIN_S - time.monotonic()))
        found = self.answers("/meetings", room=room, order="asc")["data"]
        return [self._met(room, one) for one in found]

    def comes_to_the_end(self):
        """Wait until the engine has come to all that was taken before: to an event behind it that changes nothing."""
        nobody = {"room": "nobody's", "kind": "leave", "participant_id": "nobody"}
        assert self.client.post("/events", params={"wait": "true"}, json=nobody).status_code == 200

    def _met(self, room, one):
        stays = self.answers(f"/rooms/{quote(room, safe='')}/at", **{"from": one["start_time"]})["data"]
        listed = {entry["participant_id"] for entry in one["participants"]}
        people = [
            Was(was["user_id"], was["join_time"], was["leave_time"], was["left_by"])
            for was in stays if was["participant_id"] in listed
        ]  # fmt: skip
        # Start and duration are both rounded down, so the last leave is told more finely than their sum.
        end = None if one["ongoing"] else max(was.leave for was in people)
        return Met(one["start_time"], end, one["max_participants"], people)

    def kill(self):
        self.running.kill()

    def stop(self):
        self.running.stop()
