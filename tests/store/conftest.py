import pytest

from headcount.store.open import open_store


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path):
    """Where a store may be made: a file, or a fresh database of a server."""
    if request.param == "sqlite":
        return str(tmp_path / "headcount.db")
    return request.getfixturevalue("postgres").database()


@pytest.fixture
def store(url):
    opened = open_store(url)
    yield opened
    opened.close()
