"""A real container of the image, from the build to an upgrade: rootless, with a read-only root file system and one volume."""

import json
import os
import re
import shutil
import socket
import threading
import time
import tomllib
from contextlib import closing, suppress

import httpx2 as httpx
import pytest

from support import ROOT
from support.containers import ImageStore, Podman, require_container_tools
from support.livekit_source import KEY, person, sent, webhook
from support.servers import free_port
from support.waiting import wait_until
from support.webhook_receivers import answers, receiving

pytestmark = pytest.mark.process

SIZE_LIMIT_BYTES = 250_000_000
STOP_TIMEOUT_S = 10
"""The default of Docker: a container that does not end in time is killed, and its exit code is 137."""
API_KEY = f"hc_{'containers' * 4}"
VOLUME = "--volume=headcount-data:/var/lib/headcount"
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
NEWER_VERSION = "99.0"
IMAGE, NEWER = f"localhost/headcount:{VERSION}", f"localhost/headcount:{NEWER_VERSION}"
CONTEXT = (
    "Containerfile",
    ".dockerignore",
    "pyproject.toml",
    "constraints.txt",
    "README.md",
    "LICENSE",
    "src",
    "deploy/image",
)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    require_container_tools()
    store = ImageStore(tmp_path_factory.mktemp("images"))
    yield store
    store.close()


@pytest.fixture
def podman(images):
    podman = Podman()
    yield podman
    podman.close()


class Container:
    """A container of the image on the volume, on a free port of the loopback."""

    def __init__(self, podman, name="headcount"):
        self.podman, self.name, self.port = podman, name, free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def run(self, image, *flags, **variables):
        given = {"HEADCOUNT_HOST": "127.0.0.1", "HEADCOUNT_PORT": self.port, **variables}
        self.podman.run(image, self.name, VOLUME, *flags, **given)
        return self.wait_until_ready()

    def start_again(self):
        self.podman("start", self.name)
        return self.wait_until_ready()

    def wait_until_ready(self):
        def is_ready():
            assert self.podman.state(self.name)["Status"] == "running", self.log()
            with suppress(httpx.TransportError):
                return httpx.get(f"{self.url}/readyz", timeout=30).status_code == 200

        wait_until(is_ready, message=self.log)
        return self

    def command(self, *words):
        return self.podman("exec", self.name, *words)

    def log(self):
        done = self.podman("logs", self.name, check=False)
        return done.stdout + done.stderr

    def client(self):
        return httpx.Client(
            base_url=f"{self.url}/v1", headers={"Authorization": f"Bearer {API_KEY}"}, timeout=60
        )


def test_a_container_from_its_build_to_an_upgrade(images, podman, tmp_path):
    archive = images.build(ROOT, tmp_path / "image.tar")
    assert_loaded(podman, archive)
    assert json.loads(podman("inspect", IMAGE))[0]["Size"] <= SIZE_LIMIT_BYTES
    container = first_start(podman, tmp_path)
    assert_confined(container)
    assert_commands_find_the_database(container)
    survives_a_kill(container)
    stops_with_work_in_progress(container)
    assert_errors_are_one_line(podman, container, tmp_path)
    upgraded(images, podman, container, tmp_path)
    again = images.build(ROOT, tmp_path / "again.tar")
    assert again.read_bytes() == archive.read_bytes()


def assert_loaded(podman, archive):
    os.chmod(archive, 0o644)  # noqa: PTH101
    with (podman.folder / archive.name).open("wb") as copy:
        copy.write(archive.read_bytes())
    podman("load", "--quiet", "--input", podman.folder / archive.name)


def first_start(podman, tmp_path):
    """Start with everything declared: nothing has to be entered afterwards."""
    for name, value in (("livekit", KEY), ("admin-key", API_KEY)):
        file = podman.folder / name
        file.write_text(f"{value}\n")
        podman("secret", "create", name, file)
    container = Container(podman).run(
        IMAGE,
        "--secret=livekit",
        "--secret=admin-key",
        HEADCOUNT_SOURCE_LIVEKIT_SECRET_FILE="/run/secrets/livekit",
        HEADCOUNT_SOURCE_LIVEKIT_TOKEN="fixed",
        HEADCOUNT_ADMIN_KEY_FILE="/run/secrets/admin-key",
        HEADCOUNT_WEBHOOK_ALLOWED_NETWORKS="127.0.0.0/8",
        HEADCOUNT_MIN_STAY_S="0",
        HEADCOUNT_START_ALONE_S="0",
    )
    began = int(time.time()) - 60
    joined = webhook("participant_joined", createdAt=str(began), participant=person("ann", began))
    assert sent(container, "/v1/ingest/livekit/fixed", joined).status_code == 200
    with container.client() as client:
        wait_until(lambda: users_in(client, "standup") == ["ann"])
    return container


def users_in(client, room):
    return [one["userId"] for one in client.get(f"/rooms/{room}/presence").json()["data"]]


