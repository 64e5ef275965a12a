"""A live query in a process of its own, as an operator starts it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from headcount.store.open import open_store
from headcount.store.shard_sink import ShardSink
from support.kafka import CONNECTOR

START_S = PATIENCE_S = 240
"""Spark, a broker and a database start on the same machine as other tests."""


def processes_of(session):
    """Return the commands of all processes of a session, by process. Spark gives its Python processes their own group."""
    listed = subprocess.run(["ps", "-eo", "pid,sid,args"], check=True, capture_output=True, text=True).stdout
    found = (line.split(None, 2) for line in listed.splitlines()[1:])
    return {int(process): command for process, of, command in found if int(of) == session}


def kill_all(processes):
    """Kill processes. One may end because another one did."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


class LiveQuery:
    """`headcount cluster run` on a topic, with its state in a folder."""

    def __init__(self, folder, broker, database, topic, *options):
        self.log = Path(folder) / "query.log"
        self.database = database
        self.command = [
            sys.executable, "-m", "headcount.cli", "cluster", "run", "--database", database,
            "--log", f"kafka://{broker.servers}/{topic}", "--checkpoint", str(Path(folder) / "checkpoint"),
            "--jars", str(CONNECTOR), "--master", "local[2]", "--conf", "spark.driver.memory=1g", *options,
        ]  # fmt: skip
        self.store = open_store(database)
        self.sink = ShardSink(self.store.database)
        self.process = None

    def start(self):
        """Start the query, and wait until it runs."""
        before = self._reported()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, start_new_session=True)
        self.until(lambda: self._reported() > before, START_S)
        return self

    def until(self, is_done, patience_s=PATIENCE_S):
        """Wait until something holds, while the query runs."""
        until = time.monotonic() + patience_s
        while not is_done():
            assert time.monotonic() < until, self.log.read_text()[-4_000:]
            assert self.process is None or self.process.poll() is None, self.log.read_text()[-4_000:]
            time.sleep(0.2)

    def until_processed(self, entries, patience_s=PATIENCE_S):
        """Wait until so many entries and dead letters are processed, and everything is decided that they decide."""
        self.until(lambda: self._count() >= entries, patience_s)
        rounds = self._batches()
        self.until(lambda: self._batches() >= rounds + 2)

    def until_read(self, records):
        """Wait until so many records are read, whatever was killed meanwhile, and everything is decided that they decide."""
        self.until(
            lambda: sum(shard.next_offset for shard in self.sink.shards().values()) == records, PATIENCE_S
        )
        rounds = self._batches()
        self.until(lambda: self._batches() >= rounds + 2)

    def _reported(self):
        progress = self.sink.progress()
        return 0 if progress is None else progress.reported

    def _batches(self):
        progress = self.sink.progress()
        return 0 if progress is None else progress.batches

    def _count(self):
        progress = self.sink.progress()
        return 0 if progress is None else progress.entries + progress.bad_records

    def kill(self):
        """Kill the driver and all its children, as a machine that fails does."""
        kill_all(processes_of(self.process.pid))
        self.process.wait(PATIENCE_S)

    def lose_checkpoint(self):
        """Delete the state of the shards, and which records were read."""
        for part in (self.log.parent / "checkpoint", self.log.parent / "checkpoint-archive"):
            shutil.rmtree(part)

    def stop(self):
        """Stop the query as an operator does, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_S)
        self.store.close()
        return code
