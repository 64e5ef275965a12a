"""The real service as a process of its own, on a free port of the loopback, ended by its id."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx2 as httpx

SERVES = re.compile(r"on (http://127\.0\.0\.1:\d+)")
KEY = re.compile(r"hc_[A-Za-z0-9_-]{32}")
PATIENCE_S = 60


class NotServingError(AssertionError):
    """The service did not come up. Its log says why."""


def headcount(*arguments, check=True, **options):
    """Run one command to its end."""
    command = [sys.executable, "-m", "headcount", *map(str, arguments)]
    return subprocess.run(command, check=check, capture_output=True, text=True, timeout=PATIENCE_S, **options)


class Running:
    """A service on a store. `start` again after `kill` or `stop` to take it up where it was."""

    def __init__(self, folder, database=None, environment=None, **settings):
        self.folder = Path(folder)
        self.database = database or self.folder / "headcount.db"
        self.settings = settings
        self.environment = {**os.environ, **(environment or {})}
        self.log = self.folder / "serve.log"
        self.process = None
        self.key = None

    def start(self, *more, most_bytes=None, descriptors=None):
        """Start it; with `most_bytes`, none of its files may grow larger, as if the disk were full.

        `descriptors` is how many it may have open at once.
        """
        flags = [
            part
            for name, value in self.settings.items()
            for part in (f"--{name.replace('_', '-')}", str(value))
        ]
        command = [
            sys.executable,
            "-m",
            "headcount",
            "serve",
            "--database",
            str(self.database),
            "--port",
            "0",
        ]
        begin = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            limits = [f"--fsize={most_bytes}"] if most_bytes else []
            limits += [f"--nofile={descriptors}:{descriptors}"] if descriptors else []
            limited = ["prlimit", *limits] if limits else []
            self.process = subprocess.Popen(
                [*limited, *command, *flags, *more], stderr=log, stdout=log, env=self.environment
            )
        self.url = self._waited_for(SERVES, begin)
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            try:
                if httpx.get(f"{self.url}/healthz", timeout=5).status_code == 200:
                    self._note_key()
                    return self
            except httpx.TransportError:
                time.sleep(0.02)
        raise NotServingError(self.log.read_text())

    def _note_key(self):
        """The key of the first start. It is told before anything is answered."""
        if self.key is None:
            found = KEY.search(self.log.read_text())
            self.key = found and found[0]

    def _waited_for(self, pattern, begin):
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            with self.log.open() as log:
                log.seek(begin)
                found = re.search(pattern, log.read())
            if found:
                return found[1]
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise NotServingError(self.log.read_text())

    def client(self, key=None, **options):
        headers = {"Authorization": f"Bearer {key or self.key}"}
        return httpx.Client(base_url=f"{self.url}/v1", headers=headers, timeout=30, **options)

    def make_key(self, domain, *scopes):
        flags = [part for scope in scopes for part in ("--scope", scope)]
        made = headcount("key", "create", "--database", self.database, "--domain", domain, *flags)
        return made.stdout.strip()

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.signal(signal.SIGTERM)
            self.process.wait(PATIENCE_S)

    def signal(self, what):
        os.kill(self.process.pid, what)
