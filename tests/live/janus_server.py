"""A real Janus of Debian's package, on free ports of the loopback, ended by the id it started with."""

import json
import os
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

from live.livekit_server import free_port
from support.waiting import PATIENCE_S, wait_until

EMITTER = "test-1"
USER, PASSWORD = "janus", "only-for-tests"
ADMIN_SECRET = "for-administrators-alone"
SESSION_TIMEOUT_S = 4
"""Time after which a silent client is removed; 60 seconds by default."""
ROOMS = ("videoroom", "audiobridge", "textroom")
HTTP = "libjanus_http.so"
HANDLER = "libjanus_sampleevh.so"


def binary():
    """Return the path of the server. A missing one fails in CI, and skips the test elsewhere with a hint."""
    found = shutil.which("janus")
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no Janus: tests/install_live.sh installs one")
    return found


def modules():
    """Return the folder of its plugins, transports and event handlers."""
    return next(Path("/usr/lib").glob("*/janus"))


class Janus:
    """One server that sends its events to `backend`. `start` again when it is down."""

    def __init__(self, folder, backend):
        self.folder = Path(folder)
        self.port, self.admin_port = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_STREAM)
        self.url = f"http://127.0.0.1:{self.port}/janus"
        self.admin_url = f"http://127.0.0.1:{self.admin_port}/admin"
        self.log = self.folder / "janus.log"
        self.process = None
        for name, text in self._configuration(backend).items():
            (self.folder / f"janus.{name}jcfg").write_text(text)

    def _configuration(self, backend):
        unused = {
            kind: ",".join(
                sorted(file.name for file in (modules() / kind).glob("*.so") if not _is_used(file.name))
            )
            for kind in ("plugins", "transports", "loggers", "events")
        }
        general = {
            "server_name": EMITTER, "session_timeout": SESSION_TIMEOUT_S, "debug_level": 4, "admin_secret": ADMIN_SECRET,
        }  # fmt: skip
        return {
            "": _libconfig(
                general=general
                | {
                    f"{kind}_folder": str(modules() / kind)
                    for kind in ("plugins", "transports", "loggers", "events")
                },
                media={"rtp_port_range": "20000-40000"},
                nat={"ice_enforce_list": "lo"},
                plugins={"disable": unused["plugins"]},
                transports={"disable": unused["transports"]},
                loggers={"disable": unused["loggers"]},
                events={"broadcast": True, "disable": unused["events"]},
            ),
            "transport.http.": _libconfig(
                general={"http": True, "ip": "127.0.0.1", "port": self.port, "https": False},
                admin={
                    "admin_http": True,
                    "admin_ip": "127.0.0.1",
                    "admin_port": self.admin_port,
                    "admin_https": False,
                },
            ),
            "eventhandler.sampleevh.": _libconfig(
                general={
                    "enabled": True,
                    "events": "sessions,handles,plugins,core",
                    "grouping": True,
                    "json": "compact",
                    "backend": backend,
                    "backend_user": USER,
                    "backend_pwd": PASSWORD,
                    "max_retransmissions": 7,
                    "retransmissions_backoff": 50,
                }
            ),
        } | {f"plugin.{name}.": _libconfig(general={}) for name in ROOMS}

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [binary(), "--configs-folder", self.folder, "--config", self.folder / "janus.jcfg"],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        wait_until(self._answers, message=self.log.read_text)
        return self

    def _answers(self):
        assert self.process.poll() is None, self.log.read_text()
        with suppress(urllib.error.URLError, ConnectionError):
            return urllib.request.urlopen(f"{self.url}/info", timeout=5).status == 200

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)

    def shut_down(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(PATIENCE_S)

    def call_api(self, plugin, **body):
        """Send a request to a plugin, such as `create` or `kick`, in a session of its own."""
        session = self._post("", janus="create")["data"]["id"]
        handle = self._post(f"/{session}", janus="attach", plugin=f"janus.plugin.{plugin}")["data"]["id"]
        answer = self._post(f"/{session}/{handle}", janus="message", body=body)
        self._post(f"/{session}", janus="destroy")
        return answer["plugindata"]["data"]

    def _post(self, path, **message):
        request = urllib.request.Request(
            self.url + path,
            json.dumps({"transaction": "t", **message}).encode(),
            {"Content-Type": "application/json"},
        )
        answer = json.load(urllib.request.urlopen(request, timeout=10))
        assert answer["janus"] == "success", answer
        return answer


def _is_used(name):
    return name in (HTTP, HANDLER, *(f"libjanus_{plugin}.so" for plugin in ROOMS))


def _libconfig(**sections):
    """Return the sections in the format of libconfig."""
    return "".join(f"{name}: {{\n{_settings(settings)}}}\n" for name, settings in sections.items())


def _settings(settings):
    return "".join(f"  {name} = {json.dumps(value)}\n" for name, value in settings.items())
