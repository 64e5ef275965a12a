import pytest

from support.running_service import Running


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    running = Running(tmp_path_factory.mktemp("mcp"), events_per_5s=0)
    running.start()
    yield running
    running.stop()
