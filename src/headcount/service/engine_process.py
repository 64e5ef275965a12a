"""Engine process: the engine in a process of its own, so that requests do not wait for its interpreter lock.

The service forks a supervisor before it has threads and connections. The supervisor forks the engine process, and
forks another one if that is killed or fails. A socket pair connects the engine process to the service: commands go down,
and the end of each batch goes up. Numbers are in shared memory.

None of the three outlives the service. The end of the service closes the socket, and the engine process exits at once. If
the supervisor ends, the engine process exits too, and the service stops, because nobody would start another engine.

Responsible for these processes and for what they report. Must not know what an engine does.
"""

import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NoReturn

import structlog

from headcount.engine.engine import EngineStats
from headcount.engine.worker import Worker
from headcount.kernel.events import Ms
from headcount.maintenance.health import Lag
from headcount.service.shared_numbers import SharedNumbers
from headcount.store.database import StoreError
from headcount.store.shard_sink import Occupancy

_WAKE: Final = b"w"
_HURRY: Final = b"h"
_STOP: Final = b"s"
_BATCH: Final = b"b"
_READ_BYTES: Final = 4_096
_HEARTBEAT_S: Final = 0.5
_SILENCE_S: Final = 4.0
"""A process without a heartbeat for this time is paused: the other acts as if it had ended."""
_WAKE_INTERVAL_S: Final = 0.005
"""Commits come by the hundred in a second, and one command serves them all."""
_PAUSE_S: Final = 1.0
_STOP_TIMEOUT_S: Final = 60.0

_NUMBERS: Final = (
    "service_ms", "stopping",
    "pid", "engine_ms", "leads", "cursor", "failures",
    "entries", "batches", "late", "corrections", "duplicate_joins", "orphan_leaves", "expired",
    "commit_us",
)  # fmt: skip
"""The first line is written by the service, the others by the engine process."""

log = structlog.get_logger("headcount.engine")


class EngineLink:
    """The side of the engine process."""

    def __init__(self, connection: socket.socket, numbers: SharedNumbers) -> None:
        self._connection = connection
        self._numbers = numbers
        self.supervisor = 0
        """The id of the supervisor, which sets it before it forks: later it may have ended."""

    def service_is_running(self) -> bool:
        """Return whether the service has a recent heartbeat. A paused service must not lead."""
        return _is_recent(self._numbers["service_ms"])

    def follow(self, worker: Worker) -> None:
        """Pass the commands of the service to the worker, and report its numbers, until the service stops it.

        End the process if the service or the supervisor has ended.
        """
        self._numbers["pid"] = os.getpid()
        commands = b""
        while _STOP not in commands:
            self._report(worker)
            commands = self._commands()
            if _HURRY in commands:
                worker.hurry()
            elif commands:
                worker.wake()
                _pause(_WAKE_INTERVAL_S)

    def report_batch(self, worker: Worker) -> None:
        """Report the position and the counters after a batch, and wake the service."""
        self._report_stats(worker)
        _send(self._connection, _BATCH)

    def wait_for_start(self) -> bool:
        """Wait for the first command, and return False if the service ended before."""
        return bool(self._connection.recv(1, socket.MSG_PEEK))

    def is_stopping(self) -> bool:
        """Return whether the service is stopping."""
        return bool(self._numbers["stopping"])

    def _commands(self) -> bytes:
        readable, _, _ = select.select([self._connection], [], [], _HEARTBEAT_S)
        commands = _receive(self._connection) if readable else b""
        if readable and not commands:
            os._exit(0)
        if os.getppid() != self.supervisor:
            os._exit(1)
        return commands

    def _report(self, worker: Worker) -> None:
        now, numbers = _now_ms(), self._numbers
        if now - numbers["engine_ms"] < _HEARTBEAT_S * 1_000:
            return
        self._report_stats(worker)
        numbers["failures"] = worker.failures
        numbers["engine_ms"] = now

    def _report_stats(self, worker: Worker) -> None:
        numbers, engine = self._numbers, worker.engine
        if engine is not None:
            for name in (
                "entries",
                "batches",
                "late",
                "corrections",
                "duplicate_joins",
                "orphan_leaves",
                "expired",
            ):
                numbers[name] = getattr(engine.stats, name)
            numbers["commit_us"] = round(engine.stats.commit_s * 1e6)
            numbers["cursor"] = engine.cursor
        numbers["leads"] = int(engine is not None)


