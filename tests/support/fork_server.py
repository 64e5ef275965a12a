"""A process that has imported the product and forks commands from it, so that each starts in milliseconds.

Importing the service takes most of a second of processor time, and the suite runs hundreds of commands. A forked command is
a process of its own all the same: it has its arguments, environment and files, it can be killed, and its exit code is its own.

The client (`ForkServer`) sends one message a command over a socket, with the descriptors of the command's standard streams
and of a pipe. The server writes the id of the process into that pipe, and later its exit code.
"""

import atexit
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

MESSAGE_BYTES = 1 << 20
STREAMS = 3
NUMBER_BYTES = 16
EXAMPLE = Path(__file__).parents[2] / "docs/examples/monday.csv"
PRELOADED = (
    "headcount.cli",
    "headcount.ingest.importers.event_files",
    "headcount.ingest.importers.vendor_exports",
    "headcount.maintenance.doctor",
    "headcount.maintenance.export",
    "headcount.maintenance.rebuild",
    "headcount.server.server",
    "headcount.service.container",
    "headcount.store.backup",
    "headcount.store.postgres",
    "headcount.telemetry.logging",
    "pyarrow.parquet",
)


class ForkServer:
    """The connection to a server, which is started with the first command and ends with the tests.

    `prefix` is a command that starts it, and `environment` what it adds to ours: for what must be there before Python starts.
    With `compiled`, the compiled passes are loaded, too.
    """

    def __init__(self, prefix=(), environment=None, *, compiled=False):
        self._prefix = prefix
        self._options = ["--compiled"] if compiled else []
        self._environment = environment or {}
        self._socket = None

    def run(self, arguments, *, environment=None, stdin, stdout, stderr, constants=None):
        """Start a command, and return it.

        `constants` replaces constants of modules in its process alone: {"headcount.clock.JUMP_STANDS_MS": 1_000}.
        """
        status, written = os.pipe()
        environment = {**os.environ, **self._environment, **(environment or {})}
        message = [[*map(str, arguments)], environment, str(Path.cwd()), constants or {}]
        descriptors = [stdin.fileno(), stdout.fileno(), stderr.fileno(), written]
        socket.send_fds(self._connected(), [json.dumps(message).encode()], descriptors)
        os.close(written)
        return ForkedCommand(os.fdopen(status, "rb", buffering=0))

    def _connected(self):
        if self._socket is None:
            self._socket, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            subprocess.Popen(
                [*self._prefix, sys.executable, "-P", __file__, str(there.fileno()), *self._options],
                env={**os.environ, **self._environment},
                pass_fds=[there.fileno()],
                stdin=subprocess.DEVNULL,
            )
            there.close()
        return self._socket

    def close(self):
        """End the server. Its commands go on."""
        if self._socket is not None:
            self._socket.close()


class ForkedCommand:
    """One command that runs. It has the part of `subprocess.Popen` that tests use."""

    def __init__(self, answers):
        self._answers = answers
        self.pid = int(answers.read(NUMBER_BYTES))
        self.returncode = None

    def wait(self, timeout=None):
        """Return the exit code once the command has ended, as `Popen` does: negative for a signal."""
        if self.returncode is None:
            if not select.select([self._answers], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("headcount", timeout)
            self.returncode = int(self._answers.read(NUMBER_BYTES))
            self._answers.close()
        return self.returncode

    def poll(self):
        """Return the exit code, or None while the command runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)


class Forker:
    """Forks a child for each message, and reports its end. `serve` returns in the children alone."""

    def __init__(self, descriptor):
        self._control = socket.socket(fileno=descriptor)
        self._children = {}
        self._woken, self._waking = socket.socketpair()
        self._woken.setblocking(False)
        self._waking.setblocking(False)

    def serve(self):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._waking.fileno())
        while True:
            ready, _, _ = select.select([self._control, self._woken], [], [])
            if self._woken in ready:
                self._woken.recv(MESSAGE_BYTES)
                self._report_ends()
            if self._control in ready:
                message, descriptors, _, _ = socket.recv_fds(self._control, MESSAGE_BYTES, STREAMS + 1)
                if not message:
                    os._exit(0)
                if self._fork(descriptors):
                    return json.loads(message)

    def _fork(self, descriptors):
        """Return whether this is the child."""
        *streams, status = descriptors
        pid = os.fork()
        if pid == 0:
            self._become_child(streams, status)
            return True
        for stream in streams:
            os.close(stream)
        self._children[pid] = status
        os.write(status, b"%*d" % (NUMBER_BYTES, pid))
        return False

    def _become_child(self, streams, status):
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for target, stream in enumerate(streams):
            os.dup2(stream, target)
        for other in (*streams, status, *self._children.values()):
            os.close(other)
        for connection in (self._control, self._woken, self._waking):
            connection.close()

    def _report_ends(self):
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            written = self._children.pop(pid)
            os.write(written, b"%*d" % (NUMBER_BYTES, os.waitstatus_to_exitcode(status)))
            os.close(written)


def run_command(arguments, environment, cwd, constants):
    """Run the command as `python -m headcount` does, and return its exit code."""
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(cwd)
    for place, value in constants.items():
        module, _, name = place.rpartition(".")
        getattr(sys.modules[module], name)  # so that a constant that is named differently now is an error
        setattr(sys.modules[module], name, value)
    sys.argv = ["headcount", *arguments]
    try:
        importlib.import_module("headcount.cli").main()
    except SystemExit as ended:
        return ended.code or 0
    except BaseException:  # noqa: BLE001 - it ends the process, as everywhere
        sys.excepthook(*sys.exc_info())
    return 1


def main():
    for name in PRELOADED:
        importlib.import_module(name)
    if "--compiled" in sys.argv:
        importlib.import_module("headcount").sessionize(str(EXAMPLE))
    gc.freeze()
    code = run_command(*Forker(int(sys.argv[1])).serve())
    threading._shutdown()  # noqa: SLF001 - Python has no public name for the two steps of an orderly end
    atexit._run_exitfuncs()  # noqa: SLF001
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # to free every object of the parent would copy its memory


if __name__ == "__main__":
    main()
