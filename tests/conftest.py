"""What all tests share: how pytest is asked, and the server that some of them need."""

import functools

import httpcore2
import pytest
from hypothesis import settings

# How long an example takes is no claim of any test: machines are slow at times.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# Every HTTP client reads all certificates of the system, which takes 30 ms. Tests make thousands of clients.
httpcore2.default_ssl_context = functools.cache(httpcore2.default_ssl_context)


def pytest_addoption(parser):
    parser.addoption(
        "--rewrite",
        action="store_true",
        help="write what the oracle says into tests/scenarios/*.txt, and what charts look like into"
        " tests/dashboard/charts/*.svg; then read the diff, or look at the pictures",
    )


@pytest.fixture(scope="session")
def postgres():
    """A real PostgreSQL, one for each process of the tests."""
    from support.servers import Postgres

    server = Postgres()
    yield server
    server.end()
