"""What all tests share: options, markers, and the server that some of them need."""

import functools
import os
import subprocess
from pathlib import Path

import httpcore2
import pytest
from hypothesis import settings

TESTS = Path(__file__).parent

# How long an example takes is no claim of any test: machines are slow at times.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# Every HTTP client reads all certificates of the system, which takes 30 ms. Tests make thousands of clients.
httpcore2.default_ssl_context = functools.cache(httpcore2.default_ssl_context)

# No setting of the machine on which the tests run is a setting of a test.
for name in [name for name in os.environ if name.startswith("HEADCOUNT_") and name != "HEADCOUNT_LIVES"]:
    del os.environ[name]


def pytest_addoption(parser):
    parser.addoption(
        "--rewrite",
        action="store_true",
        help="write what the oracle says into tests/scenarios/*.txt, and what charts look like into"
        " tests/dashboard/charts/*.svg; then read the diff, or look at the pictures",
    )


def pytest_collection_modifyitems(items):
    """Mark what needs a process. Tests outside of the folders and fixtures that imply one mark themselves."""
    for item in items:
        if _is_below(item, "system", "live") or "postgres" in (*item.fixturenames, *_parameters(item)):
            item.add_marker("process")


def _is_below(item, *folders):
    return any(item.path.is_relative_to(TESTS / folder) for folder in folders)


def _parameters(item):
    callspec = getattr(item, "callspec", None)
    return [value for value in callspec.params.values() if isinstance(value, str)] if callspec else []


@pytest.fixture(autouse=True)
def _starts_no_process(request, monkeypatch):
    """A test that is not marked starts no process, so that `make test-fast` stays fast."""
    if request.node.get_closest_marker("process") is None:
        monkeypatch.setattr(subprocess, "Popen", _refuse)


def _refuse(command, *_, **__):
    pytest.fail(f"mark this test with pytest.mark.process: it starts {command}")


@pytest.fixture(scope="session", autouse=True)
def _compiled_once(request, tmp_path_factory):
    if hasattr(request.config, "workerinput"):
        from support.compiled_once import compile_once

        compile_once(tmp_path_factory.getbasetemp().parent / "compiling")


@pytest.fixture(scope="session")
def postgres():
    """A real PostgreSQL, one for each process of the tests."""
    from support.servers import Postgres

    server = Postgres()
    yield server
    server.end()


@pytest.fixture(params=["interpreted", "compiled"])
def each_lane(request):
    """Both ways of `sessionize`, whatever the size of the input."""
    from support.lanes import lane

    with lane(request.param):
        yield request.param


@pytest.fixture
def compiled_lane():
    """The compiled passes, whatever the size of the input."""
    from support.lanes import lane

    with lane("compiled"):
        yield