class EngineProcess:
    """The side of the service.

    `run` is called in the engine process and returns when the engine has stopped. `on_batch` is called after each
    batch, in a thread. Create it before the process has threads or connections, which a fork would copy.
    """

    stopped: Final = "the engine has stopped"

    def __init__(self, run: Callable[[EngineLink], None], on_batch: Callable[[], None]) -> None:
        self._numbers = SharedNumbers(_NUMBERS)
        self._on_batch = on_batch
        self._connection, theirs = socket.socketpair()
        self._thread = threading.Thread(target=self._follow, name="engine link", daemon=True)
        self._is_stopping = False
        self._start_ms = 0
        self._supervisor = os.fork()
        if self._supervisor == 0:
            self._connection.close()
            _supervise(EngineLink(theirs, self._numbers), run)
        theirs.close()

    def start(self) -> None:
        """Start the engine process."""
        self._numbers["service_ms"] = self._start_ms = _now_ms()
        self._thread.start()
        self.wake()

    def wake(self) -> None:
        """Process new entries soon."""
        _send(self._connection, _WAKE)

    def hurry(self) -> None:
        """Process new entries at once, because a request waits for them."""
        _send(self._connection, _HURRY)

    def stop(self) -> None:
        """Let the engine finish its batch and give up leadership, and wait until its processes have ended."""
        self._is_stopping = True
        self._numbers["stopping"] = 1
        if self._thread.is_alive():
            _send(self._connection, _STOP)
            self._thread.join(_STOP_TIMEOUT_S)
        if self._thread.is_alive():  # paused, or in a transaction that does not end
            with suppress(ProcessLookupError):
                os.kill(self._numbers["pid"], signal.SIGKILL)
        with suppress(OSError):  # the other side may have ended
            self._connection.shutdown(socket.SHUT_RDWR)
        with suppress(ChildProcessError):
            os.waitpid(self._supervisor, 0)
        self._connection.close()

    def leads(self) -> bool:
        """Return whether the engine runs in this service."""
        return bool(self._numbers["leads"]) and self.alive()

    def alive(self) -> bool:
        """Return whether the engine process runs, or was started so recently that it may not have reported yet."""
        return self._thread.is_alive() and _is_recent(max(self._numbers["engine_ms"], self._start_ms))

    def ended(self) -> bool:
        """Return whether the processes have ended although nobody stopped them."""
        return self._thread.ident is not None and not self._thread.is_alive() and not self._is_stopping

    def cursor(self) -> int | None:
        """Return the position up to which this engine processed the log, or None if another one leads."""
        return self._numbers["cursor"] if self.leads() else None

    def lag(self, now: Ms) -> Lag | None:  # noqa: ARG002 - the same as of a live query
        """Return None: the log and the cursor, which are in the store, show it."""
        return None

    def stats(self) -> EngineStats | None:
        """Return the counters of this engine, or None if another one leads."""
        numbers = self._numbers
        return EngineStats(
            numbers["entries"], numbers["batches"], numbers["late"], numbers["corrections"],
            numbers["duplicate_joins"], numbers["orphan_leaves"], numbers["commit_us"] / 1e6, numbers["expired"],
        ) if self.leads() else None  # fmt: skip

    @property
    def pid(self) -> int:
        """The id of the engine process, 0 before it has started."""
        return self._numbers["pid"]

    @property
    def failures(self) -> int:
        """The number of batches that failed."""
        return self._numbers["failures"]

    def occupancy(self) -> Occupancy | None:
        """Return None if this engine leads: the tables show it, also for rooms that are not in memory. Else return zeros."""
        return None if self.leads() else Occupancy()

    def _follow(self) -> None:
        """Send heartbeats, and report batches, until the engine process has ended. Then stop the service."""
        is_open = True
        while is_open:
            self._numbers["service_ms"] = _now_ms()
            readable, _, _ = select.select([self._connection], [], [], _HEARTBEAT_S)
            if readable:
                is_open = bool(_receive(self._connection))
                self._on_batch()
        if not self._is_stopping:
            log.critical("the engine process has ended, and the service stops: start it again")
            os.kill(os.getpid(), signal.SIGTERM)


def _supervise(link: EngineLink, run: Callable[[EngineLink], None]) -> NoReturn:
    """Run the engine process until it ends in order. Signals for all processes of the service are for the service alone."""
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        link.supervisor = os.getpid()
        if link.wait_for_start():
            while not _run_once(link, run) and not link.is_stopping():
                _pause(_PAUSE_S)
    finally:
        os._exit(0)


def _run_once(link: EngineLink, run: Callable[[EngineLink], None]) -> bool:
    """Return whether the engine process ended in order."""
    pid = os.fork()
    if pid == 0:
        os._exit(_exit_code(link, run))
    _, status = os.waitpid(pid, 0)
    if status:
        log.error(
            "the engine process has ended; starting another", exit_code=os.waitstatus_to_exitcode(status)
        )
    return status == 0


def _exit_code(link: EngineLink, run: Callable[[EngineLink], None]) -> int:
    try:
        run(link)
    except StoreError as error:
        log.error("the engine process cannot use the store", reason=str(error))  # noqa: TRY400 - no bug of ours
        return 1
    except Exception as error:
        log.exception("the engine process failed", reason=str(error))
        return 1
    finally:
        sys.stderr.flush()
    return 0


def _pause(seconds: float) -> None:
    select.select([], [], [], seconds)


def _send(connection: socket.socket, command: bytes) -> None:
    """Send a command unless the other side has many to read, or has ended."""
    with suppress(OSError):
        connection.send(command, socket.MSG_DONTWAIT)


def _receive(connection: socket.socket) -> bytes:
    """Return what the other side has sent; nothing if it has ended, also if it had not read everything."""
    try:
        return connection.recv(_READ_BYTES)
    except ConnectionError:
        return b""


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def _is_recent(heartbeat_ms: int) -> bool:
    return _now_ms() - heartbeat_ms < _SILENCE_S * 1_000
