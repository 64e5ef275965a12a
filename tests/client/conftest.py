import pytest

from support.client_variants import VARIANTS
from support.running_service import Running


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("client")
    running = Running(folder, events_per_5s=0, webhook_allowed_networks="127.0.0.0/8")
    running.start()
    yield running
    running.stop()


@pytest.fixture(params=list(VARIANTS))
def make_client(request):
    """Make clients of one variant; they are closed at the end."""
    made = []

    def make(url, key=None, **options):
        made.append(VARIANTS[request.param](url, key, **options).__enter__())
        return made[-1]

    yield make
    for client in made:
        client.__exit__(None, None, None)
