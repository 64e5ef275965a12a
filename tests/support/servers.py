"""A real PostgreSQL server for the tests, on a free port of the loopback."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from itertools import count
from pathlib import Path

import psycopg
import pytest

PATIENCE_S = 60
NUMBERS = count()


def binaries():
    """Return the directory of the newest server's programs, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    if found:
        return found[-1].parent
    there = shutil.which("initdb")
    return Path(there).parent if there else None


def require_postgres():
    """Return the directory of the programs. Without a server the test fails in CI, and is skipped elsewhere."""
    found = binaries()
    if found is None:
        reason = "PostgreSQL is not installed: tests/install_servers.sh installs it"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return found


class Postgres:
    """One server with a directory of its own. Root may not run it; then the user `postgres` does."""

    def __init__(self):
        self.programs = require_postgres()
        self.folder = Path(tempfile.mkdtemp(prefix="headcount-pg-"))
        self.port = free_port()
        self.process = None
        self.as_user = (
            ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        )
        if self.as_user:
            shutil.chown(self.folder, "postgres", "postgres")
        self._run(
            "initdb",
            "--auth=trust",
            "--username=headcount",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "-D",
            self.data,
        )
        self.start()

    @property
    def data(self):
        return self.folder / "data"

    def _run(self, program, *arguments):
        subprocess.run(
            [*self.as_user, self.programs / program, *arguments],
            check=True,
            capture_output=True,
            cwd=self.folder,
        )

    def start(self):
        options = [
            "-D",
            self.data,
            "-p",
            str(self.port),
            "-k",
            self.folder,
            "-h",
            "127.0.0.1",
            "-c",
            "max_connections=200",
            "-c",
            "fsync=off",  # no test switches the machine off
        ]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.as_user, self.programs / "postgres", *options],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                process_group=0,  # Ctrl-C is for the one that stops it, after all that need it
            )
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=2).close()
            except psycopg.OperationalError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)
            else:
                return

    def restart(self):
        """Restart in fast mode: connections are cut off."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(PATIENCE_S)
        self.start()

    def pause(self):
        """Stop all processes: connections stay open, and no query is answered."""
        for pid in self._processes():
            os.kill(pid, signal.SIGSTOP)

    def resume(self):
        for pid in reversed(self._processes()):
            os.kill(pid, signal.SIGCONT)

    def _processes(self):
        """Return the ids of the server and then of its children."""
        first = self.process.pid
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        return [first, *map(int, children)]

    def url(self, name):
        return f"postgresql://headcount@127.0.0.1:{self.port}/{name}"

    def database(self):
        """Create a database, and return its URL."""
        name = f"test_{os.getpid()}_{next(NUMBERS)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"create database {name}")
        return self.url(name)

    def end(self):
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(PATIENCE_S)
        shutil.rmtree(self.folder, ignore_errors=True)


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def is_open(port):
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0
