"""Fixtures of the cluster's tests: a broker, a database server, and one live query at a time."""

import pytest

from support.kafka import Broker
from support.servers import Postgres


@pytest.fixture(scope="session")
def broker():
    started = Broker()
    yield started
    started.end()


@pytest.fixture(scope="session")
def postgres():
    started = Postgres()
    yield started
    started.end()
