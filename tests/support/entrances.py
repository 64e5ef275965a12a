"""Every entrance of events, side by side: the same events go in, log entries or refusals come out.

Responsible for writing events in the form of each entrance. Must not know what the right entries are.
"""

import asyncio
import csv
import json
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import httpx2 as httpx
import pyarrow as pa
import pyarrow.parquet as pq

from headcount import BadInput, sessionize
from headcount.clock import Clock
from headcount.ingest import topic_records
from headcount.ingest.importers import event_files
from headcount.limits import Limits
from headcount.service import core
from headcount.service.access import create_key
from headcount.service.container import Service
from headcount.settings import read_settings
from headcount.store.log import Log
from headcount.store.records import AppendResult
from headcount.store.sources import SourceRow
from support.lanes import LANES, lane

NOW = 1_780_000_000_000
FIELDS = (
    "room", "kind", "participant_id", "at", "user_id", "user_name", "source_session", "joined_at", "attributes",
)  # fmt: skip
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Time(NamedTuple):
    """A time in microseconds, and how JSON writes it: `seconds` or `text`. Files write ms instead of seconds."""

    us: int
    form: str = "seconds"

    @property
    def ms(self):
        return self.us // 1_000

    def in_json(self):
        if self.form == "text":
            return (EPOCH + timedelta(microseconds=self.us)).isoformat()
        return self.us / 1_000_000 if self.us % 1_000_000 else self.us // 1_000_000

    def in_files(self):
        return self.in_json() if self.form == "text" else self.ms


class Refused(NamedTuple):
    """The message with which an entrance refused its events."""

    message: str


class Entrances:
    """One process with all its entrances. Nothing is stored: what reaches the log is returned instead."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder
        self.entries = []
        monkeypatch.setattr(core, "new_clock", lambda _: Clock(0, lambda: float(NOW), lambda: 0.0))
        monkeypatch.setattr(Log, "append", self._append)
        monkeypatch.setattr(event_files, "catch_up", lambda *_: True)
        settings = {
            "database": str(folder / "x.db"),
            "max_open_rooms": 0,
            "reads_per_5s": 0,
            "events_per_5s": 0,
        }
        self.service = Service(read_settings(settings, {}))
        self.app = self.service.app()
        _, self.key = create_key(self.service.store, "default", "", ("ingest",), self.service.clock)
        self.service.store.sources.add(SourceRow("t", "generic", "default", "generic", ("word",)))

    def stop(self):
        self.service.stop()

    def _append(self, groups):
        self.entries += [entry for group in groups for entry in group]
        return [AppendResult(len(group), 0, len(self.entries)) for group in groups]

    def all(self, events):
        """Return the entries, or the refusal, of each entrance that stores events, by its name."""
        return (
            asyncio.run(self._requests(events))
            | {
                form: self._taken(lambda form=form: self._import(form, events))
                for form in ("csv", "ndjson", "parquet")
            }
            | {"topic": self._taken(lambda: self._records(events))}
        )

    def sessions(self, form, events):
        """Return the meetings and participants of a file with these events, or the refusal, by both ways of `sessionize`."""
        path = str(self.write(form, events))
        by_kernel, compiled = (self._sessions(path, name) for name in LANES)
        assert by_kernel == compiled
        return compiled

    @staticmethod
    def _sessions(path, name):
        try:
            with lane(name):
                found = sessionize(path, as_of=NOW)
        except BadInput as refused:
            return Refused(refused.reason)
        return found.meetings.to_pylist(), found.participants.to_pylist()

    async def _requests(self, events):
        async def app(scope, receive, send):
            await self.app({**scope, "state": {}}, receive, send)

        bodies = [json.dumps(in_json(event)) for event in events]
        array = f"[{','.join(bodies)}]"
        key, word = {"authorization": f"Bearer {self.key}"}, {"authorization": "Bearer word"}
        lines = key | {"content-type": "application/x-ndjson"}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
            return {
                "single": await self._posted(client, "/v1/events", bodies, key),
                "array": await self._posted(client, "/v1/events", [array], key),
                "lines": await self._posted(client, "/v1/events", ["\n".join(bodies)], lines),
                "generic": await self._posted(client, "/v1/ingest/generic/t", [array], word),
            }

    async def _posted(self, client, path, bodies, headers):
        self.entries = []
        for body in bodies:
            answer = await client.post(path, content=body, headers=headers)
            assert answer.status_code in (200, 400), answer.text
            if "info" in answer.json():
                return Refused(answer.json()["info"])
        return self.entries

    def _import(self, form, events):
        event_files.import_files(
            self.service.store, [str(self.write(form, events))], "default", self.service.clock.now, self.service.settings.rules(),
            lambda *_: None, limits=Limits(),
        )  # fmt: skip

    def _records(self, events):
        """Produce records to a topic, as another program does."""
        found = []
        for event in events:
            key = topic_records.record_key("default", event.get("room") or "")
            value = json.dumps({"domain": "default"} | in_json(event)).encode()
            found.append(topic_records.decode_record(key, value, NOW, Limits()))
        self.entries += found

    def _taken(self, work):
        self.entries = []
        try:
            work()
        except BadInput as refused:
            return Refused(refused.reason)
        return self.entries

    def write(self, form, events):
        """Write a file of events; an absent field is null, or empty in CSV."""
        path = self.folder / f"events.{form}"
        rows = [in_files(event) for event in events]
        if form == "ndjson":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        elif form == "csv":
            rows = [row | {"attributes": _json(row.get("attributes"))} for row in rows]
            with path.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, FIELDS)
                writer.writeheader()
                writer.writerows(rows)
        else:
            pq.write_table(
                pa.table({name: _column([_json(event.get(name)) for event in events]) for name in FIELDS}),
                path,
            )
        return path


def _json(value):
    """Return an object as JSON text, and anything else as it is."""
    return json.dumps(value) if isinstance(value, dict) else value


def _column(values):
    """Times as timestamps of microseconds if all are times, else as text."""
    if any(isinstance(value, Time) for value in values) and all(
        value is None or isinstance(value, Time) for value in values
    ):
        return pa.array([value and value.us for value in values], pa.timestamp("us", tz="UTC"))
    texts = [value.in_json() if isinstance(value, Time) else value for value in values]
    return pa.array([None if text is None else str(text) for text in texts], pa.string())


def in_json(event):
    """Return an event as the API and generic sources receive it."""
    return {name: value.in_json() if isinstance(value, Time) else value for name, value in event.items()}


def in_files(event):
    """Return an event as a row of a file."""
    return {name: value.in_files() if isinstance(value, Time) else value for name, value in event.items()}
