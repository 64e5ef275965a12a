"""The service as a process of its own on a free port of the loopback, and commands run to their end."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx2 as httpx

from headcount.service.access import access_file
from headcount.settings import TABLE
from headcount.store.open import open_store
from support.fork_server import ForkServer

LISTENS = re.compile(r"on (http://127\.0\.0\.1:\d+)")
KEY = re.compile(r"hc_[A-Za-z0-9_-]{32}")
PATIENCE_S = 120
SERVER = ForkServer()
"""What commands are forked from, unless a test has a server of its own."""
COMPILED = ForkServer(compiled=True)
"""What commands on files are forked from: the compiled passes take seconds to load."""


class NotServingError(AssertionError):
    """The service did not start. Its log says why."""


def headcount(*arguments, check=True, environment=None, server=SERVER, constants=None):
    """Run one command to its end, and return what `subprocess.run` returns, with text."""
    with _nothing() as nothing, _captured() as out, _captured() as err:
        streams = {"stdin": nothing, "stdout": out, "stderr": err}
        process = server.run(arguments, environment=environment, constants=constants, **streams)
        done = subprocess.CompletedProcess(["headcount", *map(str, arguments)], process.wait(PATIENCE_S))
        done.stdout, done.stderr = _text_of(out), _text_of(err)
    if check:
        done.check_returncode()
    return done


def new_store(path):
    """Create an empty store, as `serve` does at its first start, and return its path."""
    open_store(str(path)).close()
    return path


def _nothing():
    return Path(os.devnull).open()


def _captured():
    return os.fdopen(os.memfd_create("output"), "r+b")


def _text_of(captured):
    captured.seek(0)
    return captured.read().decode()


class Running:
    """A service on a store. `start` again after `kill` or `stop` to go on with the same store."""

    def __init__(self, folder, database=None, *, server=SERVER, constants=None, **settings):
        self.folder = Path(folder)
        self.database = database or self.folder / "headcount.db"
        self.settings = {"reads_per_5s": 0, **settings}  # tests ask until something shows
        self.server = server
        self.constants = constants
        self.log = self.folder / "serve.log"
        self.process = None
        self.key = None
        self._environment = {"XDG_STATE_HOME": str(self.folder)}
        self.variables = {}

    def start(self, *more, limit_bytes=None, descriptors=None):
        """Start the service and return it once it answers.

        With `limit_bytes`, none of its files may grow larger, as if the disk were full. `descriptors` limits how many it may
        have open at once.
        """
        begin = self.log.stat().st_size if self.log.exists() else 0
        limits = [f"--fsize={limit_bytes}"] if limit_bytes else []
        limits += [f"--nofile={descriptors}:{descriptors}"] if descriptors else []
        with self.log.open("ab") as log:
            self.process = self._process(limits, self._arguments(more), log)
        self.url = self._wait_for_url(begin)
        self._wait_for_answer()
        if self.key is None:
            found = KEY.search(self.access())
            self.key = found and found[0]
        return self

    def access(self):
        """The text of the file in which the service hands over its first key and a sign-in link."""
        file = access_file(str(self.database), self._environment)
        return file.read_text() if file.exists() else ""

    def _arguments(self, more):
        settings = {setting.name: setting for setting in TABLE}
        flags = [
            part
            for name, value in self.settings.items()
            for part in (settings[name].flag, settings[name].kind.show(value))
        ]
        return ["serve", "--database", str(self.database), "--port", "0", *flags, *map(str, more)]

    def _process(self, limits, arguments, log):
        """A forked process, unless its limits must be there before Python starts."""
        if limits:
            command = ["prlimit", *limits, sys.executable, "-m", "headcount", *arguments]
            environment = {**os.environ, **self._environment}
            return subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        environment = self._environment | self.variables
        with _nothing() as nothing:
            return self.server.run(
                arguments, environment=environment, stdin=nothing, stdout=log, stderr=log, constants=self.constants
            )  # fmt: skip

    def _wait_for_url(self, begin):
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            ended = self.process.poll() is not None
            with self.log.open() as log:
                log.seek(begin)
                found = LISTENS.search(log.read())
            if found:
                return found[1]
            if ended:
                break
            time.sleep(0.005)
        raise NotServingError(self.log.read_text())

    def _wait_for_answer(self):
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                assert httpx.get(f"{self.url}/healthz", timeout=PATIENCE_S).status_code == 200
            except httpx.TransportError:
                if self.process.poll() is not None or time.monotonic() > until:
                    raise NotServingError(self.log.read_text()) from None
                time.sleep(0.005)
            else:
                return

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

    def signal(self, number):
        self.process.send_signal(number)
