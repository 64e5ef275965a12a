import pytest

from headcount.store.open import open_store
from support.running_service import Running
from support.webhook_receivers import receiving


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """The real service without rate limits."""
    running = Running(tmp_path_factory.mktemp("webhooks"), webhook_allowed_networks="127.0.0.0/8")
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def outbox(service):
    """Its store, into which messages are put as the engine does it."""
    store = open_store(str(service.database), durability="off")
    yield store
    store.close()


@pytest.fixture
def client(service):
    with service.client() as client:
        yield client


@pytest.fixture
def receiver():
    with receiving() as receiver:
        yield receiver


@pytest.fixture(autouse=True)
def _tidy(request):
    """No endpoint of a test is there for the next one."""
    yield
    if "client" in request.fixturenames:
        client = request.getfixturevalue("service").client()
        for one in client.get("/webhooks").json():
            client.delete(f"/webhooks/{one['uuid']}")
