"""What all tests share: how pytest is asked, and the server that some of them need."""

import pytest


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
    from servers import Postgres

    server = Postgres()
    yield server
    server.end()