def assert_confined(container):
    assert container.command("id", "-u") == "10001"
    refused = container.podman("exec", container.name, "touch", "/opt/headcount/x", check=False)
    assert "Read-only file system" in refused.stderr
    assert container.podman.state(container.name)["Health"]["Status"] in ("starting", "healthy")
    container.podman("healthcheck", "run", container.name)
    assert container.podman.state(container.name)["Health"]["Status"] == "healthy"
    assert API_KEY not in container.log()
    assert KEY not in container.log()
    for line in container.log().splitlines():
        if not line.startswith("time="):  # a note of Podman
            json.loads(line)


def assert_commands_find_the_database(container):
    link = container.command("headcount", "login-link")
    page = httpx.get(link.replace("http://127.0.0.1:8080", container.url), follow_redirects=True, timeout=60)
    assert page.status_code == 200
    key = container.command("headcount", "key", "create", "--scope", "read", "--quiet")
    with httpx.Client(headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
        assert client.get(f"{container.url}/v1/meetings").status_code == 200
    container.command("headcount", "backup", "--output", "/var/lib/headcount/copy.db")
    checked = container.podman(
        "exec", container.name, "headcount", "restore", "/var/lib/headcount/copy.db", "--database",
        "/var/lib/headcount/restored.db", check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stderr


def survives_a_kill(container):
    """Every event that was answered is there after SIGKILL."""
    with container.client() as client:
        for number in range(50):
            event = {"room": f"r{number}", "kind": "join", "participant_id": "p", "user_id": f"u{number}"}
            assert client.post("/events", json=event).status_code == 200
    container.podman("kill", "--signal=KILL", container.name)
    wait_until(lambda: container.podman.state(container.name)["Status"] == "exited")
    assert container.podman.state(container.name)["ExitCode"] == 137
    container.start_again()
    with container.client() as client:
        for number in range(50):
            wait_until(lambda number=number: users_in(client, f"r{number}") == [f"u{number}"])
        assert users_in(client, "standup") == ["ann"]


def stops_with_work_in_progress(container):
    """An open stream, and webhooks that fail or are never answered: the process ends by its own, before the runtime kills it."""
    answered = threading.Event()
    with receiving(lambda _: answered.wait(60)) as silent, receiving(answers(503)) as failing:
        with container.client() as client:
            for receiver in (silent, failing):
                assert client.post("/webhooks", json={"url": receiver.url}).status_code == 200
            with client.stream("GET", "/stream") as stream:
                assert stream.status_code == 200
                client.post("/events", json={"room": "last", "kind": "join", "participant_id": "p"})
                for receiver in (silent, failing):
                    receiver.wait_for(1)
                container.podman("stop", f"--time={STOP_TIMEOUT_S}", container.name)
        answered.set()
    assert container.podman.state(container.name)["ExitCode"] == 0, container.log()


def assert_errors_are_one_line(podman, container, tmp_path):
    """What users of containers run into is explained by the only line of the log."""
    foreign = podman.folder / "foreign"
    foreign.mkdir()  # of a user that the container does not know
    for flags, variables, message in (
        (
            (f"--volume={foreign}:/var/lib/headcount",),
            {},
            "belongs to user 65534, and this process is user 10001",
        ),
        ((f"{VOLUME}:ro",), {}, "/var/lib/headcount is on a read-only file system"),
        ((), {"HEADCOUNT_PORT": "tcp://10.0.0.1:8080"}, "set enableServiceLinks: false"),
    ):
        code, log = podman.run_to_end(
            IMAGE, *flags, **{"HEADCOUNT_HOST": "127.0.0.1", "HEADCOUNT_PORT": free_port(), **variables}
        )
        lines = [line for line in log.splitlines() if not line.startswith("time=")]
        assert (code, len(lines)) == (2, 1), log
        assert message in lines[0]
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        code, log = podman.run_to_end(IMAGE, HEADCOUNT_HOST="127.0.0.1", HEADCOUNT_PORT=port)
        assert (code, f"cannot listen on 127.0.0.1 port {port}: address already in use" in log) == (2, True)


def upgraded(images, podman, container, tmp_path):
    """The next version takes over the volume."""
    tree = tmp_path / "tree"
    for name in CONTEXT:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, tree / name)
    project = tree / "pyproject.toml"
    project.write_text(re.sub(r'(?m)^version = ".*"$', f'version = "{NEWER_VERSION}"', project.read_text()))
    assert_loaded(podman, images.build(tree, tmp_path / "newer.tar"))
    podman("rm", container.name)
    newer = Container(podman).run(NEWER, HEADCOUNT_MIN_STAY_S="0", HEADCOUNT_START_ALONE_S="0")
    assert httpx.get(f"{newer.url}/version", timeout=60).json() == {"version": NEWER_VERSION}
    with newer.client() as client:
        assert users_in(client, "standup") == ["ann"]
    assert "is not declared any more and stays" in newer.log()
    podman("stop", f"--time={STOP_TIMEOUT_S}", newer.name)
    assert podman.state(newer.name)["ExitCode"] == 0
