"""Every benchmark that `make bench` runs works at a small size: what nothing runs breaks unnoticed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

SMALL = {
    "access_log.py": "--meetings 400 --seconds 0.2 --rounds 1",
    "attribute_lists.py": "--meetings 400",
    "backup.py": "--megabytes 5 --rates 20",
    "engine.py": "--events 4000 --runs 1 --step 3600",
    "dashboard.py": "--meetings 400",
    "erasure.py": "--stays 50 --others 500 --seconds 0.5",
    "export.py": "--meetings 400 --days 2",
    "first_command.py": "--runs 1 --without-compiling",
    "ingest_api.py": "--seconds 0.2 --runs 1",
    "ingest_batches.py": "--batches 4 --runs 1",
    "ingest_postgres.py": "--batches 4 --runs 1",
    "large_room.py": "--people 2000 --seconds 1 --runs 1",
    "late_events.py": "--events 2000 --people 2000",
    "live_kernel.py": "--stays 2000 --runs 1",
    "mcp_tools.py": "--meetings 400 --calls 3",
    "query_api.py": "--meetings 400",
    "run.py": "--events 20000 --large 0 --runs 1 --no-small --no-live",
    "sources.py": "--seconds 0.01 --runs 1",
    "starting.py": "--stays 2000 --runs 1",
    "stream.py": "--readers 20",
    "together.py": "--stays 1000 --runs 1",
    "usage.py": "--meetings 400",
    "webhooks.py": "--messages 5 --seconds 1 --runs 1",
}
"""The options of each benchmark, as small as it can be."""

pytestmark = pytest.mark.process


@pytest.mark.parametrize("script", SMALL)
def test_a_benchmark_runs_at_a_small_size(script, tmp_path):
    command = [sys.executable, ROOT / "bench" / script, *SMALL[script].split()]
    environment = os.environ | {"FIGURES": str(tmp_path / "figures.json")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_benchmark_has_a_small_size():
    bench = (ROOT / "Makefile").read_text().partition("\nbench:")[2].partition("\n\n")[0]
    without = {"figures.py", "query_datasette.py"}  # one measures nothing, the other installs Datasette
    assert set(re.findall(r"bench/(\w+\.py)", bench)) - without <= set(SMALL)
