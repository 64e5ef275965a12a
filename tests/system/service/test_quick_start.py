"""The commands of README.md and of the tutorials work as they are pasted; only the port differs."""

import json
import os
import re
import subprocess
from contextlib import contextmanager

import openpyxl
import pytest

from headcount.sources import livekit
from support import ROOT
from support.livekit_source import now, person, sent, webhook
from support.running_service import Running
from support.servers import free_port, is_open
from support.waiting import wait_until

README = (ROOT / "README.md").read_text()
TUTORIAL = (ROOT / "docs/tutorials/livekit.md").read_text()
ATTENDANCE = (ROOT / "docs/tutorials/bigbluebutton-attendance.md").read_text()
PATIENCE_S = 120


@pytest.fixture
def clone(tmp_path):
    """A folder that looks like a fresh clone whose environment is installed, with an empty build folder."""
    for name in (".venv", "Makefile", "pyproject.toml", "constraints.txt", "docs", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def commands_of(page):
    """Return the shell blocks of a page in their order."""
    return re.findall(r"^```sh\n(.*?)^```", page, re.DOTALL | re.MULTILINE)


def block_with(page, text):
    (block,) = [block for block in commands_of(page) if text in block]
    return block


def environment_of(port):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HEADCOUNT_")}
    return {**kept, "HEADCOUNT_PORT": str(port)}


@contextmanager
def first_terminal(command, clone, port):
    with (clone / "first.log").open("wb") as log:
        process = subprocess.Popen(
            ["bash", "-c", f"exec {command}"],
            cwd=clone,
            stdout=log,
            stderr=log,
            env=environment_of(port),
            start_new_session=True,
        )
    try:
        wait_until(lambda: is_open(port) or process.poll() is not None)
        assert process.poll() is None, (clone / "first.log").read_text()
        yield
    finally:
        os.killpg(process.pid, 15)
        process.wait(PATIENCE_S)


def paste(blocks, clone, port):
    """Run the blocks in one shell, and return what each printed."""
    script = "\nprintf '\\0'\n".join(block.replace(":8080", f":{port}") for block in blocks)
    ran = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=clone,
        capture_output=True,
        text=True,
        env=environment_of(port),
        timeout=PATIENCE_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout.split("\0")


def test_the_quick_start_shows_a_meeting(clone):
    run, *rest = commands_of(README)
    assert run == "make run\n"
    assert len(rest) == 3
    port = free_port()
    with first_terminal("make -o .venv/.installed run", clone, port):
        _, accepted, meetings = paste(rest, clone, port)
    assert json.loads(accepted)["accepted"] == 4
    answer = json.loads(meetings)
    assert answer["total_count"] == 1
    (meeting,) = answer["data"]
    assert (meeting["duration"], meeting["max_participants"]) == (2730, 2)
    assert "It lasted 2730 seconds, with two participants." in README


def test_the_tutorial_of_livekit_leads_to_a_meeting(clone):
    port = free_port()
    serve = block_with(TUTORIAL, "headcount serve").splitlines()[-1]
    create, check = block_with(TUTORIAL, "source create"), block_with(TUTORIAL, "source test")
    read = ["export URL=http://127.0.0.1:8080\n", block_with(TUTORIAL, "/v1/meetings")]
    assert create.startswith(read[0])
    with first_terminal(serve, clone, port):
        created, tested = paste([create, check], clone, port)
        path = re.search(r"/v1/ingest/livekit/\S+", created)[0]
        secret = re.search(r"--secret (\S+)", create)[1]
        assert tested
        hold_a_meeting(Running(clone), f"http://127.0.0.1:{port}", path, secret)
        wait_until(lambda: json.loads(paste(read, clone, port)[-1])["total_count"] == 1)
        (meeting,) = json.loads(paste(read, clone, port)[-1])["data"]
    assert meeting["max_participants"] == 2
    assert {one["user_id"] for one in meeting["participants"]} == {"ann", "bob"}


def hold_a_meeting(service, url, path, secret):
    """Send what LiveKit sends: two participants join, and leave after 40 seconds. It ended a minute ago."""
    service.url = url
    start = now() // 1_000 - 100
    for event, name, at in (
        ("participant_joined", "ann", start),
        ("participant_joined", "bob", start + 2),
        ("participant_left", "bob", start + 40),
        ("participant_left", "ann", start + 42),
    ):
        joined = start if name == "ann" else start + 2
        payload = webhook(event, participant=person(name, joined), createdAt=str(at))
        assert sent(service, path, payload, secret=secret, sign=livekit.sign).status_code == 200


def test_the_tutorial_of_bigbluebutton_leads_to_a_spreadsheet(clone):
    paste(
        [block_with(ATTENDANCE, "headcount import"), block_with(ATTENDANCE, "headcount attendance")], clone, 0
    )
    rows = [
        [str(value) for value in row]
        for row in openpyxl.load_workbook(clone / "attendance.xlsx").active.values
    ]
    for people, status in re.findall(
        r"^\| ([^|]+?) \| (\w+(?: \w+)?) \| [^|]+ \|$", ATTENDANCE, re.MULTILINE
    )[1:]:
        for who in people.split(", "):
            (row,) = [row for row in rows if who in row]
            assert status in [value.lower().replace("_", " ") for value in row], who
