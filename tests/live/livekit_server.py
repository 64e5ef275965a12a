"""A real LiveKit server, on free ports of the loopback, ended by the id it started with."""

import json
import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from livekit.api import AccessToken, VideoGrants

from support.waiting import PATIENCE_S, wait_until

KEY, SECRET = "APIlivetests", "only-for-tests-only-for-tests-only-for"
INSTALLER = Path(__file__).parents[1] / "install_livekit.sh"
VERSION = "1.13.5"
DEPARTURE_TIMEOUT_S = 3
EMPTY_TIMEOUT_S = 20


def binary():
    """Return the path of the installed server. A missing one fails in CI, and skips the test elsewhere with a hint."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    found = cache / f"headcount-tests/livekit-server-{os.environ.get('LIVEKIT_VERSION', VERSION)}"
    if not found.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no LiveKit server: make test-live builds one")
    return found


class LiveKit:
    """One server that sends its webhooks to `webhook_url`. `start` again when it is down."""

    def __init__(self, folder, webhook_url):
        self.folder = Path(folder)
        self.port, self.tcp = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_STREAM)
        self.udp = free_port(socket.SOCK_DGRAM)
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = self.folder / "livekit.log"
        self.process = None
        # JSON is YAML.
        (self.folder / "livekit.yaml").write_text(json.dumps(self._configuration(webhook_url)))

    def _configuration(self, webhook_url):
        return {
            "port": self.port,
            "bind_addresses": ["127.0.0.1"],
            "keys": {KEY: SECRET},
            "webhook": {"api_key": KEY, "urls": [webhook_url]},
            "room": {"empty_timeout": EMPTY_TIMEOUT_S, "departure_timeout": DEPARTURE_TIMEOUT_S},
            "rtc": {
                "node_ip": "127.0.0.1",
                "use_external_ip": False,
                "enable_loopback_candidate": True,
                "ips": {"includes": ["127.0.0.1/32"]},
                "tcp_port": self.tcp,
                "udp_port": self.udp,
            },
        }

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [binary(), "--config", self.folder / "livekit.yaml"], stdout=log, stderr=log
            )
        wait_until(self._answers, message=self.log.read_text)
        return self

    def _answers(self):
        assert self.process.poll() is None, self.log.read_text()
        with suppress(urllib.error.URLError, ConnectionError):
            return urllib.request.urlopen(self.url, timeout=5).status == 200

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)

    def request_stop(self):
        """Request a stop: after one request it waits until all participants have left; after two, it ends."""
        self.process.send_signal(signal.SIGTERM)

    def wait_until_stopped(self):
        self.process.wait(PATIENCE_S)

    def token(self, room, identity, name="", kind="standard", attributes=(), metadata="", **grants):
        """Return a token that admits a participant."""
        token = AccessToken(KEY, SECRET).with_identity(identity).with_name(name).with_kind(kind)
        token = token.with_attributes(dict(attributes)).with_metadata(metadata)
        granted = VideoGrants(room_join=True, room=room, **grants)
        return token.with_grants(granted).with_ttl(timedelta(hours=1)).to_jwt()

    def call_api(self, method, **body):
        """Call the server's own API about a room, such as `RemoveParticipant` or `DeleteRoom`."""
        grants = VideoGrants(room_create=True, room_admin=True, room=body["room"])
        token = AccessToken(KEY, SECRET).with_grants(grants).to_jwt()
        request = urllib.request.Request(
            f"{self.url}/twirp/livekit.RoomService/{method}",
            json.dumps(body).encode(),
            {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        return json.load(urllib.request.urlopen(request, timeout=10))


def free_port(kind):
    with socket.socket(type=kind) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
