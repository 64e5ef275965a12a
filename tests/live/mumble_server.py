"""A real Mumble server of Debian's package, on free ports of the loopback, ended by the id it started with, and its participants."""

import getpass
import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from live.livekit_server import free_port
from support.waiting import PATIENCE_S, wait_until

ICE_PYTHON = "/usr/bin/python3"
"""Debian's own, for which its package of Ice is made."""
SLICE = Path("/usr/share/slice/Murmur.ice")
VERSION, AUTHENTICATE, PING, SYNC = 0, 2, 3, 5


def binary():
    """Return the path of the server. A missing one fails in CI, and skips the test elsewhere with a hint."""
    found = shutil.which("murmurd", path=os.environ["PATH"] + ":/usr/sbin")
    if found is None or not SLICE.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(
            "no Mumble server: tests/install_live.sh installs one"
        )
    return found


class Mumble:
    """One server with one room, Root. `start` again when it is down."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.port, self.ice_port = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_STREAM)
        self.ice = f"tcp -h 127.0.0.1 -p {self.ice_port}"
        self.process = None
        settings = {
            "database": self.folder / "mumble.sqlite", "logfile": self.folder / "mumble.log", "ice": f'"{self.ice}"',
            "host": "127.0.0.1", "port": self.port, "bonjour": "false", "timeout": 5,
            "uname": getpass.getuser(),
        }  # fmt: skip
        (self.folder / "mumble.ini").write_text(
            "".join(f"{name}={value}\n" for name, value in settings.items())
        )

    def start(self):
        self.process = subprocess.Popen(
            [binary(), "-fg", "-ini", self.folder / "mumble.ini"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        for port in (self.port, self.ice_port):
            wait_until(lambda port=port: self._listens(port), message="the Mumble server does not listen")
        return self

    def _listens(self, port):
        assert self.process.poll() is None
        with socket.socket() as tried:
            return tried.connect_ex(("127.0.0.1", port)) == 0

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)


class Participant:
    """A connected participant: the few messages of Mumble's protocol that are needed."""

    def __init__(self, mumble, name):
        # Servers generate their own certificates, which clients ask users to confirm.
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        self._socket = trusting.wrap_socket(socket.create_connection(("127.0.0.1", mumble.port), 10))
        self._send(VERSION, b"\x08" + _number(0x010300))
        self._send(AUTHENTICATE, b"\x0a" + _number(len(name.encode())) + name.encode() + b"\x28\x01")
        while self._receive() != SYNC:
            pass
        self._gone = threading.Event()
        threading.Thread(target=self._stay_alive, daemon=True).start()

    def _stay_alive(self):
        with suppress(OSError):  # until the server is gone
            while not self._gone.wait(1):
                self._send(PING, b"")

    def _send(self, kind, payload):
        self._socket.sendall(struct.pack(">HI", kind, len(payload)) + payload)

    def _receive(self):
        kind, length = struct.unpack(">HI", self._read(6))
        self._read(length)
        return kind

    def _read(self, length):
        read = b""
        while len(read) < length:
            more = self._socket.recv(length - len(read))
            assert more, "the server hung up"
            read += more
        return read

    def stop_pings(self):
        """Stay connected, but stop sending."""
        self._gone.set()

    def leave_room(self):
        self._gone.set()
        self._socket.close()


def _number(value):
    """Return a number as protocol buffers encode it."""
    written = b""
    while value > 0x7F:
        written += bytes((value & 0x7F | 0x80,))
        value >>= 7
    return written + bytes((value,))
