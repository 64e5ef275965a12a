"""Every way to install the wheel, on every supported Python: from a local index, and with nothing of this tree."""

import os
import re
import signal
import subprocess
import sys

import httpx2 as httpx
import pytest

from support import ROOT
from support.local_index import (
    PATIENCE_S,
    PYTHONS,
    TOOLS,
    Installed,
    build,
    copy_of_sources,
    index_with,
    require_installers,
    run,
)
from support.running_service import Running
from support.servers import is_open
from support.waiting import wait_until

pytestmark = pytest.mark.process

MONDAY = ROOT / "docs/examples/monday.csv"
EVENTS = [
    {"room": "review", "kind": "join", "participant_id": "c-1", "at": "2026-03-02T09:00:00Z"},
    {"room": "review", "kind": "join", "participant_id": "c-2", "at": "2026-03-02T09:05:00Z"},
    {"room": "review", "kind": "leave", "participant_id": "c-1", "at": "2026-03-02T09:45:00Z"},
    {"room": "review", "kind": "leave", "participant_id": "c-2", "at": "2026-03-02T09:45:30Z"},
]
LINK = re.compile(r"http://127\.0\.0\.1:\d+/dashboard/sign-in\?link=\S+")
NEXT = "0.1.999"


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """A local index with the wheel of this tree."""
    require_installers()
    folder = tmp_path_factory.mktemp("index")
    (wheel,) = build(copy_of_sources(folder / "tree"), folder / "dist")
    return index_with(folder / "wheels", wheel)


@pytest.fixture(scope="module")
def next_wheel(tmp_path_factory):
    """The wheel of a later version."""
    folder = tmp_path_factory.mktemp("next")
    tree = copy_of_sources(folder / "tree")
    project = tree / "pyproject.toml"
    project.write_text(re.sub(r'(?m)^version = ".*"', f'version = "{NEXT}"', project.read_text(), count=1))
    (wheel,) = build(tree, folder / "dist")
    return wheel


