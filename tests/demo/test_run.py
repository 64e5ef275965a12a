"""The demo and its domain: what it creates at each start, and what of yours stays."""

import subprocess
import sys

import pytest

from support.running_service import KEY, headcount
from support.waiting import wait_until

pytestmark = pytest.mark.process


def demo(folder):
    """Start the demo without history, and return the text of its access file once it is there."""
    database = folder / "demo.db"
    command = [
        sys.executable,
        "-m",
        "headcount",
        "demo",
        "--database",
        database,
        "--port",
        "0",
        "--days",
        "0",
    ]
    file = folder / "demo.db.access"
    file.unlink(missing_ok=True)
    process = subprocess.Popen([*map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        return wait_until(lambda: file.exists() and file.read_text())
    finally:
        process.terminate()
        process.wait(60)


def test_a_restart_replaces_the_key_of_the_demo_and_leaves_yours(tmp_path):
    first = KEY.search(demo(tmp_path))[0]
    mine = headcount(
        "key", "create", "--domain", "demo", "--name", "mine", "--database", tmp_path / "demo.db"
    )
    assert KEY.search(mine.stdout)
    second = KEY.search(demo(tmp_path))[0]
    assert first != second
    listed = headcount("key", "list", "--database", tmp_path / "demo.db").stdout
    states = {line.split()[-1]: "revoked" in line for line in listed.splitlines() if "demo" in line}
    assert states["mine"] is False
    assert sum("revoked" in line for line in listed.splitlines()) == 1
