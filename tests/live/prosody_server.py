"""A real Prosody of Debian's package, on a free port of the loopback, ended by the id it started with.

It sends the events of its rooms as Jitsi's event_sync component does, and lists its rooms as its mod_muc_census does, with
modules of our own: no package has those.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from live.livekit_server import free_port
from support.waiting import PATIENCE_S, wait_until

HOST, ROOMS = "meet.example", "conference.meet.example"
TOKEN = "only-for-tests"
HIBERNATION_S = 2
"""Time after which a lost connection is closed; a minute by default."""
RETRY_S = 2
RETRIES = 3


def binary():
    """Return the path of the server. A missing one fails in CI, and skips the test elsewhere with a hint."""
    found = shutil.which("prosody")
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(
            "no Prosody: tests/install_live.sh installs one"
        )
    return found


class Prosody:
    """One server that sends the events of its rooms to `prefix`. `start` again when it is down."""

    def __init__(self, folder, prefix):
        self.folder = Path(folder)
        self.port, self.web_port = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_STREAM)
        self.web = f"http://127.0.0.1:{self.web_port}"
        self.log = self.folder / "prosody.log"
        self.process = None
        for name in ("data", "certs"):
            (self.folder / name).mkdir()
        (self.folder / "prosody.cfg.lua").write_text(self._configuration(prefix))

    def _configuration(self, prefix):
        return "\n".join(
            (
                "run_as_root = true",
                f"pidfile = {_text(self.folder / 'prosody.pid')}",
                f"data_path = {_text(self.folder / 'data')}",
                f"plugin_paths = {{ {_text(Path(__file__).parent / 'prosody')} }}",
                f"log = {{ {{ levels = {{ min = 'info' }}, to = 'file', filename = {_text(self.log)} }} }}",
                'interfaces = { "127.0.0.1" }; local_interfaces = { "127.0.0.1" }',
                f"c2s_ports = {{ {self.port} }}; s2s_ports = {{}}; https_ports = {{}}",
                f"http_ports = {{ {self.web_port} }}; http_default_host = {_text(HOST)}",
                "c2s_require_encryption = false; allow_unencrypted_plain_auth = true",
                'modules_enabled = { "saslauth", "smacks", "disco" }',
                'modules_disabled = { "s2s", "admin_shell", "tls" }',
                f"smacks_hibernation_time = {HIBERNATION_S}",
                f"VirtualHost {_text(HOST)}",
                '  authentication = "anonymous"; modules_enabled = { "census" }',
                f'Component {_text(ROOMS)} "muc"',
                '  modules_enabled = { "room_events" }',
                "  muc_room_locking = false; muc_room_default_public_jids = true",
                f"  api_prefix = {_text(prefix)}",
                f"  api_headers = {{ Authorization = {_text(f'Bearer {TOKEN}')} }}",
                f"  api_retry_count = {RETRIES}; api_retry_delay = {RETRY_S}",
                "",
            )
        )

    def start(self):
        with (self.folder / "out.log").open("ab") as log:
            self.process = subprocess.Popen(
                [binary(), "-F", "--config", self.folder / "prosody.cfg.lua"],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        wait_until(self._listens, message=self._logs)
        return self

    def _listens(self):
        assert self.process.poll() is None, self._logs()
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5):
            return True

    def _logs(self):
        return "".join(log.read_text() for log in self.folder.glob("*.log"))

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)


def _text(value):
    """Return a text as a Lua literal."""
    return json.dumps(str(value))
