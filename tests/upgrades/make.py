"""Make the databases of a version, which `test_upgrades.py` opens with every later one: `make upgrade-fixture`.

    cd tests && ../.venv/bin/python -m upgrades.make 0.1.0 [--command 'python -m headcount']

The command serves on a new SQLite file and on a new PostgreSQL database, and lives through the same story on both: meetings,
corrections, open rooms, sources, a dead letter, webhooks in retry, keys, an erasure, retention, a legal hold. The folder of the
version gets both databases, compressed, and `expected.json`: what the server answered.
"""

import argparse
import gzip
import json
import os
import shlex
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from support.livekit_source import ADDRESS, person, sent, webhook
from support.livekit_source import KEY as LIVEKIT_KEY
from support.local_index import Installed
from support.running_service import Running
from support.servers import Postgres
from support.waiting import wait_until
from support.webhook_receivers import receiving

FOLDER = Path(__file__).parent
REFUSES = "http://127.0.0.1:9/hooks"
PATHS = (
    "/meetings?limit=100",
    "/meetings?attribute.customer=acme",
    "/users/u-ann/meetings",
    "/presence",
    "/rooms",
    "/usage?from={past}&to={yesterday}&group_by=room",
    "/usage?from={past}&to={yesterday}&group_by=attribute.customer",
    "/webhooks",
    "/privacy/erasures",
    "/privacy/retention",
    "/privacy/holds",
    "/privacy/minimal",
    "/access-log?action=key.revoke",
)
"""What is asked before and after an upgrade, except for times that go on."""
LISTS = (("key", "list"), ("source", "list"), ("source", "dead-letters", "list"))


class Life:
    """The story of one database, which a server of the old version lives through."""

    def __init__(self, command, folder, database):
        self.command = Installed(command, folder, _environment(folder))
        self.service = Running(folder, database, server=self.command, webhook_allowed_networks="127.0.0.0/8")
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.names = {}

    def run(self):
        """Live, and return what the server answers at the end."""
        self.service.start()
        with receiving() as receiver:
            self._configure(receiver)
            self._meet()
            self._correct()
            self._send_webhooks_of_livekit()
            self._protect_privacy()
            self._leave_rooms_open()
            receiver.wait_for(1)
            wait_until(lambda: any(len(one["attempts"]) > 1 for one in self._deliveries()))
            answers = self._answers()
            self.service.stop()
        return answers

    def cli(self, *arguments):
        return self.command.output(*arguments, "--database", str(self.service.database))

    def at(self, **ago):
        return (self.now - timedelta(**ago)).isoformat()

    def send(self, *events):
        with self.service.client() as client:
            client.post("/events", json=list(events), params={"wait": "true"}).raise_for_status()

    def _configure(self, receiver):
        self.cli("key", "create", "--scope", "read", "--name", "Reports")
        self.cli("key", "create", "--scope", "ingest", "--domain", "acme")
        revoked = json.loads(self.cli("key", "create", "--scope", "read", "--name", "Lost", "--json"))
        self.cli("key", "revoke", revoked["id"])
        created = self.cli(
            "source",
            "create",
            "livekit",
            "--secret",
            LIVEKIT_KEY,
            "--attribute",
            "customer=/room/metadata/customer",
        )
        self.names["livekit"] = ADDRESS.search(created)[0]
        self.cli("source", "create", "generic", "--name", "own", "--exclude-role", "agent")
        types = [
            part
            for name in ("meeting.started", "meeting.ended", "meeting.updated")
            for part in ("--type", name)
        ]
        self.cli("webhook", "create", receiver.url, "--webhook-allowed-networks", "127.0.0.0/8", *types)
        refused = json.loads(self.cli("webhook", "create", REFUSES, "--no-ping", "--retry-type", "exponential", "--extensions",
                                      "--webhook-allowed-networks", "127.0.0.0/8", "--json"))  # fmt: skip
        self.names["refused"] = refused["uuid"]

    def _meet(self):
        for days in (2, 3, 40):
            room = "tmp-old" if days == 40 else "board"
            for minute, (who, name) in enumerate((("ann", "Ann Smith"), ("bob", "Bob Ü."), ("zoe", "Zoë"))):
                named = {
                    "user_id": f"u-{who}",
                    "user_name": name,
                    "attributes": {"customer": "acme" if days != 3 else "bolt"},
                }
                begin, end = {"days": days, "minutes": -minute}, {"days": days, "minutes": -45 - minute}
                self.send(
                    {
                        "room": room,
                        "kind": "join",
                        "participant_id": f"{who}-{days}",
                        "at": self.at(**begin),
                        **named,
                    },
                    {"room": room, "kind": "leave", "participant_id": f"{who}-{days}", "at": self.at(**end)},
                )

    def _correct(self):
        """A leave and a whole stay are reported days late."""
        self.send({"room": "late", "kind": "join", "participant_id": "l-1", "at": self.at(days=5)},
                  {"room": "late", "kind": "join", "participant_id": "l-2", "at": self.at(days=5, minutes=-1)},
                  {"room": "late", "kind": "end", "at": self.at(days=4, hours=23)})  # fmt: skip
        self.send(
            {
                "room": "late",
                "kind": "leave",
                "participant_id": "l-1",
                "at": self.at(days=4, hours=23, minutes=30),
            }
        )
        self.send({"room": "board", "kind": "join", "participant_id": "eve", "at": self.at(days=2, minutes=-10)},
                  {"room": "board", "kind": "leave", "participant_id": "eve", "at": self.at(days=2, minutes=-50)})  # fmt: skip

    def _send_webhooks_of_livekit(self):
        began = int(self.now.timestamp()) - 600
        room = {"name": "stage", "sid": "RM_stage", "metadata": json.dumps({"customer": "acme"})}
        for who in ("kim", "lee"):
            joined = webhook(
                "participant_joined", "stage", participant=person(who, began), createdAt=str(began)
            )
            body = json.loads(joined.body) | {"room": room}
            joined = joined._replace(body=json.dumps(body).encode())
            sent(self.service, self.names["livekit"], joined).raise_for_status()
        strange = webhook("participant_joined", "stage", participant=17)
        status = sent(self.service, self.names["livekit"], strange).json()["status"]
        assert status == "dead_letter", status

    def _protect_privacy(self):
        self.cli("privacy", "erase", "--user", "u-zoe", "--yes")
        self.cli("privacy", "retention", "set", "tmp-*", "--names", "30d")
        self.cli("privacy", "retention", "set", "board", "--meetings", "36500d")
        self.cli("privacy", "hold", "create", "--room", "late", "--reason", "case 17")
        self.cli("privacy", "minimal", "on", "--domain", "quiet")
        wait_until(lambda: not self._names_in("tmp-old"), message="the names of tmp-old have not expired")

    def _names_in(self, room):
        with self.service.client() as client:
            (meeting,) = client.get("/meetings", params={"room": room}).json()["data"]
        return [one["user_name"] for one in meeting["participants"] if one.get("user_name")]

    def _leave_rooms_open(self):
        self.send(*(
            {"room": "lobby", "kind": "join", "participant_id": f"{who}-now", "user_id": f"u-{who}", "at": self.at(minutes=3)}
            for who in ("ann", "bob")
        ))  # fmt: skip
        now = datetime.now(UTC).isoformat()
        self.send({"room": "waiting", "kind": "join", "participant_id": "first", "at": now})
        self.names["first_join"] = now

    def _deliveries(self):
        with self.service.client() as client:
            return client.get(f"/webhooks/{self.names['refused']}/deliveries").json()["data"]

    def _answers(self):
        days = {
            "past": f"{self.now - timedelta(days=50):%Y-%m-%d}",
            "yesterday": f"{self.now - timedelta(days=1):%Y-%m-%d}",
        }
        paths = [path.format(**self.names, **days) for path in PATHS]
        lists = {" ".join(words): json.loads(self.cli(*words, "--json")) for words in LISTS}
        with self.service.client() as client:
            answers = {path: client.get(path).raise_for_status().json() for path in paths}
        return {
            "key": self.service.key,
            "first_join": self.names["first_join"],
            "refused": self.names["refused"],
            "undelivered": [one["id"] for one in self._deliveries()],
            "answers": answers,
            "lists": lists,
        }


