"""A file or a folder that cannot be written: `serve` refuses, and commands that only read work. Root is bound by it, too."""

import os

import pytest

from support.fork_server import ForkServer
from support.running_service import Running, headcount

BOUND = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"] if os.getuid() == 0 else []
READING = [("doctor",), ("source", "list"), ("key", "list"), ("migrate", "--check")]
WRITING = [
    ("serve", "--port", "0"),
    ("key", "create"),
    ("source", "create", "generic"),
    ("rebuild",),
]


@pytest.fixture(scope="module")
def run():
    """Run a command on a store as a user who is bound by permissions."""
    server = ForkServer(BOUND)
    yield lambda database, *arguments: headcount(
        *arguments, "--database", database, check=False, server=server
    )
    server.close()


def stopped(service):
    service.stop()


def killed(service):
    """Kill it: its write-ahead log stays, with the last events."""
    service.kill()


@pytest.fixture(params=["file", "folder"])
def what_is_read_only(request):
    return request.param


@pytest.fixture(params=[stopped, killed], ids=["stopped", "killed"])
def read_only(request, tmp_path, what_is_read_only):
    """A store with one event that cannot be written any more."""
    folder = tmp_path / "store"
    folder.mkdir()
    service = Running(folder).start()
    with service.client() as client:
        event = {"room": "r", "kind": "join", "participant_id": "the one"}
        assert client.post("/events", json=event, params={"wait": "1"}).status_code == 200
    request.param(service)
    for file in folder.iterdir():
        file.chmod(0o400)
    if what_is_read_only == "folder":
        folder.chmod(0o555)
    yield service.database
    folder.chmod(0o755)


def test_a_command_that_only_reads_works(read_only, run, tmp_path):
    for command in READING:
        done = run(read_only, *command)
        assert done.returncode == 0, f"{command}: {done.stdout} {done.stderr}"
    done = run(read_only, "export", "-o", tmp_path / "out", "--format", "ndjson")
    assert done.returncode == 0, done.stderr
    assert "the one" in (tmp_path / "out" / "events.ndjson").read_text()
    done = run(read_only, "backup", "-o", tmp_path / "copy.db")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", WRITING, ids=[command[0] for command in WRITING])
def test_a_command_that_writes_is_refused_with_the_reason(read_only, run, command):
    done = run(read_only, *command)
    assert done.returncode == 2
    assert "check that the file and its directory can be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