@pytest.fixture
def alone(tmp_path, index):
    """An environment in which installers know the local index alone, and keep everything below a folder."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PIP_", "UV_", "PYTHON", "VIRTUAL_"))
    }
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        **kept,
        "HOME": str(home), "XDG_STATE_HOME": str(tmp_path), "PATH": f"{TOOLS}:{os.environ['PATH']}",
        "PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "UV_NO_CONFIG": "1", "UV_OFFLINE": "1", "UV_PYTHON_DOWNLOADS": "never", "UV_LINK_MODE": "copy",
        "UV_CACHE_DIR": str(tmp_path / "uv-cache"), "UV_TOOL_DIR": str(tmp_path / "tools"), "UV_TOOL_BIN_DIR": str(tmp_path / "bin"),
        "PIPX_HOME": str(tmp_path / "pipx"), "PIPX_BIN_DIR": str(tmp_path / "bin"), "PIPX_DEFAULT_PYTHON": sys.executable,
    }  # fmt: skip
    return with_index(environment, index)


def with_index(environment, index):
    """Return the environment with another local index. Pipx runs uv instead of pip where it finds it."""
    return {**environment, "PIP_FIND_LINKS": str(index), "UV_FIND_LINKS": str(index)}


def installed_by_pip(requirement, python, folder, environment):
    """Install into a new virtual environment, and return the command."""
    venv = folder / "venv"
    run(python, "-m", "venv", "--without-pip", venv, environment=environment)
    run(TOOLS / "pip", "--python", venv, "install", "--quiet", requirement, environment=environment)
    return Installed([venv / "bin/headcount"], folder, environment)


def new_key(command):
    return command.output("key", "create", "--scope", "admin", "--database", "headcount.db").strip()


def assert_it_works(command, folder, version, *, key=None, **settings):
    """Ask for the version, derive sessions from a file, and serve: an event goes in, a meeting comes out."""
    assert command.output("--version") == f"headcount {version}\n"
    assert "standup" in command.output("sessionize", MONDAY)
    service = Running(folder, server=command, **settings).start()
    try:
        assert httpx.get(f"{service.url}/readyz", timeout=PATIENCE_S).status_code == 200
        assert httpx.get(f"{service.url}/version", timeout=PATIENCE_S).json() == {"version": version}
        with service.client(key) as client:
            assert client.post("/events", json=EVENTS, params={"wait": "true"}).status_code == 200
            (meeting,) = client.get("/meetings", params={"room": "review"}).json()["data"]
        assert (meeting["duration"], meeting["max_participants"]) == (2730, 2)
        assert "/dashboard/" in service.access()
    finally:
        service.stop()


def current_version():
    return re.search(r'(?m)^version = "(.*)"', (ROOT / "pyproject.toml").read_text())[1]


@pytest.mark.parametrize("minor", PYTHONS)
def test_pip_installs_all_that_a_server_needs(minor, tmp_path, alone):
    command = installed_by_pip("headcount", PYTHONS[minor], tmp_path, alone)
    python = command.command[0].with_name("python")
    where = run(python, "-c", "import headcount; print(headcount.__file__)", cwd=tmp_path, environment=alone)
    assert where.startswith(str(tmp_path))
    assert_it_works(command, tmp_path, current_version())


@pytest.mark.parametrize("minor", PYTHONS)
def test_uvx_runs_the_demo_to_its_first_page(minor, tmp_path, alone):
    command = [
        TOOLS / "uvx",
        "--python",
        PYTHONS[minor],
        "headcount",
        "demo",
        "--days",
        "1",
        "--port",
        "0",
        "--database",
        "demo.db",
    ]
    output, access = tmp_path / "output", tmp_path / "demo.db.access"
    with output.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=tmp_path, env=alone, stdout=out, stderr=out, start_new_session=True
        )
    try:
        wait_until(lambda: access.exists() or process.poll() is not None)
        assert access.exists(), output.read_text()
        link = LINK.search(access.read_text())[0]
        wait_until(lambda: is_open(httpx.URL(link).port))
        with httpx.Client(follow_redirects=True, timeout=PATIENCE_S) as browser:
            assert "Sign in" in browser.get(link).text
            address, _, token = link.partition("?link=")
            page = browser.post(address, data={"link": token})
            assert page.status_code == 200
            assert "active rooms" in page.text.lower()
            meetings = browser.get(str(page.url.join("/dashboard/meetings")))
            assert (meetings.status_code, meetings.url.path) == (200, "/dashboard/meetings")
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(PATIENCE_S)


@pytest.mark.parametrize("minor", PYTHONS)
def test_pip_with_extras_serves_on_postgresql_and_answers_agents(minor, tmp_path, alone, postgres):
    command = installed_by_pip("headcount[mcp,postgres]", PYTHONS[minor], tmp_path, alone)
    run(
        command.command[0].with_name("python"),
        "-c",
        "import headcount.mcp_server.server, psycopg_pool",
        cwd=tmp_path,
        environment=alone,
    )
    assert_it_works(command, tmp_path, current_version(), database=postgres.database())


@pytest.mark.parametrize("minor", PYTHONS)
def test_pipx_installs_upgrades_and_removes(minor, tmp_path, alone, index, next_wheel):
    run(TOOLS / "pipx", "install", "--python", PYTHONS[minor], "headcount", environment=alone)
    command = Installed([tmp_path / "bin/headcount"], tmp_path, alone)
    assert_it_works(command, tmp_path, current_version())
    later = index_with(tmp_path / "later", *index.glob("headcount-*"), next_wheel)
    run(TOOLS / "pipx", "upgrade", "headcount", environment=with_index(alone, later))
    assert_it_works(command, tmp_path, NEXT, key=new_key(command))
    run(TOOLS / "pipx", "uninstall", "headcount", environment=alone)
    assert not (tmp_path / "bin/headcount").exists()
    assert (tmp_path / "headcount.db").exists()


@pytest.mark.parametrize("minor", PYTHONS)
def test_uv_tool_installs_upgrades_and_removes(minor, tmp_path, alone, index, next_wheel):
    run(TOOLS / "uv", "tool", "install", "--python", PYTHONS[minor], "headcount", environment=alone)
    command = Installed([tmp_path / "bin/headcount"], tmp_path, alone)
    assert_it_works(command, tmp_path, current_version())
    later = index_with(tmp_path / "later", *index.glob("headcount-*"), next_wheel)
    run(TOOLS / "uv", "tool", "upgrade", "headcount", environment=with_index(alone, later))
    assert_it_works(command, tmp_path, NEXT, key=new_key(command))
    run(TOOLS / "uv", "tool", "uninstall", "headcount", environment=alone)
    assert not (tmp_path / "bin/headcount").exists()
    assert (tmp_path / "headcount.db").exists()
