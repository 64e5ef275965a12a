"""Random simulations of a running service, compared with everything else that computes the same from its log.

Sources send joins, leaves, ends and lists of those present: twice, late, in any order, with joins that leaves bring. Some
have attributes. The service is killed, stopped and started meanwhile. At the end, what it shows must equal what `sessionize`
finds in the exported events, its sums of usage and its filters by attributes must equal what its meetings have, and
`rebuild --check` must find no difference.
"""

import json
import random
import time
from pathlib import Path

import pyarrow.parquet as pq

from headcount import sessionize
from support.lanes import lane
from support.running_service import Running, headcount

ROOMS = ("red", "blue", "green / 1")
PEOPLE = tuple("abcdefgh")
ATTRIBUTES = (
    {"role": "host", "customer": "acme"},
    {"role": "guest", "seat": 7},
    {"customer": "Zürich & Söhne", "vip": True},
)
FILTERS = ({"role": "host"}, {"customer": "Zürich & Söhne"}, {"seat": "7"}, {"role": "host", "vip": "true"})
MINUTE = 60
BEGINNING = 7_200
"""The history begins this many seconds ago, and ends early enough that nothing of it is pending."""


class Life:
    """One simulation, by a seed."""

    def __init__(self, folder, seed, database=None, *, steps=120, restarts=3):
        self.folder = Path(folder)
        self.chance = random.Random(seed)
        self.service = Running(folder, database, events_per_5s=0, reorder_window_s=0)
        self.steps = steps
        self.restarts = set(self.chance.sample(range(1, steps), restarts))
        self.began = time.time() - BEGINNING
        self.sent = []

    def run(self):
        """Run the simulation, and return the differences as sentences."""
        self.service.start()
        try:
            for step in range(self.steps):
                if step in self.restarts:
                    self._restart()
                self._send(self._moment(step))
            self._close()
            totals = self._used()
            differences = list(self._filtered())
        finally:
            self.service.stop()
        return [*differences, *self._batch(totals), *self._rebuilt()]

    def _moment(self, step):
        """Return a time that advances with the steps; some events are late."""
        late = self.chance.choice((0, 0, 0, 1, 20, 700))
        at = (
            self.began
            + step * (BEGINNING - 2_000) / self.steps
            + self.chance.choice((0, 0.001, 5, 9.999, 10, 30))
        )
        return round(max(self.began, at - late), 3)

    def _restart(self):
        (self.service.kill if self.chance.random() < 0.5 else self.service.stop)()
        self.service.start()

    def _send(self, at):
        room = self.chance.choice(ROOMS)
        with self.service.client() as client:
            if self.chance.random() < 0.12:
                people = self.chance.sample(PEOPLE, self.chance.randrange(5))
                body = {
                    "at": at,
                    "participants": [{"participant_id": who, **self._attributes()} for who in people],
                }
                answer = client.post(f"/rooms/{room.replace('/', '%2F')}/snapshot", json=body)
            else:
                events = [self._event(room, at) for _ in range(self.chance.choice((1, 1, 2, 5)))]
                self.sent += events
                if self.chance.random() < 0.2:
                    events.append(self.chance.choice(self.sent))
                if self.chance.random() < 0.3:
                    self.chance.shuffle(events)
                answer = client.post(
                    "/events", json=events, params={"wait": self.chance.choice(("true", "false"))}
                )
            assert answer.status_code == 200, answer.text

    def _event(self, room, at):
        kind = self.chance.choice(("join", "join", "join", "leave", "leave", "end"))
        at = round(at + self.chance.choice((0, 0, 0.5, 12, 40)), 3)
        event = {"room": room, "kind": kind, "at": at}
        if self.chance.random() < 0.3:
            event["source_session"] = self.chance.choice(("s1", "s2"))
        if kind == "end":
            return event
        event["participant_id"] = self.chance.choice(PEOPLE)
        if self.chance.random() < 0.3:
            event["user_name"] = self.chance.choice(("Ann", "Bob"))
        event |= self._attributes()
        if kind == "leave" and self.chance.random() < 0.3:
            event["joined_at"] = round(at - self.chance.choice((0.001, 5, 10, 90, 700)), 3)
        return event

    def _attributes(self):
        return {"attributes": self.chance.choice(ATTRIBUTES)} if self.chance.random() < 0.4 else {}

    def _close(self):
        """End every room, and wait until all events are processed."""
        at = round(self.began + BEGINNING - 1_000, 3)
        ends = [{"room": room, "kind": "end", "at": at} for room in ROOMS]
        with self.service.client() as client:
            answer = client.post("/events", json=ends, params={"wait": "true"})
            assert answer.status_code == 200, answer.text
            assert client.get("/health/rooms").json() == {"total_count": 0, "data": []}

    def _asked(self, **more):
        """Return the parameters of `/usage` for everything that happened."""
        return {
            "from": int(self.began) - 7_200,
            "to": int(self.began) + BEGINNING + 7_200,
            "group_by": "total",
            **more,
        }

    def _filtered(self):
        """Yield how answers about attributes differ from the participants that `/meetings` lists."""
        with self.service.client() as client:
            meetings = client.get("/meetings", params={"include": "attributes", "limit": 100}).json()["data"]
            for wanted in FILTERS:
                conditions = {f"attribute.{key}": value for key, value in wanted.items()}
                expected = {
                    meeting["id"]: attended
                    for meeting in meetings
                    if (
                        attended := [
                            one for one in meeting["participants"] if _has(one["attributes"], wanted)
                        ]
                    )
                }
                found = client.get("/meetings", params={**conditions, "limit": 100}).json()
                if {meeting["id"] for meeting in found["data"]} != expected.keys():
                    yield f"/meetings with {conditions} has others than the list"
                if found["total_count"] != len(expected):
                    yield f"/meetings with {conditions} counts {found['total_count']} of {len(expected)}"
                totals = client.get("/usage", params=self._asked(**conditions)).json()["totals"]
                attended = [one for some in expected.values() for one in some]
                seconds = sum(one["duration"] for one in attended)
                # Each duration in the list is rounded down on its own.
                if totals["meetings"] != len(expected) or not 0 <= totals[
                    "participant_seconds"
                ] - seconds <= len(attended):
                    yield f"/usage with {conditions} has {totals}, the list has {len(expected)} meetings and {seconds} s"

    def _used(self):
        """Return the totals of `/usage`, once they include every meeting."""
        asked = self._asked()
        until = time.monotonic() + 60
        with self.service.client() as client:
            while time.monotonic() < until:
                totals = client.get("/usage", params=asked).json()["totals"]
                if totals["meetings"] == client.get("/meetings").json()["total_count"]:
                    break
                time.sleep(0.2)
        return totals

    def _batch(self, totals):
        out = self.folder / "exported"
        headcount("export", "--database", self.service.database, "--format", "parquet", "-o", str(out))
        with lane("interpreted"):
            small = sessionize(str(out / "events.parquet"))
        with lane("compiled"):
            sessions = sessionize(str(out / "events.parquet"))
        differences = [] if small.summary == sessions.summary else ["summary: both ways of sessionize differ"]
        for name, batch in (("meetings", sessions.meetings), ("participants", sessions.participants)):
            exported = pq.read_table(out / f"{name}.parquet").to_pylist()
            if batch.to_pylist() != getattr(small, name).to_pylist():
                differences.append(f"{name}: both ways of sessionize differ")
            if _canonical(batch.to_pylist()) != _canonical(exported):
                differences.append(f"{name}: the service and sessionize differ")
        meetings = sessions.meetings.to_pylist()
        summed = {
            "meetings": len(meetings),
            "participant_seconds": sum(row["participant_ms"] for row in meetings) // 1_000,
            "max_participants": totals["max_participants"],
        }
        if totals != summed:
            differences.append(f"usage: {totals}, and summed up {summed}")
        return differences

    def _rebuilt(self):
        found = headcount("rebuild", "--check", "--database", self.service.database, check=False)
        return [] if found.returncode == 0 else [f"rebuild --check: {found.stdout}{found.stderr}"]


def _has(attributes, wanted):
    return all(
        key in attributes
        and (attributes[key] if isinstance(attributes[key], str) else json.dumps(attributes[key])) == value
        for key, value in wanted.items()
    )


def _canonical(rows):
    return sorted(json.dumps(row, default=str, sort_keys=True) for row in rows)
