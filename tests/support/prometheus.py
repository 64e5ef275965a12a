"""A real Prometheus on a free port of the loopback, which scrapes services with an interval of one second."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from support import ROOT
from support.servers import free_port
from support.waiting import wait_until

UNPACKED = ROOT / "build/monitoring/usr/bin"
RULES = ROOT / "deploy/prometheus/alerts.yaml"
PATIENCE_S = 60


def program(name):
    """Return the path of `prometheus` or `promtool`. Without it the test fails in CI, and is skipped elsewhere."""
    found = shutil.which(name, path=f"{UNPACKED}:{os.environ['PATH']}")
    if found is None:
        reason = "Prometheus is not installed: tests/install_monitoring.sh unpacks it"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return found


class Prometheus:
    """A server with the job `headcount` for the processes of `services`, and with the alert rules."""

    def __init__(self, folder, services):
        self._folder = Path(folder)
        targets = [service.url.removeprefix("http://") for service in services]
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(RULES)],
            "scrape_configs": [{"job_name": "headcount", "static_configs": [{"targets": targets}]}],
        }
        file = self._folder / "prometheus.json"  # JSON is YAML
        file.write_text(json.dumps(config))
        port = free_port()
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=PATIENCE_S)
        with (self._folder / "prometheus.log").open("wb") as log:
            self.process = subprocess.Popen(
                [program("prometheus"), f"--config.file={file}", f"--web.listen-address=127.0.0.1:{port}",
                 f"--storage.tsdb.path={self._folder / 'data'}"],
                stdout=log, stderr=log, env={**os.environ, "GOMAXPROCS": "1"},
            )  # fmt: skip
        wait_until(self._answers, PATIENCE_S, (self._folder / "prometheus.log").read_text)

    def _answers(self):
        assert self.process.poll() is None, (self._folder / "prometheus.log").read_text()
        try:
            return self.client.get("/status/buildinfo").status_code == 200
        except httpx.TransportError:
            return False

    def get(self, path, **parameters):
        """Return the data of an answer that must be a success."""
        answer = self.client.get(path, params=parameters).json()
        assert answer["status"] == "success", (parameters, answer)
        return answer["data"]

    def value(self, query):
        """Return the value of a query with one result, or None without a result."""
        found = self.get("/query", query=query)["result"]
        assert len(found) <= 1, found
        return float(found[0]["value"][1]) if found else None

    def alerts(self):
        """Return the names of the alerts whose condition is true."""
        return {alert["labels"]["alertname"] for alert in self.get("/alerts")["alerts"]}

    def end(self):
        self.client.close()
        self.process.terminate()
        self.process.wait(PATIENCE_S)