def _environment(folder):
    ours = {name: value for name, value in os.environ.items() if not name.startswith("HEADCOUNT_")}
    return {**ours, "XDG_STATE_HOME": str(folder)}


def make(version, command):
    """Make the folder of a version."""
    target = FOLDER / version
    target.mkdir(exist_ok=True)
    expected = {}
    with tempfile.TemporaryDirectory() as name:
        expected["sqlite"] = Life(command, Path(name), None).run()
        copy = Path(name) / "copy.db"
        with closing(sqlite3.connect(Path(name) / "headcount.db")) as connection:
            connection.execute("vacuum into ?", [str(copy)])
        _write(target / "sqlite.db.gz", copy.read_bytes())
    server = Postgres()
    try:
        with tempfile.TemporaryDirectory() as name:
            database = server.database()
            expected["postgres"] = Life(command, Path(name), database).run()
            _write(target / "postgres.sql.gz", _dump(server, database).encode())
    finally:
        server.end()
    text = json.dumps({"made": f"{datetime.now(UTC):%Y-%m-%d}", **expected}, indent=1, ensure_ascii=False)
    (target / "expected.json").write_text(text + "\n")


def _dump(server, database):
    """Return statements that make the database, without those that only psql knows."""
    dumped = subprocess.run(
        [server.programs / "pg_dump", "--inserts", "--no-owner", "--no-privileges", database],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return "".join(line for line in dumped.splitlines(keepends=True) if not line.startswith("\\"))


def _write(path, content):
    path.write_bytes(gzip.compress(content, 9, mtime=0))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("version")
    parser.add_argument("--command", default=f"{sys.executable} -m headcount", type=shlex.split)
    options = parser.parse_args()
    started = time.monotonic()
    make(options.version, options.command)
    sys.stdout.write(f"Made {FOLDER / options.version} in {time.monotonic() - started:.0f} s.\n")
