import pytest

from live.behind import Folded
from live.gate import Gate
from live.livekit_server import KEY, SECRET, LiveKit
from live.somebody import Somebody


@pytest.fixture(scope="module")
def headcount():
    return Folded(f"{KEY}:{SECRET}")


@pytest.fixture(scope="module")
def gate(headcount, tmp_path_factory):
    gate = Gate(headcount)
    yield gate
    gate.close()
    gate.keep(tmp_path_factory.getbasetemp() / "livekit.jsonl")


@pytest.fixture(scope="module")
def livekit(tmp_path_factory, gate):
    server = LiveKit(tmp_path_factory.mktemp("livekit"), f"{gate.url}/v1/ingest/livekit/TOKEN")
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
