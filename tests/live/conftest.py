import pytest

from live.headcount_service import Service
from live.livekit_client import Participant
from live.livekit_server import KEY, SECRET, LiveKit
from live.webhook_proxy import WebhookProxy


@pytest.fixture(scope="module")
def headcount(tmp_path_factory):
    flags = ("--secret", f"{KEY}:{SECRET}", "--attribute", "plan=/room/metadata/plan")
    service = Service(tmp_path_factory.mktemp("service"), "livekit", *flags)
    yield service
    service.stop()


@pytest.fixture(scope="module")
def proxy(headcount, tmp_path_factory):
    proxy = WebhookProxy(headcount)
    yield proxy
    proxy.close()
    proxy.save(tmp_path_factory.getbasetemp() / "livekit.jsonl")


@pytest.fixture(scope="module")
def livekit(tmp_path_factory, proxy, headcount):
    server = LiveKit(tmp_path_factory.mktemp("livekit"), proxy.url + headcount.path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def join(livekit):
    """Let participants join a room; those who are still present after the test are removed."""
    participants = []

    def join(room, identity, name="", **more):
        participants.append(Participant(livekit, room, identity, name, **more))
        return participants[-1].wait_until_joined()

    yield join
    for participant in participants:
        participant.clean_up()
