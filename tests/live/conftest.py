import pytest

from live.behind import Service
from live.gate import Gate
from live.livekit_server import KEY, SECRET, LiveKit
from live.somebody import Somebody


@pytest.fixture(scope="module")
def headcount(tmp_path_factory):
    service = Service(tmp_path_factory.mktemp("service"), "livekit", "--secret", f"{KEY}:{SECRET}")
    yield service
    service.stop()


@pytest.fixture(scope="module")
def gate(headcount, tmp_path_factory):
    gate = Gate(headcount)
    yield gate
    gate.close()
    gate.keep(tmp_path_factory.getbasetemp() / "livekit.jsonl")


@pytest.fixture(scope="module")
def livekit(tmp_path_factory, gate, headcount):
    server = LiveKit(tmp_path_factory.mktemp("livekit"), gate.url + headcount.path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def comes(livekit):
    """Lets somebody come to a room; whoever is still there after the test is taken out."""
    everybody = []

    def comes(room, identity, name="", **more):
        everybody.append(Somebody(livekit, room, identity, name, **more))
        return everybody[-1].is_in()

    yield comes
    for somebody in everybody:
        somebody.is_gone()
