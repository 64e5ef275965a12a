"""Continuous copies with Litestream, as docs/how-to/continuous-copies.md describes: the server writes, everything is killed, the copy is restored."""

import os
import re
import shutil
import sqlite3
import subprocess
import threading
from contextlib import closing

import httpx2 as httpx
import pytest

from support import ROOT
from support.running_service import Running, headcount
from support.waiting import wait_until

pytestmark = pytest.mark.process

LITESTREAM = ROOT / "build/litestream/bin/litestream"
PAGE = (ROOT / "docs/how-to/continuous-copies.md").read_text()
(CONFIGURATION,) = re.findall(r"```yaml\n(dbs:.*?)```", PAGE, re.DOTALL)
PATIENCE_S = 120
BEFORE, MORE, MOST = 150, 200, 20_000


def litestream(*arguments, **options):
    command = [LITESTREAM, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False, **options)


class Sender:
    """Sends numbered events one by one, until it is stopped or the server has ended. `acknowledged` is their number."""

    def __init__(self, service):
        self.service, self.acknowledged, self.stopped = service, 0, False
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        with self.service.client() as client:
            for number in range(MOST):
                event = {
                    "room": f"room-{number % 7}",
                    "kind": "join",
                    "participant_id": f"p-{number}",
                    "user_id": f"u-{number}",
                }
                try:
                    answer = client.post("/events", json=event)
                except httpx.TransportError:
                    return
                assert answer.status_code == 200, answer.text
                self.acknowledged = number + 1
                if self.stopped:
                    return

    def has_sent(self, number):
        wait_until(lambda: self.acknowledged >= number or not self.thread.is_alive())
        assert self.acknowledged >= number


def restored(configuration, source, target):
    """Restore the copy to a new place, and return the participants in its log, in order. None if there is no copy yet."""
    shutil.rmtree(target.parent, ignore_errors=True)
    target.parent.mkdir()
    done = litestream("restore", "-config", configuration, "-o", target, source, umask=0o077)
    if done.returncode or not target.exists():
        return None
    with closing(sqlite3.connect(target)) as copy:
        return [row[0] for row in copy.execute("select participant_id from entries order by position")]


def test_a_copy_is_restored_to_its_last_position_after_everything_was_killed(tmp_path):
    if not LITESTREAM.exists():
        reason = "Litestream is missing: run tests/install_deploy.sh"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    service = Running(tmp_path, events_per_5s=0).start()
    configuration = tmp_path / "litestream.yml"
    text = CONFIGURATION.replace("/var/lib/headcount/headcount.db", str(service.database))
    configuration.write_text(text.replace("/backups/headcount/litestream", str(tmp_path / "copy")))
    with (tmp_path / "litestream.log").open("wb") as log:
        copying = subprocess.Popen(
            [LITESTREAM, "replicate", "-config", configuration], stdout=log, stderr=log
        )
    sender = Sender(service)
    try:
        sender.has_sent(BEFORE)
        # Work that empties the write-ahead log on a server without Litestream.
        headcount("privacy", "erase", "--user", "u-3", "--yes", "--database", service.database)
        early = tmp_path / "early/headcount.db"
        wait_until(lambda: len(restored(configuration, service.database, early) or ()) >= BEFORE)
        sender.has_sent(sender.acknowledged + MORE)
    finally:
        copying.kill()
        copying.wait(PATIENCE_S)
        service.kill()
        sender.thread.join(PATIENCE_S)
    lost = tmp_path / "lost"
    lost.mkdir()
    erased = tmp_path / "headcount.db.erasures"
    for file in tmp_path.glob("headcount.db*"):
        if file != erased:
            file.rename(lost / file.name)
    copied = tmp_path / "copied/restored.db"
    people = restored(configuration, service.database, copied)
    assert len(people) >= BEFORE
    # A prefix of what was sent, with nothing missing; at most one request was in progress.
    assert len(people) <= sender.acknowledged + 1
    assert [name for number, name in enumerate(people) if name != f"p-{number}" and number != 3] == []
    # As the page describes: the erasures of the list are applied again.
    found = tmp_path / "new/headcount.db"
    found.parent.mkdir()
    headcount("backup", "--database", copied, "-o", tmp_path / "restored.backup")
    shutil.copy(erased, found.parent)
    headcount("restore", tmp_path / "restored.backup", "--database", found)
    assert sorted(file.name for file in found.parent.iterdir()) == ["headcount.db", "headcount.db.erasures"]
    checked = headcount("doctor", "--database", found, check=False)
    assert checked.returncode == 0, checked.stdout
    headcount("rebuild", "--check", "--database", found)
    again = Running(found.parent, database=found).start()
    try:
        again.key = service.key
        with again.client() as client:
            assert (
                client.post(
                    "/events?wait=true", json={"room": "r", "kind": "join", "participant_id": "new"}
                ).status_code
                == 200
            )
            assert client.get("/rooms/r/presence").json()["total_count"] == 1
    finally:
        again.stop()
